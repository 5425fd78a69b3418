"""A data set's slices in three subsets: for training, for choosing the checkpoint, for the test."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeVar

from lgg_seg.data.kaggle.index import Index
from lgg_seg.errors import UserError

Subset = Literal["train", "val", "test"]
Protocol = Literal["patient", "slice_random (leaky)"]
SUBSETS: tuple[Subset, ...] = ("train", "val", "test")
LEAKY: Protocol = "slice_random (leaky)"

T = TypeVar("T")


@dataclass(frozen=True)
class Split:
    """Three disjoint subsets of `Index.slices`, as ascending ids; make one with `Split.of`, which checks it.

    Under the protocol `patient` no patient is in two subsets; of every other split the protocol is `LEAKY`, which
    stands wherever its numbers go. `hash` is a sha256 over the subsets' slices by name.
    """

    train: tuple[int, ...]
    val: tuple[int, ...]
    test: tuple[int, ...]
    protocol: Protocol
    hash: str

    @classmethod
    def of(
        cls, index: Index, train: Iterable[int], val: Iterable[int], test: Iterable[int], protocol: Protocol
    ) -> Split:
        """Check the subsets against each other and name them by their hash."""
        subsets = {subset: tuple(sorted(set(ids))) for subset, ids in zip(SUBSETS, (train, val, test), strict=True)}
        slices = {subset: [index.slices[i] for i in ids] for subset, ids in subsets.items()}
        unit = "slice" if protocol == LEAKY else "patient"
        names = {
            subset: {f"{s.patient}/{s.number}" if unit == "slice" else s.patient for s in group}
            for subset, group in slices.items()
        }
        for one, other in combinations(SUBSETS, 2):
            if shared := sorted(names[one] & names[other]):
                raise UserError(f"{unit} {shared[0]} is in both {one} and {other}: give it to one of them alone")
        lines = "".join(f"{subset}\t{s.patient}\t{s.number}\n" for subset in SUBSETS for s in slices[subset])
        return cls(**subsets, protocol=protocol, hash=hashlib.sha256(lines.encode()).hexdigest())

    @property
    def training_only(self) -> bool:
        """Whether nobody is left to choose the checkpoint by, and nobody to test."""
        return not (self.val or self.test)

    def slices(self, subset: Subset) -> tuple[int, ...]:
        """The ids of a subset's slices, ascending."""
        return {"train": self.train, "val": self.val, "test": self.test}[subset]

    def patients(self, index: Index, subset: Subset) -> tuple[str, ...]:
        """The names of the patients with a slice in the subset, in the index's order."""
        return tuple(dict.fromkeys(index.slices[i].patient for i in self.slices(subset)))

    def with_training_patients(self, index: Index, count: int, seed: int) -> Split:
        """The same test set with only the first `count` training patients of a seeded order: 12 are among the 24."""
        patients = self.patients(index, "train")
        if not 1 <= count <= len(patients):
            raise UserError(
                f"data.train_patients={count}: the split has {len(patients)} training patients; ask for 1 to that many"
            )
        kept = set(seeded_order(patients, seed)[:count])
        train = (i for i in self.train if index.slices[i].patient in kept)
        return Split.of(index, train, self.val, self.test, self.protocol)


def seeded_order(names: Iterable[str], seed: int) -> list[str]:
    """Names in the order of their hashes under the seed: the same everywhere, whatever names there are besides."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())


def subset_size(share: float, total: int, key: str) -> int:
    """How many of `total` the fraction or count `share` is; of a fraction above 0 at least one."""
    if isinstance(share, int):
        count = share
    elif 0 <= share < 1:
        count = max(round(share * total), 1 if share > 0 else 0)
    else:
        raise UserError(f"{key}={share}: give a fraction of at least 0 and below 1, or a whole number")
    if not 0 <= count <= total:
        raise UserError(f"{key}={share}: there are {total} to choose from")
    return count


def take_fold(dealt: Sequence[T], folds: int, fold: int, unit: str) -> tuple[list[T], list[T]]:
    """Every `folds`-th item from the `fold`-th on, and the others."""
    if not 2 <= folds <= len(dealt):
        raise UserError(f"split.n_splits={folds}: choose 2 to {len(dealt)}, the number of {unit}")
    if not 0 <= fold < folds:
        raise UserError(f"split.fold={fold}: folds are numbered 0 to {folds - 1}")
    return list(dealt[fold::folds]), [one for k, one in enumerate(dealt) if k % folds != fold]


def require_training(count: int, unit: str) -> None:
    """Refuse a split without training slices."""
    if count < 1:
        raise UserError(f"the split leaves no {unit} for training: lower split.val or split.test")
