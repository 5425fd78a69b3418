"""What a classifier is measured by: slices with intervals over patients, patients, and the band of the ROC curve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lgg_seg.metrics.arrays import Floats, Ints
from lgg_seg.metrics.binary import BinaryPredictions, Threshold, measures, roc, weighted_measures
from lgg_seg.statistics.bootstrap import RESAMPLES, bootstrap_indices, summarise

_CELLS_AT_ONCE = 2_000_000
"""Bounds the memory of the resampling at some 100 MB: a resample has a number a slice."""

Interval = tuple[float, float] | None


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval over patients.

    None is a number that cannot be known, or the interval of a single patient. `undefined` counts the resamples in
    which the number could not be known, which the interval leaves out.
    """

    value: float | None
    ci95: Interval
    undefined: int = 0

    def as_dict(self) -> dict[str, float | list[float] | None]:
        """As it stands in `metrics.json`."""
        return {"value": self.value, "ci95": list(self.ci95) if self.ci95 else None}


def estimates(
    answers: BinaryPredictions, threshold: float, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Estimate]:
    """Every measure of `binary.measures` with its percentile bootstrap interval: whole patients are drawn anew."""
    here = measures(answers, threshold)
    drawn = bootstrap_measures(answers, threshold, resamples, seed)
    several = answers.patients > 1
    return {name: estimate(value, drawn[name] if several else np.array([])) for name, value in here.items()}


def bootstrap_measures(
    answers: BinaryPredictions, threshold: Threshold, resamples: int, seed: int
) -> dict[str, Floats]:
    """Every measure in each resample of the patients, `(resamples,)`.

    The draws depend on the seed and the number of patients alone: two classifiers measured on the same patients, in
    the same order, are resampled alike, so that their differences are paired.
    """
    parts = [weighted_measures(answers, threshold, weights) for weights in _weights(answers, resamples, seed)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def estimate(value: float, drawn: Floats) -> Estimate:
    """A value with the percentile interval of its resamples, without those in which it could not be known."""
    known = drawn[np.isfinite(drawn)]
    low_high = np.quantile(known, [0.025, 0.975]).tolist() if known.size else None
    return Estimate(
        value=value if np.isfinite(value) else None,
        ci95=(low_high[0], low_high[1]) if low_high else None,
        undefined=int(drawn.size - known.size),
    )


def within_patient_means(
    answers: BinaryPredictions, threshold: float, resamples: int, seed: int = 0
) -> dict[str, Estimate]:
    """Accuracy and ROC area within each patient, averaged over the patients who have it.

    A patient whose slices are all of one class has no ROC area and is not in its mean.
    """
    own = measures_by_patient(answers, threshold)
    found: dict[str, Estimate] = {}
    for name, values in own.items():
        known = values[np.isfinite(values)]
        if not known.size:
            found[name] = Estimate(None, None)
            continue
        summary = summarise(known, resamples, seed)
        found[name] = Estimate(summary.mean, summary.ci95)
    return found


def measures_by_patient(answers: BinaryPredictions, threshold: float) -> dict[str, Floats]:
    """`accuracy` and `auroc` of each patient's own slices, `(P,)`; NaN where a patient has one class alone."""
    each = [measures(answers.of(patient), threshold) for patient in range(answers.patients)]
    return {name: np.array([one[name] for one in each]) for name in ("accuracy", "auroc")}


def roc_band(answers: BinaryPredictions, resamples: int, seed: int = 0) -> tuple[Floats, Floats, Floats]:
    """False positive rates from 0 to 1, and the pointwise 95 % interval of the true positive rate at each, `(101,)`."""
    grid = np.linspace(0, 1, 101)
    rows = [
        np.interp(grid, false, true)
        for weights in _weights(answers, resamples, seed)
        for false, true in zip(*roc(answers, weights), strict=True)
        if np.isfinite(false[-1] + true[-1])
    ]
    low, high = np.quantile(np.stack(rows), [0.025, 0.975], axis=0)
    return grid, low, high


def _weights(answers: BinaryPredictions, resamples: int, seed: int) -> Iterator[Ints]:
    """How often each patient is drawn in each resample, `(n, P)`, some resamples at a time."""
    patients = answers.patients
    for drawn in bootstrap_indices(patients, resamples, seed):
        places = drawn + np.arange(len(drawn))[:, None] * patients
        weights = np.bincount(places.ravel(), minlength=drawn.size).reshape(drawn.shape)
        yield from np.array_split(weights, -(-len(weights) * answers.truth.size // _CELLS_AT_ONCE))
