"""Runs of one classifier as one line of a table: folds merged into out-of-fold patients, seeds averaged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lgg_seg.comparison import configurations
from lgg_seg.comparison.comparability import Comparability, EvaluationProtocol, protocol_of
from lgg_seg.comparison.merging import single_run_costs
from lgg_seg.comparison.results import merge_seeds
from lgg_seg.comparison.runs import Run
from lgg_seg.metrics.arrays import Floats, Floats32
from lgg_seg.metrics.binary import BinaryPredictions, Threshold, measures
from lgg_seg.runs.identity import configuration_identity
from lgg_seg.statistics.bootstrap import RESAMPLES, Estimate
from lgg_seg.statistics.classification import bootstrap_measures, mean_estimate

HEADLINE = "slice/auroc"
OF_PATIENTS = ("accuracy", "f1", "auroc")
UNKNOWN = Estimate(None, None)


@dataclass(frozen=True)
class ClassifierResult:
    """One configuration of a classifier.

    `estimates` are named as in `metrics.json`, each the mean over seeds. `auroc` is the slices' ROC area in each
    resample of the patients, (RESAMPLES,), the same resamples for all entries of one contract. The rest is as in
    `results.SegmentationResult`.
    """

    label: str
    settings: dict[str, str]
    target: str
    comparability: Comparability
    seeds: dict[int, tuple[Run, ...]]
    estimates: dict[str, Estimate] = field(repr=False)
    auroc: Floats = field(repr=False, compare=False)
    seed_spread: float | None
    cost: dict[str, float | None] = field(repr=False)
    notes: tuple[str, ...] = ()


def classifies(run: Run) -> bool:
    """Whether a run has a classifier's result."""
    return (run.result or {}).get("task") == "classification"


def merge(runs: Sequence[Run]) -> list[ClassifierResult]:
    """Measured runs of classifiers as entries, in the order of their first run."""
    settings = configurations.settings(runs)
    groups: dict[tuple[str, str, EvaluationProtocol], list[Run]] = defaultdict(list)
    for run in runs:
        target = str((run.result or {})["target"])
        groups[configuration_identity(run.config), target, protocol_of(run)].append(run)
    return [_entry(group, target, protocol, settings[name]) for (name, target, protocol), group in groups.items()]


def _entry(runs: Sequence[Run], target: str, protocol: EvaluationProtocol, setting: dict[str, str]) -> ClassifierResult:
    merged = merge_seeds(runs)
    seeds = list(merged.seeds.values())
    slices, auroc = _estimates("slice", [_answers(folds, lambda run: run.slices) for folds in seeds])
    areas = [measures(*_answers(folds, lambda run: run.slices))["auroc"] for folds in seeds]
    if target == "grade":
        patients, _ = _estimates("patient", [_answers(folds, lambda run: run.patients) for folds in seeds])
    else:
        patients = _within_patients(seeds)
    return ClassifierResult(
        label=configurations.label(setting, runs[0].label),
        settings=setting,
        target=target,
        comparability=Comparability(protocol, merged.slices),
        seeds=merged.seeds,
        estimates=slices | {f"patient/{name}": patients.get(f"patient/{name}", UNKNOWN) for name in OF_PATIENTS},
        auroc=auroc,
        seed_spread=float(np.std(areas, ddof=1)) if len(areas) > 1 else None,
        cost=single_run_costs([run for folds in seeds for run in folds]),
        notes=merged.notes,
    )


def _answers(folds: Iterable[Run], table: Callable[[Run], pd.DataFrame | None]) -> tuple[BinaryPredictions, Floats32]:
    """A table's answers, the patients in the order of their names, with the threshold that each was held against."""
    parts = []
    for run in folds:
        frame = table(run)
        assert frame is not None, "only measured runs are merged"
        parts.append(frame.assign(threshold=(run.result or {})["threshold"]["value"]))
    rows = pd.concat(parts).sort_values("patient", kind="stable")
    codes, _ = pd.factorize(rows["patient"], sort=True)
    answers = BinaryPredictions(
        rows["probability"].to_numpy(dtype=np.float32), rows["label"].to_numpy() == 1, codes.astype(np.int64)
    )
    return answers, rows["threshold"].to_numpy(dtype=np.float32)


def _estimates(prefix: str, seeds: Sequence[tuple[BinaryPredictions, Threshold]]) -> tuple[dict[str, Estimate], Floats]:
    """Of each measure the mean over the seeds, with the interval of that mean; and the ROC area's resamples."""
    values = [measures(answers, threshold) for answers, threshold in seeds]
    drawn = [bootstrap_measures(answers, threshold, RESAMPLES, seed=0) for answers, threshold in seeds]
    several = seeds[0][0].patients > 1
    means = {name: np.mean([one[name] for one in drawn], axis=0) for name in values[0]}
    found = {
        f"{prefix}/{name}": Estimate.of(
            float(np.mean([one[name] for one in values])), means[name] if several else np.array([])
        )
        for name in values[0]
    }
    return found, means["auroc"]


def _within_patients(seeds: Sequence[Sequence[Run]]) -> dict[str, Estimate]:
    """Means over patients of what each has within his slices, averaged over the seeds first."""
    tables = [run.patients for folds in seeds for run in folds if run.patients is not None]
    own = pd.concat(tables).groupby("patient")[["slice_accuracy", "slice_auroc"]].mean()
    return {
        f"patient/{name}": mean_estimate(own[f"slice_{name}"].to_numpy(dtype=np.float64))
        for name in ("accuracy", "auroc")
    }
