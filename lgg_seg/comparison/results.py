"""The result of a configuration: its runs grouped, folds merged into out-of-fold patients, seeds averaged."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np

from lgg_seg.comparison import configurations
from lgg_seg.comparison.comparability import Comparability, EvaluationProtocol, Slices, protocol_of
from lgg_seg.comparison.runs import Run
from lgg_seg.messages import counted
from lgg_seg.runs.identity import configuration_identity
from lgg_seg.runs.monitor import monitor_of
from lgg_seg.statistics.verdict import listed

Seeds = dict[int, tuple[Run, ...]]  # the runs of each seed: one a fold, or a single one without cross-validation


@dataclass(frozen=True, kw_only=True)
class ConfigurationResult(ABC):
    """The result of one configuration under one evaluation protocol; a subclass for each task adds the numbers.

    The runs of each of the `seeds` together measured every slice of `comparability`. `cost` is that of one run, `notes`
    say what was left out, `seed_scores` is by seed what tables rank by; `rank` counts from 1 once it stands in a table.
    """

    label: str
    settings: dict[str, str]
    comparability: Comparability
    seeds: Seeds
    cost: dict[str, float | None] = field(repr=False)
    notes: tuple[str, ...] = ()
    seed_scores: dict[int, float]
    rank: int = 0
    status: ClassVar[str] = "finished"

    @classmethod
    @abstractmethod
    def numbers(cls, seeds: Seeds, protocol: EvaluationProtocol) -> dict[str, Any]:
        """`seed_scores` and the fields that the subclass adds."""

    @property
    @abstractmethod
    def score(self) -> float:
        """What tables rank by, the higher the better."""

    @property
    def validation_score(self) -> float:
        """The best validation score of each run's epochs, averaged: what a search ranks by; 0 without histories."""
        best = [max(map(monitor_of(rows).score, rows)) for rows in (run.epochs for run in self.runs) if rows]
        return float(np.mean(best)) if best else 0.0

    @property
    def runs(self) -> list[Run]:
        return [run for runs in self.seeds.values() for run in runs]

    @property
    def folds(self) -> int:
        """Number of folds a seed was trained in; 1 without cross-validation."""
        return len(next(iter(self.seeds.values())))

    @property
    def seed_spread(self) -> float | None:
        """Standard deviation of the score between seeds; None with a single one."""
        scores = list(self.seed_scores.values())
        return float(np.std(scores, ddof=1)) if len(scores) > 1 else None

    @classmethod
    def of_runs(cls, runs: Iterable[Run], settings: Mapping[str, dict[str, str]]) -> list[Self]:
        """Results of measured runs of one task, in the order of their first run.

        Folds are one result, unless they were measured on their validation patients, who overlap. `settings` are those
        of `configurations.settings`, perhaps over more runs than these.
        """
        groups: dict[tuple[str, EvaluationProtocol, int | None], list[Run]] = defaultdict(list)
        runs = list(runs)
        labels = configurations.names(runs, settings)
        for run in runs:
            protocol = protocol_of(run)
            fold = run.fold if protocol.subset == "val" else None
            groups[configuration_identity(run.config), protocol, fold].append(run)
        results = []
        for (identity, protocol, _), group in groups.items():
            seeds, slices, notes = merge_seeds(group)
            result = cls(
                label=labels[identity],
                settings=settings[identity],
                comparability=Comparability(protocol, slices),
                seeds=seeds,
                cost=_single_run_cost([run for folds in seeds.values() for run in folds]),
                notes=notes,
                **cls.numbers(seeds, protocol),
            )
            results.append(result)
        return results


Result = TypeVar("Result", bound=ConfigurationResult)


