"""Measures of a classifier with intervals over patients, within patients, and the band of its ROC curve."""

from collections.abc import Iterator

import numpy as np

from lgg_seg.metrics.arrays import Floats, Ints
from lgg_seg.metrics.binary import BinaryPredictions, Threshold, measures, roc, weighted_measures
from lgg_seg.statistics.bootstrap import QUANTILES, RESAMPLES, Bootstrapped, Estimate, bootstrap_weights, summarise

_CELLS_AT_ONCE = 2_000_000  # bounds the memory of the resampling at some 100 MB: a resample has a number a slice


def bootstrap_measures(
    predictions: BinaryPredictions, threshold: Threshold, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Bootstrapped]:
    """Every measure of `binary.measures`, of the predictions and of each resample of their patients.

    Two classifiers measured on the same patients, in the same order, are resampled alike: their differences are paired.
    """
    weights = _weights(predictions, resamples, seed) if predictions.patients > 1 else ()
    parts = [weighted_measures(predictions, threshold, each) for each in weights]
    return {
        name: Bootstrapped(value, np.concatenate([np.empty(0), *(part[name] for part in parts)]))
        for name, value in measures(predictions, threshold).items()
    }


def mean_estimate(values: Floats, resamples: int = RESAMPLES) -> Estimate:
    """Mean over the patients who have a value, `(P,)`, the others NaN."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Estimate(None, None)
    summary = summarise(finite, resamples)
    return Estimate(summary.mean, summary.ci95)


def measures_by_patient(predictions: BinaryPredictions, threshold: float) -> dict[str, Floats]:
    """`accuracy` and `auroc` of each patient's own slices, `(P,)`; NaN where a patient has one class alone."""
    each = [measures(predictions.of(patient), threshold) for patient in range(predictions.patients)]
    return {name: np.array([one[name] for one in each]) for name in ("accuracy", "auroc")}


def roc_band(predictions: BinaryPredictions, resamples: int) -> tuple[Floats, Floats, Floats]:
    """False positive rates from 0 to 1, and the pointwise 95 % interval of the true positive rate at each, `(101,)`."""
    grid = np.linspace(0, 1, 101)
    rows = [
        np.interp(grid, false, true)
        for weights in _weights(predictions, resamples, seed=0)
        for false, true in zip(*roc(predictions, weights), strict=True)
        if np.isfinite(false[-1] + true[-1])
    ]
    low, high = np.quantile(np.stack(rows), QUANTILES, axis=0)
    return grid, low, high


def _weights(predictions: BinaryPredictions, resamples: int, seed: int) -> Iterator[Ints]:
    for weights in bootstrap_weights(predictions.patients, resamples, seed):
        yield from np.array_split(weights, -(-len(weights) * predictions.truth.size // _CELLS_AT_ONCE))
