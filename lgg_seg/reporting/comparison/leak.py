"""What a leak adds: a configuration measured by patient beside itself with the slices of its patients shared out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np
import pandas as pd

from lgg_seg.metrics.arrays import Floats, Ints
from lgg_seg.metrics.classification import Estimate
from lgg_seg.metrics.pooled import PatientSums, pooled_dice, redrawn, tumour_slice_dice
from lgg_seg.reporting.comparison import configurations
from lgg_seg.reporting.comparison.contract import Contract, Rules
from lgg_seg.reporting.comparison.entries import Entry
from lgg_seg.reporting.comparison.runs import Run
from lgg_seg.reporting.comparison.tables import Leaderboard

HEADLINE = "pooled Dice"
MEASURES: dict[str, Callable[[PatientSums, Ints], Floats]] = {
    HEADLINE: pooled_dice,
    "tumour-slice Dice": tumour_slice_dice,
}
"""What can be held against itself over other patients: a mean over patients cannot, as a leaky test may hold a single
empty slice of a patient."""

HONEST_DRAWS, LEAKY_DRAWS = 0, 1
"""Seeds of the resampling: alike for every network of a test, so that they may be averaged, other in the other test."""


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
        known = self.drawn[np.isfinite(self.drawn)]
        interval = tuple(np.quantile(known, [0.025, 0.975]).tolist()) if known.size else None
        return Estimate(self.value, interval, self.drawn.size - known.size)


@dataclass(frozen=True)
class Arms:
    """One measure by patient and with the leak."""

    honest: Sample
    leaky: Sample

    @property
    def added(self) -> Sample:
        """What the leak adds."""
        return self.leaky - self.honest


@dataclass(frozen=True)
class Leak:
    """One configuration under two splits with everything else equal; `measures` by the names of `MEASURES`."""

    label: str
    honest: Entry
    leaky: Entry
    measures: dict[str, Arms]

    @property
    def steps(self) -> tuple[int, int]:
        """Optimizer steps of a run by patient and of one with the leak: the splits differ in slices by a few."""
        return _steps(self.honest), _steps(self.leaky)


@dataclass(frozen=True)
class LeakTable:
    """The configurations that were measured in the same two tests."""

    honest: Contract
    leaky: Contract
    rows: tuple[Leak, ...]

    @property
    def mean(self) -> dict[str, Arms]:
        """Each measure's mean over the rows, resample by resample."""
        return {name: Arms(*(_mean([getattr(row.measures[name], arm) for row in self.rows])
                             for arm in ("honest", "leaky"))) for name in MEASURES}  # fmt: skip


def leak_tables(board: Leaderboard) -> list[LeakTable]:
    """Every configuration of the leaderboard that was measured both ways, the largest table first."""
    pairs: dict[tuple[Contract, Contract], list[tuple[Entry, Entry]]] = defaultdict(list)
    entries = [entry for table in board.tables for entry in table.entries]
    for honest, leaky in _pairs(entries):
        pairs[honest.contract, leaky.contract].append((honest, leaky))
    tables = [LeakTable(*contracts, tuple(_rows(found))) for contracts, found in pairs.items()]
    return sorted(tables, key=lambda table: -len(table.rows))


def _pairs(entries: Sequence[Entry]) -> Iterator[tuple[Entry, Entry]]:
    for honest in entries:
        for leaky in entries:
            if not _leaky(honest) and _knows(leaky) and _but_for_the_split(honest) == _but_for_the_split(leaky):
                yield honest, leaky


def _leaky(entry: Entry) -> bool:
    return entry.contract.rules.leaky


def _knows(entry: Entry) -> bool:
    """Whether it leaks, and its training really held slices of those tested; a cut in a list of files may not."""
    trained = {name for run in entry.runs for name in run.provenance.get("split", {}).get("train", {})}
    return _leaky(entry) and not trained.isdisjoint(entry.contract.patients)


def _but_for_the_split(entry: Entry) -> tuple[str, Rules]:
    run = entry.runs[0]
    config = {key: value for key, value in run.config.items() if key != "split"}
    # Patients that were trained on and measured again leak too, but by no split.
    return configurations.identity(config), replace(entry.contract.rules, protocol="")


def _rows(pairs: Sequence[tuple[Entry, Entry]]) -> Iterator[Leak]:
    settings = [
        {key: value for key, value in honest.settings.items() if key.partition(".")[0] != "split"}
        for honest, _ in pairs
    ]
    names = configurations.labels(settings, [honest.runs[0].name for honest, _ in pairs])
    for name, (honest, leaky) in zip(names, pairs, strict=True):
        arms = zip(_samples(honest, HONEST_DRAWS), _samples(leaky, LEAKY_DRAWS), strict=True)
        yield Leak(name, honest, leaky, dict(zip(MEASURES, (Arms(*both) for both in arms), strict=True)))


def _samples(entry: Entry, draws: int) -> list[Sample]:
    """Each measure, averaged over the seeds in every resample."""
    seeds = [patient_sums(runs) for runs in entry.seeds.values()]
    patients = seeds[0].tp.size
    once, weights = np.ones((1, patients), np.int64), redrawn(patients, draws)
    return [
        _mean([Sample(float(measure(sums, once)[0]), measure(sums, weights)) for sums in seeds])
        for measure in MEASURES.values()
    ]


def _mean(samples: Sequence[Sample]) -> Sample:
    return Sample(
        float(np.mean([sample.value for sample in samples])), np.mean([sample.drawn for sample in samples], axis=0)
    )


def patient_sums(folds: Sequence[Run]) -> PatientSums:
    """What the slices of a seed's folds add up to, patients in the order of their names."""
    slices = pd.concat([run.slices for run in folds if run.slices is not None])
    tumour = slices["truth_pixels"] > 0
    slices = slices.assign(slice_dice=slices["dice"].where(tumour, 0.0), tumour_slices=tumour.astype(int))
    names = [part.name for part in fields(PatientSums)]
    sums = slices.groupby("patient")[names].sum()
    return PatientSums(**{name: sums[name].to_numpy() for name in names})


def _steps(entry: Entry) -> int:
    histories = [run.history for run in entry.runs if run.history is not None]
    return round(float(np.mean([history["step"].max() for history in histories])))
