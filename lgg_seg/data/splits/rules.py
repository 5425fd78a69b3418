"""The ways of making a split: by patient, by fold, as published, and the leaky ones for comparison."""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from lgg_seg.data.kaggle.index import Index, Patient
from lgg_seg.data.splits.split import LEAKY, Split, seeded_order
from lgg_seg.errors import UserError, require

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class PatientSplit:
    """Patients at random, each institution in proportion to its size.

    `val` and `test` are fractions of the patients (0.1) or counts of them (20). Sizes are exact, by largest
    remainder, and a fraction above 0 gives at least one patient. `seed` is the split's own, so that runs that differ
    in their seed alone share one exam.
    """

    val: float | int = 0.1
    test: float | int = 0.1
    seed: int = 0

    def __call__(self, index: Index) -> Split:
        total = len(index.patients)
        test, rest = _draw(index.patients, _count(self.test, total, "split.test"), self.seed)
        val, train = _draw(rest, _count(self.val, total, "split.val"), self.seed)
        return _by_patient(index, train, val, test)


@dataclass(frozen=True)
class KFoldSplit:
    """One fold of a cross-validation over patients: the test folds partition the patients.

    Patients are dealt to the folds one by one, institution after institution, so that neither a fold's size nor its
    share of an institution is more than one patient off. Validation patients are drawn from the others.
    """

    n_splits: int = 5
    fold: int = 0
    val: float | int = 0.1
    seed: int = 0

    def __call__(self, index: Index) -> Split:
        dealt = [p for group in _institutions(index.patients, self.seed) for p in group]
        test, rest = _fold(dealt, self.n_splits, self.fold, f"patients in {index.root}")
        val, train = _draw(rest, _count(self.val, len(dealt), "split.val"), self.seed)
        return _by_patient(index, train, val, test)


BUDA_PATIENTS = (
    "CS_4944",
    "CS_6667",
    "CS_6668",
    "DU_5851",
    "DU_6404",
    "DU_6408",
    "DU_7014",
    "HT_7616",
    "HT_7692",
    "HT_7879",
)


@dataclass(frozen=True)
class BudaSplit:
    """The ten held-out patients of mateuszbuda/brain-segmentation-pytorch as the test set.

    Deviation: there the ten also chose the checkpoint; here validation patients are drawn from the others, each
    institution in proportion to its size.
    """

    val: float | int = 0.1
    seed: int = 0

    def __call__(self, index: Index) -> Split:
        wanted = {f"TCGA_{short}" for short in BUDA_PATIENTS}
        test = [p for p in index.patients if _without_date(p.name) in wanted]
        if not test:
            raise UserError(f"split=buda: none of its ten patients is in {index.root}; choose split=patient")
        if missing := sorted(wanted - {_without_date(p.name) for p in test}):
            log.warning("split=buda: %d of its ten patients are not in this tree: %s", len(missing), ", ".join(missing))
        rest = [p for p in index.patients if _without_date(p.name) not in wanted]
        val, train = _draw(rest, _count(self.val, len(index.patients), "split.val"), self.seed)
        return _by_patient(index, train, val, test)


@dataclass(frozen=True)
class SliceRandomSplit:
    """Slices at random, whoever they belong to: neighbours of a training slice are in the exam, so it leaks.

    Only for setting published numbers that were made so beside their own kind.
    """

    val: float | int = 0.1
    test: float | int = 0.1
    seed: int = 0

    def __call__(self, index: Index) -> Split:
        order, total = _shuffled_slices(index, self.seed), len(index.slices)
        test = _count(self.test, total, "split.test")
        val = _count(self.val, total, "split.val")
        _leave_training(total - test - val, "slices")
        return Split.of(index, order[test + val :], order[test : test + val], order[:test], LEAKY)


@dataclass(frozen=True)
class SliceKFoldSplit:
    """One fold of a cross-validation over slices, whoever they belong to: it leaks.

    The test folds partition the slices, as those of `KFoldSplit` do by patient, so the two cross-validations measure
    the same slices: what differs between them is the leak alone.
    """

    n_splits: int = 5
    fold: int = 0
    val: float | int = 0.1
    seed: int = 0

    def __call__(self, index: Index) -> Split:
        order = _shuffled_slices(index, self.seed)
        test, rest = _fold(order, self.n_splits, self.fold, f"slices in {index.root}")
        val = _count(self.val, len(order), "split.val")
        _leave_training(len(rest) - val, "slices")
        return Split.of(index, rest[val:], rest[:val], test, LEAKY)


