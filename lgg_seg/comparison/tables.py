"""Runs in tables, each of entries that may stand together, ranked, with the statistics of their differences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lgg_seg.comparison import configurations
from lgg_seg.comparison.comparability import Comparability, why_apart
from lgg_seg.comparison.results import SegmentationResult, merge
from lgg_seg.comparison.runs import Run
from lgg_seg.metrics.arrays import Floats
from lgg_seg.runs.identity import configuration_identity
from lgg_seg.statistics.paired import Comparison, Difference, differences
from lgg_seg.statistics.ranks import rank_distribution
from lgg_seg.statistics.verdict import verdict


@dataclass(frozen=True)
class SegmentationTable:
    """Entries of one contract, the best first.

    `reason` says why they stand apart from the first table; it is empty for that one, unless it leaks.
    `ranks[k, r]` is the share of resamples of the patients in which entry k comes r-th.
    """

    comparability: Comparability
    reason: str
    entries: tuple[SegmentationResult, ...]
    statistics: Comparison
    ranks: Floats = field(repr=False, compare=False)

    @property
    def patients(self) -> list[str]:
        """Everyone measured, sorted."""
        return sorted(self.comparability.patients)

    @property
    def dice(self) -> Floats:
        """Patient Dice (N, K): patients as `patients`, entries in their order."""
        return _dice(self.entries)

    def difference(self, entry: SegmentationResult) -> Difference | None:
        """Of an entry to the best; None for the best."""
        return next((d for d in self.statistics.differences if d.name == entry.label), None)

    @property
    def verdict(self) -> str:
        """What the data say and what they cannot say."""
        single = [entry for entry in self.entries if len(entry.seeds) == 1]
        if len(self.entries) == 1 or not single:
            return verdict(self.statistics)
        who = "Every configuration" if len(single) == len(self.entries) else ", ".join(entry.label for entry in single)
        return (
            f"{verdict(self.statistics)} {who} was trained with one seed: how much training itself varies is unknown."
        )


@dataclass(frozen=True)
class Unmeasured:
    """A run without a result: `run.state` and `run.reason` say why."""

    label: str
    settings: dict[str, str]
    run: Run


@dataclass(frozen=True)
class Leaderboard:
    """Everything that was found: tables of measured entries, and the runs that have no result."""

    tables: tuple[SegmentationTable, ...]
    unmeasured: tuple[Unmeasured, ...]

    @property
    def runs(self) -> list[Run]:
        """Every run that a table shows."""
        return [run for table in self.tables for entry in table.entries for run in entry.runs]


def build_leaderboard(runs: Sequence[Run]) -> Leaderboard:
    """Merge, sort into tables, rank. Honest tables come first, then those with more entries, then more patients."""
    settings = configurations.settings([run for run in runs if run.config])
    groups: dict[Comparability, list[SegmentationResult]] = defaultdict(list)
    for entry in merge(runs, settings):
        groups[entry.comparability].append(entry)
    ordered = sorted(groups, key=lambda c: (c.protocol.leaky, c.protocol.truncated, -len(groups[c]), -len(c.patients)))
    tables = tuple(_table(contract, groups[contract], why_apart(contract, ordered[0])) for contract in ordered)
    return Leaderboard(tables, tuple(_unmeasured(runs, settings)))


def _table(comparability: Comparability, entries: Sequence[SegmentationResult], reason: str) -> SegmentationTable:
    # What differs from another table's entries alone would only lengthen the names.
    names = configurations.labels([e.settings for e in entries], [e.label for e in entries])
    entries = [replace(entry, label=name) for entry, name in zip(entries, names, strict=True)]
    ranked = tuple(sorted(entries, key=lambda e: (-e.metrics["patient/dice"]["mean"], e.label)))
    names = [entry.label for entry in ranked]
    values = _dice(ranked)
    statistics = differences(values, names)
    return SegmentationTable(comparability, reason, ranked, statistics, rank_distribution(values, names))


def _dice(entries: Sequence[SegmentationResult]) -> Floats:
    patients = sorted(entries[0].comparability.patients)
    return np.stack([entry.patients.loc[patients, "dice"].to_numpy(dtype=np.float64) for entry in entries], axis=1)


def _unmeasured(runs: Sequence[Run], settings: Mapping[str, dict[str, str]]) -> Iterator[Unmeasured]:
    """Runs without a result, but for those that were repeated with one."""
    done = {_cell(run) for run in runs if run.result is not None}
    for run in runs:
        if run.result is None and (not run.config or _cell(run) not in done):
            setting = settings.get(configuration_identity(run.config), {}) if run.config else {}
            repeated = {"seed": str(run.seed)} | ({} if run.fold is None else {"fold": str(run.fold)})
            parts = [configurations.label(setting, run.label), *(f"{key}={value}" for key, value in repeated.items())]
            yield Unmeasured(", ".join(parts) if run.config else run.folder.name, setting, run)


def _cell(run: Run) -> tuple[str, int, int | None]:
    return configuration_identity(run.config), run.seed, run.fold
