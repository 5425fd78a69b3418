"""Splits by patient: at random, in folds, as published, from a file, and all patients as the test set."""

import csv
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from lgg_seg.data.kaggle.index import Index, Patient
from lgg_seg.data.kaggle.listing import without_date
from lgg_seg.data.splits.split import SUBSETS, Split, Subset, require_training, seeded_order, subset_size, take_fold
from lgg_seg.errors import UserError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PatientSplit:
    """Patients at random, each institution in proportion to its size.

    `val` and `test` are fractions of the patients (0.1) or counts of them (20). Sizes are exact, by largest remainder,
    and a fraction above 0 gives at least one patient; with 0 and 0 everyone is trained on. `seed` is the split's own:
    runs of other seeds share a test set.
    """

    val: float | int = 0.1
    test: float | int = 0.1
    seed: int = 0

    def __call__(self, index: Index) -> Split:
        total = len(index.patients)
        test, rest = _sample(index.patients, subset_size(self.test, total, "split.test"), self.seed)
        val, train = _sample(rest, subset_size(self.val, total, "split.val"), self.seed)
        return _by_patient(index, train, val, test)


@dataclass(frozen=True)
class KFoldSplit:
    """One fold of a cross-validation over patients: the test folds partition the patients.

    Patients are dealt to the folds one by one, institution after institution, so that neither a fold's size nor its
    share of an institution is more than one patient off. Validation patients are sampled from the others.
    """

    n_splits: int = 5
    fold: int = 0
    val: float | int = 0.1
    seed: int = 0

    def __call__(self, index: Index) -> Split:
        dealt = [p for group in _institutions(index.patients, self.seed) for p in group]
        test, rest = take_fold(dealt, self.n_splits, self.fold, f"patients in {index.root}")
        val, train = _sample(rest, subset_size(self.val, len(dealt), "split.val"), self.seed)
        return _by_patient(index, train, val, test)


_BUDA = "CS_4944 CS_6667 CS_6668 DU_5851 DU_6404 DU_6408 DU_7014 HT_7616 HT_7692 HT_7879"
BUDA_PATIENTS = frozenset(f"TCGA_{short}" for short in _BUDA.split())


@dataclass(frozen=True)
class BudaSplit:
    """The ten held-out patients of mateuszbuda/brain-segmentation-pytorch as the test set.

    Deviation: there the ten also chose the checkpoint; here validation patients are sampled from the others, each
    institution in proportion to its size.
    """

    val: float | int = 0.1
    seed: int = 0

    def __call__(self, index: Index) -> Split:
        test = [p for p in index.patients if without_date(p.name) in BUDA_PATIENTS]
        if not test:
            raise UserError(f"split=buda: none of its ten patients is in {index.root}; choose split=patient")
        if missing := sorted(BUDA_PATIENTS - {without_date(p.name) for p in test}):
            names = ", ".join(missing)
            log.warning("split=buda: %d of its ten patients are not in %s: %s", len(missing), index.root, names)
        rest = [p for p in index.patients if without_date(p.name) not in BUDA_PATIENTS]
        val, train = _sample(rest, subset_size(self.val, len(index.patients), "split.val"), self.seed)
        return _by_patient(index, train, val, test)


@dataclass(frozen=True)
class FileSplit:
    """The patients of a CSV file with columns `patient` and `subset` (`train`, `val` or `test`); others are left out.

    A patient is named as their folder, or as that without its date, as in `data.csv`.
    """

    file: str

    def __call__(self, index: Index) -> Split:
        known = {name: p for p in index.patients for name in (without_date(p.name), p.name)}
        groups: dict[str, list[Patient]] = {subset: [] for subset in SUBSETS}
        given: dict[str, str] = {}
        for name, subset in self._rows():
            if name not in known:
                raise UserError(f"{self.file} names the patient {name}, who is not in {index.root}.")
            patient = known[name]
            if given.setdefault(patient.name, subset) != subset:
                raise UserError(f"{self.file} puts {name} into {given[patient.name]} and into {subset}; choose one.")
            groups[subset].append(patient)
        require_training(len(groups["train"]), "patients")
        if left_out := len(index.patients) - len(given):
            log.warning("split=file: %d patients of %s are not in %s and are left out", left_out, index.root, self.file)
        return _by_patient(index, *groups.values())

    def _rows(self) -> Iterator[tuple[str, Subset]]:
        """The patients' names, each with a subset."""
        example = "write patient,subset in its first line, and TCGA_CS_4941,train in one of the others"
        try:
            with Path(self.file).expanduser().open(newline="", encoding="utf-8-sig") as stream:
                rows = list(csv.DictReader(stream))
        except (OSError, csv.Error, UnicodeDecodeError) as error:
            raise UserError(f"split.file={self.file} cannot be read ({error}); {example}.") from error
        for number, row in enumerate(rows, 2):
            patient, subset = ((row.get(column) or "").strip() for column in ("patient", "subset"))
            if not patient or subset not in SUBSETS:
                raise UserError(f"{self.file}, line {number}, names no patient with train, val or test; {example}.")
            yield patient, cast(Subset, subset)


@dataclass(frozen=True)
class AllPatients:
    """Every patient as the test set: for evaluating a run on a data set that it has never seen."""

    def __call__(self, index: Index) -> Split:
        return Split.of(index, (), (), range(len(index.slices)), "patient")


def _sample(patients: Sequence[Patient], count: int, seed: int) -> tuple[list[Patient], list[Patient]]:
    """`count` of the patients, each institution in proportion to its size by largest remainder, and the others."""
    require_training(len(patients) - count, "patients")
    groups = _institutions(patients, seed)
    sizes = [count * len(group) // len(patients) for group in groups]
    by_remainder = sorted(range(len(groups)), key=lambda g: -(count * len(groups[g]) % len(patients)))
    for g in by_remainder[: count - sum(sizes)]:
        sizes[g] += 1
    sampled = [p for group, size in zip(groups, sizes, strict=True) for p in group[:size]]
    others = [p for group, size in zip(groups, sizes, strict=True) for p in group[size:]]
    return sampled, others


def _institutions(patients: Sequence[Patient], seed: int) -> list[list[Patient]]:
    """Patients by institution; both the institutions and the patients of each in a seeded order."""
    groups: defaultdict[str, list[Patient]] = defaultdict(list)
    by_name = {p.name: p for p in patients}
    for name in seeded_order(by_name, seed):
        groups[by_name[name].institution].append(by_name[name])
    return [groups[institution] for institution in seeded_order(groups, seed)]


def _by_patient(index: Index, *groups: Sequence[Patient]) -> Split:
    names = ({p.name for p in group} for group in groups)
    train, val, test = ([i for i, s in enumerate(index.slices) if s.patient in subset] for subset in names)
    return Split.of(index, train, val, test, "patient")
