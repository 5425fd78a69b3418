"""What a leak adds: a configuration measured by patient beside itself with the slices of its patients shared out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np
import pandas as pd

from lgg_seg.comparison import configurations
from lgg_seg.comparison.comparability import EvaluationProtocol
from lgg_seg.comparison.results import SegmentationResult, measured
from lgg_seg.comparison.runs import Run
from lgg_seg.comparison.tables import Leaderboard
from lgg_seg.metrics.arrays import Floats, Ints
from lgg_seg.runs.identity import configuration_identity
from lgg_seg.statistics.bootstrap import Estimate, bootstrap_weights
from lgg_seg.statistics.pooled import PatientSums, pooled_dice, tumour_slice_dice

HEADLINE = "pooled Dice"
MEASURES: dict[str, Callable[[PatientSums, Ints], Floats]] = {
    HEADLINE: pooled_dice,
    "tumour-slice Dice": tumour_slice_dice,
}
"""What means the same whichever slices are counted: a mean over patients does not, as a leaky test may hold a single
empty slice of a patient."""

KIND = ("split", "split._target_", "split.fold")
"""What two configurations may differ in and be equal but for the split."""

Slices = frozenset[tuple[str, int]]


@dataclass(frozen=True)
class Sample:
    """A measure of one test: its value, and its value in each resample of the patients (R,)."""

    value: float
    drawn: Floats = field(repr=False, compare=False)

    def __sub__(self, other: Sample) -> Sample:
        return Sample(self.value - other.value, self.drawn - other.drawn)

    @property
    def estimate(self) -> Estimate:
        """With the 95 % percentile interval; resamples that leave it undefined are counted."""
        return Estimate.of(self.value, self.drawn)


@dataclass(frozen=True)
class ProtocolPair:
    """One measure by patient and with the leak."""

    by_patient: Sample
    leaky: Sample

    @property
    def added(self) -> Sample:
        """What the leak adds."""
        return self.leaky - self.by_patient


@dataclass(frozen=True)
class LeakageRow:
    """One configuration under two splits with everything else equal; `measures` by the names of `MEASURES`.

    Only the seeds that it was trained with both ways count.
    """

    label: str
    by_patient: SegmentationResult
    leaky: SegmentationResult
    seeds: tuple[int, ...]
    measures: dict[str, ProtocolPair]

    @property
    def steps(self) -> tuple[int, int]:
        """Optimizer steps of a run by patient and of one with the leak: the splits differ in slices by a few."""
        return _steps(self.by_patient), _steps(self.leaky)


@dataclass(frozen=True)
class LeakageTable:
    """The configurations of which the same slices were tested both ways; every number is over those alone."""

    slices: Slices
    rows: tuple[LeakageRow, ...]

    @property
    def patients(self) -> frozenset[str]:
        """Whose slices they are."""
        return frozenset(name for name, _ in self.slices)

    @property
    def mean(self) -> dict[str, ProtocolPair]:
        """Each measure's mean over the rows, resample by resample."""
        return {name: ProtocolPair(*(_mean([getattr(row.measures[name], arm) for row in self.rows])
                             for arm in ("by_patient", "leaky"))) for name in MEASURES}  # fmt: skip


def leakage_tables(board: Leaderboard) -> list[LeakageTable]:
    """Every configuration of the leaderboard of which any slice was measured both ways, that of most slices first."""
    entries = [entry for table in board.tables for entry in table.entries]
    pairs = [
        (honest, leaky)
        for honest in entries
        for leaky in entries
        if not _leaky(honest) and _leaky(leaky) and _but_for_the_split(honest, leaky)
    ]
    rows: dict[Slices, list[LeakageRow]] = defaultdict(list)
    for name, (honest, leaky) in zip(_names([honest for honest, _ in pairs]), pairs, strict=True):
        if slices := _tested_both_ways(honest, leaky):
            rows[slices].append(_leak(name, honest, leaky, slices))
    tables = [LeakageTable(slices, tuple(found)) for slices, found in rows.items()]
    return sorted(tables, key=lambda table: (-len(table.slices), -len(table.rows)))


