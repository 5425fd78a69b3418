"""Measured leakage: each configuration split by patient beside itself split by slice, tested on the same slices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd

from lgg_seg.comparison import configurations
from lgg_seg.comparison.comparability import EvaluationProtocol, Slices
from lgg_seg.comparison.results import measured
from lgg_seg.comparison.runs import Run
from lgg_seg.comparison.segmentation import SegmentationResult
from lgg_seg.comparison.tables import Leaderboard
from lgg_seg.metrics.arrays import Floats, Ints
from lgg_seg.runs.identity import configuration_identity
from lgg_seg.statistics.bootstrap import Bootstrapped, bootstrap_weights
from lgg_seg.statistics.pooled import PatientSums, pooled_dice, tumour_slice_dice

HEADLINE = "pooled Dice"
MEASURES: dict[str, Callable[[PatientSums, Ints], Floats]] = {
    HEADLINE: pooled_dice,
    "tumour-slice Dice": tumour_slice_dice,
}
"""Measures that mean the same whichever slices are counted: a mean over patients does not, as a leaky test may hold a
single empty slice of a patient."""
KIND = ("split", "split._target_", "split.fold")  # keys in which configurations equal but for the split may differ


@dataclass(frozen=True)
class ProtocolPair:
    """One measure under the split by patient and under the leaky one."""

    by_patient: Bootstrapped
    leaky: Bootstrapped

    @property
    def added(self) -> Bootstrapped:
        return self.leaky - self.by_patient

    @classmethod
    def mean(cls, pairs: Sequence[ProtocolPair]) -> ProtocolPair:
        return cls(Bootstrapped.mean([p.by_patient for p in pairs]), Bootstrapped.mean([p.leaky for p in pairs]))


@dataclass(frozen=True)
class LeakageRow:
    """One configuration under two splits with everything else equal, over the `seeds` trained under both.

    `measures` are by the names of `MEASURES`, `steps` the optimizer steps of a run under either split, which differ in
    a few slices. A mean over configurations has neither steps nor seeds.
    """

    label: str
    measures: dict[str, ProtocolPair]
    steps: tuple[int, int] | None = None
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True)
class LeakageTable:
    """The configurations of which the same slices were tested under both splits; every number is over those alone."""

    slices: Slices
    rows: tuple[LeakageRow, ...]

    @property
    def patients(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.slices)

    @property
    def lines(self) -> list[LeakageRow]:
        """The rows, and the mean of several, which is taken resample by resample."""
        if len(self.rows) == 1:
            return [*self.rows]
        pairs = {name: [row.measures[name] for row in self.rows] for name in MEASURES}
        means = {name: ProtocolPair.mean(of_rows) for name, of_rows in pairs.items()}
        return [*self.rows, LeakageRow(f"mean of {len(self.rows)}", means)]


def leakage_tables(board: Leaderboard) -> list[LeakageTable]:
    """Every configuration of which any slice was measured under both splits, the table of most slices first."""
    results = [entry for table in board.tables for entry in table.entries]
    leaking: dict[tuple[str, EvaluationProtocol], list[SegmentationResult]] = defaultdict(list)
    for result in results:
        if result.comparability.leaky:
            leaking[_without_split(result)].append(result)
    pairs = [
        (by_patient, leaky)
        for by_patient in results
        if not by_patient.comparability.leaky
        for leaky in leaking[_without_split(by_patient)]
        if not by_patient.seeds.keys().isdisjoint(leaky.seeds)
    ]
    settings = [{key: value for key, value in one.settings.items() if key not in KIND} for one, _ in pairs]
    labels = configurations.labels([one.runs[0] for one, _ in pairs], settings)
    rows: dict[Slices, list[LeakageRow]] = defaultdict(list)
    for label, (by_patient, leaky) in zip(labels, pairs, strict=True):
        if slices := by_patient.comparability.slices & _leaked(leaky):
            rows[slices].append(_row(label, by_patient, leaky, slices))
    tables = [LeakageTable(slices, tuple(of_slices)) for slices, of_slices in rows.items()]
    return sorted(tables, key=lambda table: (-len(table.slices), -len(table.rows)))


def _leaked(leaky: SegmentationResult) -> Slices:
    """Slices measured whose patients were in training: where the split cuts a list of files, some may be new."""
    leaked: set[tuple[str, int]] = set()
    for run in leaky.runs:
        trained = run.provenance.get("split", {}).get("train", {})
        leaked |= {key for key in measured([run]) if key[0] in trained}
    return leaky.comparability.slices & leaked


def _without_split(result: SegmentationResult) -> tuple[str, EvaluationProtocol]:
    """The same for results that are equal except for the kind of split: its shares, folds and seed are equal, too."""
    config = result.runs[0].config
    split = {key: value for key, value in config["split"].items() if f"split.{key}" not in KIND}
    # Patients that were trained on and measured again leak too, but by no split.
    return configuration_identity(config | {"split": split}), replace(result.comparability.protocol, split_protocol="")


def _row(label: str, by_patient: SegmentationResult, leaky: SegmentationResult, slices: Slices) -> LeakageRow:
    seeds = tuple(seed for seed in by_patient.seeds if seed in leaky.seeds)
    samples = zip(_samples(by_patient, seeds, slices), _samples(leaky, seeds, slices), strict=True)
    measures = {name: ProtocolPair(*both) for name, both in zip(MEASURES, samples, strict=True)}
    return LeakageRow(label, measures, (_steps(by_patient), _steps(leaky)), seeds)


def _samples(result: SegmentationResult, seeds: Sequence[int], slices: Slices) -> list[Bootstrapped]:
    """Each measure, averaged over the seeds in every resample.

    The resamples are of the same patients for every result, so differences are paired and means can be taken.
    """
    sums = [patient_sums(result.seeds[seed], slices) for seed in seeds]
    patients = sums[0].tp.size
    once, weights = np.ones((1, patients), np.int64), np.concatenate(list(bootstrap_weights(patients)))
    return [
        Bootstrapped.mean([Bootstrapped(float(measure(one, once)[0]), measure(one, weights)) for one in sums])
        for measure in MEASURES.values()
    ]


def patient_sums(folds: Sequence[Run], slices: Slices) -> PatientSums:
    """Sums over these slices in the folds of one seed, patients in the order of their names."""
    rows = pd.concat([run.slices for run in folds]).set_index(["patient", "slice"])
    rows = rows.loc[sorted(slices)]
    tumour = rows["truth_pixels"] > 0
    rows = rows.assign(slice_dice=rows["dice"].where(tumour, 0.0), tumour_slices=tumour.astype(int))
    names = [part.name for part in fields(PatientSums)]
    sums = rows.groupby("patient")[names].sum()
    return PatientSums(**{name: sums[name].to_numpy() for name in names})


def _steps(result: SegmentationResult) -> int:
    return round(float(np.mean([run.history["step"].max() for run in result.runs])))