@dataclass(frozen=True)
class ComparisonTable(ABC, Generic[Result]):
    """Comparable results, the best first.

    `reason` says why they are not in the first table of their task; it is empty for that one, unless it leaks.
    """

    comparability: Comparability
    reason: str
    entries: tuple[Result, ...]

    @cached_property
    def patients(self) -> list[str]:
        """Everyone measured, sorted."""
        return sorted(self.comparability.patients)

    @property
    def runs(self) -> list[Run]:
        return [run for entry in self.entries for run in entry.runs]

    @property
    @abstractmethod
    def verdict(self) -> str:
        """What the data show, in a few sentences."""

    @property
    def single_seeded(self) -> list[str]:
        """The labels of what was trained with one seed."""
        return [entry.label for entry in self.entries if len(entry.seeds) == 1]

    @property
    def caveats(self) -> str:
        """What the data cannot show, as of single seeds; empty where there is nothing to add."""
        single = self.single_seeded
        if not single or len(self.entries) == 1:
            return ""
        subject = "Every configuration" if len(single) == len(self.entries) else listed(single)
        verb = "was" if subject in ("Every configuration", *single) else "were"
        return f"{subject} {verb} trained with one seed: how much training itself varies is unknown."

    @property
    def notes(self) -> list[tuple[str, str]]:
        """What was left out, each note once, with whom it is about."""
        whom: dict[str, list[str]] = defaultdict(list)
        for entry in self.entries:
            for note in entry.notes:
                whom[note].append(entry.label)
        several = len(self.entries) > 1
        return [
            ("every configuration" if several and len(labels) == len(self.entries) else ", ".join(labels), note)
            for note, labels in whom.items()
        ]


def merge_seeds(runs: Sequence[Run]) -> tuple[Seeds, Slices, tuple[str, ...]]:
    """Measured runs of one configuration by seed and fold, the slices they measured, and notes on what was left out.

    Of repetitions the latest counts, of seeds those that measured the most slices.
    """
    notes: list[str] = []
    by_seed: dict[int, dict[int, Run]] = defaultdict(dict)  # the fold is -1 without cross-validation
    for run in sorted(runs, key=lambda run: run.updated):
        fold = -1 if run.fold is None else run.fold
        if fold in by_seed[run.seed]:
            notes.append(f"seed {run.seed} was run more than once; the latest counts")
        by_seed[run.seed][fold] = run
    of_seeds = [folds.values() for folds in by_seed.values()]
    if any(len(measured(folds)) < sum(len(run.slices) for run in folds) for folds in of_seeds):
        # Measured on another data set, the folds are so many networks for the same patients.
        notes.append("the networks of the folds measured the same patients, so they are averaged as seeds are")
        repetitions = [run for folds in by_seed.values() for run in folds.values()]
        by_seed = {number: {-1: run} for number, run in enumerate(repetitions)}
    covered = {seed: measured(folds.values()) for seed, folds in by_seed.items()}
    complete = max(covered.values(), key=len)
    for seed in sorted(seed for seed, slices in covered.items() if slices != complete):
        notes.append(f"seed {seed} lacks {_lacking(complete, covered[seed])} that another seed has, and is left out")
        del by_seed[seed]
    seeds = {seed: tuple(folds[fold] for fold in sorted(folds)) for seed, folds in sorted(by_seed.items())}
    first = next(iter(seeds.values()))
    n_splits = first[0].config.get("split", {}).get("n_splits")
    if (first[0].result or {}).get("split") == "val":
        if first[0].fold is not None:
            notes.append(f"validation patients of fold {first[0].fold}")
    elif first[0].fold is not None and n_splits is not None and len(first) < int(n_splits):
        notes.append(f"{len(first)} of {n_splits} folds: the cross-validation is not complete")
    return seeds, complete, tuple(dict.fromkeys(notes))


def measured(runs: Iterable[Run]) -> Slices:
    """The slices that the runs measured, as (patient, number)."""
    return frozenset(key for run in runs for key in zip(run.slices["patient"], run.slices["slice"], strict=True))


def _lacking(complete: Slices, covered: Slices) -> str:
    lacking = complete - covered
    patients = {name for name, _ in lacking} - {name for name, _ in covered}
    return counted(len(patients), "patient") if patients else counted(len(lacking), "slice")


def _single_run_cost(runs: Sequence[Run]) -> dict[str, float | None]:
    """The median over the runs; of memory and size the largest."""
    largest = ("peak_memory_bytes", "checkpoint_bytes")
    costs = [run.result["cost"] for run in runs]
    names = dict.fromkeys(name for cost in costs for name in cost)
    return {
        name: float((max if name in largest else np.median)([cost[name] for cost in costs if name in cost]))
        for name in names
    }