def _leaky(entry: SegmentationResult) -> bool:
    return entry.comparability.leaky


def _tested_both_ways(honest: SegmentationResult, leaky: SegmentationResult) -> Slices:
    """Of patients whose other slices the leaky training really held: a cut in a list of files may leave some new."""
    known: set[tuple[str, int]] = set()
    for run in leaky.runs:
        trained = run.provenance.get("split", {}).get("train", {})
        known |= {key for key in measured([run]) if key[0] in trained}
    return honest.comparability.slices & leaky.comparability.slices & known


def _but_for_the_split(honest: SegmentationResult, leaky: SegmentationResult) -> bool:
    """Whether they are equal but for the kind of split: its shares, folds and seed are equal, too."""
    return _without_the_kind(honest) == _without_the_kind(leaky) and not honest.seeds.keys().isdisjoint(leaky.seeds)


def _without_the_kind(entry: SegmentationResult) -> tuple[str, EvaluationProtocol]:
    config = entry.runs[0].config
    split = {key: value for key, value in config["split"].items() if f"split.{key}" not in KIND}
    # Patients that were trained on and measured again leak too, but by no split.
    return configuration_identity(config | {"split": split}), replace(entry.comparability.protocol, split_protocol="")


def _names(honest: Sequence[SegmentationResult]) -> list[str]:
    settings = [{key: value for key, value in entry.settings.items() if key not in KIND} for entry in honest]
    return configurations.labels(settings, [entry.runs[0].label for entry in honest])


def _leak(name: str, honest: SegmentationResult, leaky: SegmentationResult, slices: Slices) -> LeakageRow:
    seeds = tuple(seed for seed in honest.seeds if seed in leaky.seeds)
    arms = zip(_samples(honest, seeds, slices), _samples(leaky, seeds, slices), strict=True)
    return LeakageRow(
        name, honest, leaky, seeds, dict(zip(MEASURES, (ProtocolPair(*both) for both in arms), strict=True))
    )


def _samples(entry: SegmentationResult, asked: Sequence[int], slices: Slices) -> list[Sample]:
    """Each measure, averaged over the seeds in every resample.

    The resamples are of the same patients for every entry, so differences are paired and means can be taken.
    """
    seeds = [patient_sums(entry.seeds[seed], slices) for seed in asked]
    patients = seeds[0].tp.size
    once, weights = np.ones((1, patients), np.int64), np.concatenate(list(bootstrap_weights(patients)))
    return [
        _mean([Sample(float(measure(sums, once)[0]), measure(sums, weights)) for sums in seeds])
        for measure in MEASURES.values()
    ]


def _mean(samples: Sequence[Sample]) -> Sample:
    return Sample(
        float(np.mean([sample.value for sample in samples])), np.mean([sample.drawn for sample in samples], axis=0)
    )


def patient_sums(folds: Sequence[Run], slices: Slices) -> PatientSums:
    """What these slices add up to in a seed's folds, patients in the order of their names."""
    rows = pd.concat([run.slices for run in folds if run.slices is not None]).set_index(["patient", "slice"])
    rows = rows.loc[sorted(slices)]
    tumour = rows["truth_pixels"] > 0
    rows = rows.assign(slice_dice=rows["dice"].where(tumour, 0.0), tumour_slices=tumour.astype(int))
    names = [part.name for part in fields(PatientSums)]
    sums = rows.groupby("patient")[names].sum()
    return PatientSums(**{name: sums[name].to_numpy() for name in names})


def _steps(entry: SegmentationResult) -> int:
    histories = [run.history for run in entry.runs if run.history is not None]
    return round(float(np.mean([history["step"].max() for history in histories])))
