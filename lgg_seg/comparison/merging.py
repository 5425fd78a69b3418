"""The numbers of a cross-validation as if it were one test, from the raw counts of its folds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pandas as pd

from lgg_seg.comparison.runs import Run
from lgg_seg.metrics.calibration import CalibrationBins, expected_calibration_error
from lgg_seg.metrics.overlap import Counts, dice, pooled
from lgg_seg.metrics.registry import PATIENT_METRICS
from lgg_seg.metrics.slices import slice_metrics

Metrics = dict[str, Any]
COUNTS = ("tp", "fp", "fn", "tn")
ADDED = (*COUNTS, "slices", "voxels")
OF_VOLUMES = ("lesion_tp", "lesion_fp", "lesion_fn", "boundary_complexity")


def measures(folds: Sequence[Run]) -> Metrics:
    """The single numbers of `metrics.json` over the slices of all folds together, of which no two folds share any."""
    patients = whole_patients(folds)
    slices = pd.concat([run.slices for run in folds if run.slices is not None])
    results = [run.result for run in folds if run.result is not None]
    total = {name: int(patients[name].sum()) for name in patients.columns if name.endswith(COUNTS)}
    slice_dice = slices["dice"].to_numpy()
    weights = [result["slices"] for result in results]
    return {
        **pooled(Counts(*(total[name] for name in COUNTS))),
        "slice/dice": float(slice_dice.mean()),
        **slice_metrics(
            slices["truth_pixels"].to_numpy() > 0,
            slices["predicted_pixels"].to_numpy() > 0,
            slice_dice,
            slices["max_probability"].to_numpy(),
        ),
        "lesion/f1": _lesion_f1(total),
        "calibration/ece": _calibration(results),
        "loss": float(np.average([result["metrics"]["loss"] for result in results], weights=weights)),
        "patients/missed": int(((patients["truth_voxels"] > 0) & (patients["tp"] == 0)).sum()),
    }


def whole_patients(folds: Sequence[Run]) -> pd.DataFrame:
    """The rows of the folds' `per_patient.csv`, one a patient (index: the patient's name), with the columns that all
    folds have: a run that was recorded before a metric existed lacks it.

    Where a leak dealt a patient's slices to several folds, their counts are added up, and the metrics of counts are
    those of the sums. Distances, lesions and boundaries are not there then: a fold's slices have none of a volume's.
    """
    rows = pd.concat([run.patients for run in folds if run.patients is not None], join="inner")
    if rows["patient"].is_unique:
        return rows.set_index("patient")
    of_volumes = [*OF_VOLUMES, *(key for key, metric in PATIENT_METRICS.items() if metric.of_counts is None)]
    patients = rows.drop(columns=of_volumes, errors="ignore").groupby("patient")
    whole = patients.first()
    added = [name for name in whole.columns if name.endswith(ADDED)]
    whole[added] = patients[added].sum()
    whole["prediction_empty"] = whole["predicted_voxels"] == 0
    counts = Counts(*(whole[name].to_numpy() for name in COUNTS))
    return whole.assign(
        **{key: metric.of_counts(counts) for key, metric in PATIENT_METRICS.items() if metric.of_counts}
    )


def _lesion_f1(total: dict[str, int]) -> float | None:
    if "lesion_tp" not in total:
        return None
    return float(dice(Counts(total["lesion_tp"], total["lesion_fp"], total["lesion_fn"], 0)))


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