@dataclass(frozen=True)
class SliceWithinPatientSplit:
    """Every patient's slices at random into all three subsets, so that everyone in the exam was trained on: it leaks.

    After study 000's code: of n slices of a patient the whole part of (1 - `val` - `test`)·n trains, that of `val`·n
    validates, and the exam is what is left. Patients of few slices have none in validation.
    """

    val: float = 0.1
    test: float = 0.1
    seed: int = 0

    def __call__(self, index: Index) -> Split:
        _require_shares(self.val, self.test)
        subsets: dict[str, list[int]] = {"train": [], "val": [], "test": []}
        first = 0
        for patient in index.patients:
            ids = {f"{patient.name}/{s.number}": first + k for k, s in enumerate(patient.slices)}
            first += len(ids)
            order = [ids[name] for name in seeded_order(ids, self.seed)]
            train, val = (_whole_part(share * len(order)) for share in (1 - self.val - self.test, self.val))
            subsets["train"] += order[:train]
            subsets["val"] += order[train : train + val]
            subsets["test"] += order[train + val :]
        _leave_training(len(subsets["train"]), "slices")
        return Split.of(index, subsets["train"], subsets["val"], subsets["test"], LEAKY)


@dataclass(frozen=True)
class UnshuffledSliceSplit:
    """The slices in their order, cut in three, the last of them the exam, as study 002: it leaks where it cuts.

    A cut goes through a patient: one may be in training and validation, another in validation and the exam. Each
    subset holds whole institutions besides, as the order is that of the patients' names.
    """

    val: float = 0.18
    test: float = 0.1

    def __call__(self, index: Index) -> Split:
        _require_shares(self.val, self.test)
        total = len(index.slices)
        test = total - math.ceil(self.test * total)
        train = test - round(self.val * total)
        _leave_training(train, "slices")
        return Split.of(index, range(train), range(train, test), range(test, total), LEAKY)


@dataclass(frozen=True)
class AllPatients:
    """Every patient of a tree as the exam: for evaluating a run on a tree that it has never seen."""

    def __call__(self, index: Index) -> Split:
        return Split.of(index, (), (), range(len(index.slices)), "patient")


def _fold(dealt: Sequence[T], folds: int, fold: int, what: str) -> tuple[list[T], list[T]]:
    """Every `folds`-th from the `fold`-th on, and the others."""
    if not 2 <= folds <= len(dealt):
        raise UserError(f"split.n_splits={folds}: choose 2 to {len(dealt)}, the number of {what}")
    if not 0 <= fold < folds:
        raise UserError(f"split.fold={fold}: folds are numbered 0 to {folds - 1}")
    return list(dealt[fold::folds]), [one for k, one in enumerate(dealt) if k % folds != fold]


def _shuffled_slices(index: Index, seed: int) -> list[int]:
    names = {f"{s.patient}/{s.number}": i for i, s in enumerate(index.slices)}
    return [names[name] for name in seeded_order(names, seed)]


def _count(share: float, total: int, key: str) -> int:
    if isinstance(share, int):
        count = share
    elif 0 <= share < 1:
        count = max(round(share * total), 1 if share > 0 else 0)
    else:
        raise UserError(f"{key}={share}: give a fraction of at least 0 and below 1, or a whole number")
    if not 0 <= count <= total:
        raise UserError(f"{key}={share}: the tree has {total} to choose from")
    return count


def _require_shares(val: float, test: float) -> None:
    for key, share in (("split.val", val), ("split.test", test)):
        require(0 <= share < 1, key, share, "a fraction of at least 0 and below 1")


def _whole_part(number: float) -> int:
    return math.floor(number + 1e-9)  # 0.8 * 35 must not be 27.999…


def _draw(patients: Sequence[Patient], count: int, seed: int) -> tuple[list[Patient], list[Patient]]:
    """`count` of the patients, each institution in proportion to its size by largest remainder, and the others."""
    _leave_training(len(patients) - count, "patients")
    groups = _institutions(patients, seed)
    sizes = [count * len(group) // len(patients) for group in groups]
    by_remainder = sorted(range(len(groups)), key=lambda g: -(count * len(groups[g]) % len(patients)))
    for g in by_remainder[: count - sum(sizes)]:
        sizes[g] += 1
    drawn = [p for group, size in zip(groups, sizes, strict=True) for p in group[:size]]
    others = [p for group, size in zip(groups, sizes, strict=True) for p in group[size:]]
    return drawn, others


def _institutions(patients: Sequence[Patient], seed: int) -> list[list[Patient]]:
    """Patients by institution; both the institutions and the patients of each in a seeded order."""
    groups: defaultdict[str, list[Patient]] = defaultdict(list)
    by_name = {p.name: p for p in patients}
    for name in seeded_order(by_name, seed):
        groups[by_name[name].institution].append(by_name[name])
    return [groups[institution] for institution in seeded_order(groups, seed)]


def _by_patient(index: Index, train: Sequence[Patient], val: Sequence[Patient], test: Sequence[Patient]) -> Split:
    ids: defaultdict[str, list[int]] = defaultdict(list)
    for i, s in enumerate(index.slices):
        ids[s.patient].append(i)
    slices = [[i for p in group for i in ids[p.name]] for group in (train, val, test)]
    return Split.of(index, slices[0], slices[1], slices[2], "patient")


def _leave_training(left: int, unit: str) -> None:
    if left < 1:
        raise UserError(f"the split leaves no {unit} for training: lower split.val or split.test")


def _without_date(name: str) -> str:
    return "_".join(name.split("_")[:3])
