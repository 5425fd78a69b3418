"""Runs of one configuration as one line of a table: folds merged into out-of-fold patients, seeds averaged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lgg_seg.comparison import configurations
from lgg_seg.comparison.comparability import Comparability, EvaluationProtocol, protocol_of
from lgg_seg.comparison.merging import Metrics, averaged, measures, single_run_costs, whole_patients
from lgg_seg.comparison.runs import Run
from lgg_seg.metrics.registry import PATIENT_METRICS
from lgg_seg.runs.identity import configuration_identity
from lgg_seg.statistics.bootstrap import summarise


@dataclass(frozen=True)
class SegmentationResult:
    """One configuration.

    `seeds` maps each seed to its runs, one a fold, which together measured every patient of `contract`. `patients` has
    a row a patient (index: the patient's name), every number averaged over the seeds. `metrics` are as in
    `metrics.json`, None where folds of slices leave them unknown or a run is older than the metric. `notes` say what
    was left out.
    """

    label: str
    settings: dict[str, str]
    comparability: Comparability
    seeds: dict[int, tuple[Run, ...]]
    patients: pd.DataFrame = field(repr=False, compare=False)
    metrics: Metrics = field(repr=False)
    cost: dict[str, float | None] = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def runs(self) -> list[Run]:
        """Every run of it, seed by seed."""
        return [run for runs in self.seeds.values() for run in runs]

    @property
    def folds(self) -> int:
        """How many folds a seed was trained in; 1 where there is no cross-validation."""
        return len(next(iter(self.seeds.values())))

    @property
    def seed_dice(self) -> dict[int, float]:
        """Mean patient Dice by seed."""
        return {seed: float(whole_patients(folds)["dice"].mean()) for seed, folds in self.seeds.items()}

    @property
    def seed_spread(self) -> float | None:
        """Standard deviation of the mean patient Dice between seeds; None with a single one."""
        dice = list(self.seed_dice.values())
        return float(np.std(dice, ddof=1)) if len(dice) > 1 else None


def merge(runs: Iterable[Run], settings: Mapping[str, dict[str, str]]) -> list[SegmentationResult]:
    """The measured ones among the runs as entries, in the order of their first run.

    `settings` are those of `configurations.settings`, perhaps over more runs than these.
    """
    groups: dict[tuple[str, EvaluationProtocol], list[Run]] = defaultdict(list)
    for run in runs:
        if run.result is not None and "patient/dice" in run.result["metrics"]:  # a classifier has none
            groups[configuration_identity(run.config), protocol_of(run)].append(run)
    return [_entry(group, protocol, settings[name]) for (name, protocol), group in groups.items()]


@dataclass(frozen=True)
class Merged:
    """Runs of one configuration by seed, one a fold: those seeds that measured `slices`, the most that any did."""

    seeds: dict[int, tuple[Run, ...]]
    slices: frozenset[tuple[str, int]]
    notes: tuple[str, ...]


def merge_seeds(runs: Sequence[Run]) -> Merged:
    """Sort measured runs of one configuration by seed and fold; of repetitions the latest counts."""
    notes: list[str] = []
    by_seed: dict[int, dict[int | None, Run]] = defaultdict(dict)
    for run in sorted(runs, key=lambda run: run.updated):
        if run.fold in by_seed[run.seed]:
            notes.append(f"seed {run.seed} was run more than once; the latest counts")
        by_seed[run.seed][run.fold] = run
    if any(len(measured(folds)) < sum(len(_slices(run)) for run in folds) for folds in map(_runs, by_seed.values())):
        # Measured on another data set, the folds are so many networks for the same patients.
        notes.append("the networks of the folds measured the same patients, so they are averaged as seeds are")
        repetitions = [run for folds in by_seed.values() for run in folds.values()]
        by_seed = defaultdict(dict, {number: {None: run} for number, run in enumerate(repetitions)})
    covered = {seed: measured(_runs(folds)) for seed, folds in by_seed.items()}
    everything = max(covered.values(), key=len)
    for seed in sorted(covered):
        if covered[seed] != everything:
            lacking = _lacking(everything - covered[seed], {name for name, _ in covered[seed]})
            notes.append(f"seed {seed} lacks {lacking} that another seed has, and is left out")
            del by_seed[seed]
    seeds = {
        seed: tuple(
            by_seed[seed][fold] for fold in sorted(by_seed[seed], key=lambda fold: -1 if fold is None else fold)
        )
        for seed in sorted(by_seed)
    }
    first = next(iter(seeds.values()))
    folds = first[0].config.get("split", {}).get("n_splits")
    if first[0].fold is not None and folds is not None and len(first) < int(folds):
        notes.append(f"{len(first)} of {folds} folds: the cross-validation is not complete")
    return Merged(seeds, everything, tuple(dict.fromkeys(notes)))


def _entry(runs: Sequence[Run], protocol: EvaluationProtocol, setting: dict[str, str]) -> SegmentationResult:
    merged = merge_seeds(runs)
    seeds = merged.seeds
    patients = _averaged_patients([whole_patients(folds).sort_index() for folds in seeds.values()])
    metrics = averaged([measures(folds) for folds in seeds.values()])
    metrics |= {
        f"patient/{key}": summarise(patients[key].to_numpy()).as_dict() if key in patients else None
        for key in PATIENT_METRICS
    }
    return SegmentationResult(
        label=configurations.label(setting, runs[0].label),
        settings=setting,
        comparability=Comparability(protocol, merged.slices),
        seeds=seeds,
        patients=patients,
        metrics=metrics,
        cost=single_run_costs([run for folds in seeds.values() for run in folds]),
        notes=merged.notes,
    )


def _runs(folds: Mapping[int | None, Run]) -> list[Run]:
    return list(folds.values())


def _slices(run: Run) -> pd.DataFrame:
    assert run.slices is not None  # only measured runs are merged
    return run.slices


def measured(folds: Iterable[Run]) -> frozenset[tuple[str, int]]:
    """The slices that the runs measured, each as its patient's name and its number."""
    return frozenset(key for run in folds for key in zip(_slices(run)["patient"], _slices(run)["slice"], strict=True))


def _lacking(slices: Iterable[tuple[str, int]], measured: Set[str]) -> str:
    names, number = {name for name, _ in slices} - measured, len(list(slices))
    if names:
        return "1 patient" if len(names) == 1 else f"{len(names)} patients"
    return "1 slice" if number == 1 else f"{number} slices"


def _averaged_patients(seeds: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Numbers that all seeds have, averaged over them patient by patient; words are the same for all."""
    first = seeds[0][[name for name in seeds[0] if all(name in frame for frame in seeds)]]
    numeric = first.select_dtypes("number").columns
    mean = pd.concat([frame[numeric] for frame in seeds]).groupby(level=0).mean()
    return pd.concat([mean, first.drop(columns=numeric)], axis=1)
