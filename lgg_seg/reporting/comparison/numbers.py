"""The numbers of a cross-validation as if it were one test, from the raw counts of its folds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pandas as pd

from lgg_seg.metrics.calibration import CalibrationBins, expected_calibration_error
from lgg_seg.metrics.counts import Counts
from lgg_seg.metrics.detection import detection
from lgg_seg.metrics.overlap import accuracy, dice, iou, precision, recall, specificity
from lgg_seg.reporting.comparison.runs import Run

Metrics = dict[str, Any]


def measures(folds: Sequence[Run]) -> Metrics:
    """The single numbers of `metrics.json` over the patients of all folds together, whom no two folds share."""
    patients = pd.concat([run.patients for run in folds if run.patients is not None])
    slices = pd.concat([run.slices for run in folds if run.slices is not None])
    results = [run.result for run in folds if run.result is not None]
    total = {name: int(patients[name].sum()) for name in patients.columns if name.endswith(("tp", "fp", "fn", "tn"))}
    pooled = Counts(total["tp"], total["fp"], total["fn"], total["tn"])
    lesions = Counts(total["lesion_tp"], total["lesion_fp"], total["lesion_fn"], 0)
    tumour, predicted = slices["truth_pixels"].to_numpy() > 0, slices["predicted_pixels"].to_numpy() > 0
    scored = slices["dice"].to_numpy()
    found = detection(slices["max_probability"].to_numpy(), predicted, tumour)
    weights = [result["slices"] for result in results]
    return {
        **{f"pooled/{f.__name__}": float(f(pooled)) for f in (dice, iou, recall, precision, accuracy, specificity)},
        "slice/dice": float(scored.mean()),
        "tumour_slice/dice": float(scored[tumour].mean()) if tumour.any() else None,
        "empty_slice/false_positive_rate": float(predicted[~tumour].mean()) if not tumour.all() else None,
        "detection/recall": found.recall,
        "detection/specificity": found.specificity,
        "detection/auroc": found.auroc,
        "lesion/f1": float(dice(lesions)),
        "calibration/ece": _calibration(results),
        "loss": float(np.average([result["metrics"]["loss"] for result in results], weights=weights)),
        "patients/missed": int(((patients["truth_voxels"] > 0) & (patients["tp"] == 0)).sum()),
    }


def averaged(seeds: Sequence[Metrics]) -> Metrics:
    """The mean over seeds of each number; None where a seed has none."""
    return {
        name: None if any(seed[name] is None for seed in seeds) else float(np.mean([seed[name] for seed in seeds]))
        for name in seeds[0]
    }


def single_run_costs(runs: Sequence[Run]) -> dict[str, float | None]:
    """What one run of the configuration costs: the median over its runs, of memory and size the largest."""
    largest = ("peak_memory_bytes", "checkpoint_bytes")
    costs = [run.result["cost"] for run in runs if run.result is not None]
    names = dict.fromkeys(name for cost in costs for name in cost)
    return {
        name: float((max if name in largest else np.median)([cost[name] for cost in costs if name in cost]))
        for name in names
    }


def _calibration(results: Sequence[dict[str, Any]]) -> float | None:
    """From the folds' bins; runs measured before bins were recorded have a number of their own alone."""
    if all("calibration_bins" in result for result in results):
        bins = [
            CalibrationBins(**{name: np.array(values) for name, values in result["calibration_bins"].items()})
            for result in results
        ]
        return expected_calibration_error(reduce(add, bins))
    return results[0]["metrics"]["calibration/ece"] if len(results) == 1 else None
