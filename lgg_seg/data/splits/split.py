"""A tree's slices in three parts: who trains, who chooses the checkpoint, who is the exam."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from lgg_seg.data.kaggle.index import Index
from lgg_seg.errors import UserError

Subset = Literal["train", "val", "test"]
Protocol = Literal["patient", "slice_random (leaky)"]
SUBSETS: tuple[Subset, ...] = ("train", "val", "test")
LEAKY: Protocol = "slice_random (leaky)"


@dataclass(frozen=True)
class Split:
    """Three disjoint subsets of `Index.slices`, as ascending ids; make one with `Split.of`, which checks it.

    Under the protocol `patient` no patient stands in two subsets. `LEAKY` is the one protocol of every split that puts
    slices of a patient into several subsets, and says so wherever its numbers go. `hash` is a sha256 over the subsets'
    slices by name.
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
        """Check the subsets against each other and name them by their hash.

        Raises:
            UserError: a slice, or under the protocol `patient` a patient, is in two subsets.
        """
        subsets = dict(zip(SUBSETS, (tuple(sorted(set(ids))) for ids in (train, val, test)), strict=True))
        unit = "slice" if protocol == LEAKY else "patient"
        names = {
            subset: {
                f"{s.patient}/{s.number}" if unit == "slice" else s.patient for s in (index.slices[i] for i in ids)
            }
            for subset, ids in subsets.items()
        }
        for one, other in combinations(SUBSETS, 2):
            if shared := sorted(names[one] & names[other]):
                raise UserError(f"{unit} {shared[0]} is in both {one} and {other}: give it to one of them alone")
        return cls(**subsets, protocol=protocol, hash=_digest(index, subsets))

    def slices(self, subset: Subset) -> tuple[int, ...]:
        """The ids of a subset's slices, ascending."""
        return {"train": self.train, "val": self.val, "test": self.test}[subset]

    def patients(self, index: Index, subset: Subset) -> tuple[str, ...]:
        """The names of the patients with a slice in the subset, in the index's order."""
        return tuple(dict.fromkeys(index.slices[i].patient for i in self.slices(subset)))

    def with_training_patients(self, index: Index, count: int, seed: int) -> Split:
        """The same exam with only the first `count` training patients of a seeded order: 12 are among the 24.

        Raises:
            UserError: there are not that many.
        """
        patients = self.patients(index, "train")
        if not 1 <= count <= len(patients):
            raise UserError(
                f"data.train_patients={count}: the split has {len(patients)} training patients; ask for 1 to that many"
            )
        kept = set(seeded_order(patients, seed)[:count])
        train = (i for i in self.train if index.slices[i].patient in kept)
        return Split.of(index, train, self.val, self.test, self.protocol)


def seeded_order(names: Iterable[str], seed: int) -> list[str]:
    """Names in the order of their digests under the seed.

    Unlike a random generator's, the order is the same on every machine and with every library version, and one name
    more does not reshuffle the rest.
    """
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())


def _digest(index: Index, subsets: dict[Subset, tuple[int, ...]]) -> str:
    lines = (
        f"{subset}\t{s.patient}\t{s.number}\n"
        for subset, ids in subsets.items()
        for s in (index.slices[i] for i in ids)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()
