"""Binary classification with probabilities: overlaps, ROC curve, average precision, weighted by patient.

Weights `(n, P)` say how often each of P patients counts, and every result has n numbers. A row of ones is the sample
itself; rows of bootstrap weights are its resamples, in which slices of one patient stay together as they must: they are
not independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lgg_seg.metrics.arrays import Bools, Floats, Floats32, Ints, check_probability
from lgg_seg.metrics.curves import THRESHOLDS, best_threshold
from lgg_seg.metrics.overlap import Counts, accuracy, dice, precision, recall, specificity

Threshold = float | Floats32  # one for all predictions, or for each, `(N,)`, where classifiers have their own


@dataclass(frozen=True)
class BinaryPredictions:
    """`probability` float32 of the positive class, `truth` bool and `patient` int64 from 0, each `(N,)`, N > 0."""

    probability: Floats32
    truth: Bools
    patient: Ints

    def __post_init__(self) -> None:
        check_probability(self.probability, self.truth)
        if self.probability.ndim != 1 or self.patient.shape != self.truth.shape or not self.truth.size:
            raise ValueError(f"need three arrays of one shape (N,), got {self.truth.shape} and {self.patient.shape}")

    @property
    def patients(self) -> int:
        return int(self.patient.max()) + 1

    def of(self, patient: int) -> BinaryPredictions:
        rows = self.patient == patient
        return BinaryPredictions(self.probability[rows], self.truth[rows], np.zeros(int(rows.sum()), np.int64))


def weighted_measures(predictions: BinaryPredictions, threshold: Threshold, weights: Ints) -> dict[str, Floats]:
    """All measures of the rule `probability >= threshold` and of the probabilities themselves, each `(n,)`.

    `f1` keeps the empty-mask policy: 1 where nothing is positive and nothing is predicted so. Undefined measures are
    NaN: `recall`, `auroc` and `average_precision` without a positive, `specificity` and `auroc` without a negative,
    `precision` without a positive prediction.
    """
    tp, fp, fn, tn = (weights @ patient_counts(predictions, threshold)).T
    counts = Counts(tp, fp, fn, tn)
    false, true = _curves(predictions, weights)
    squared = np.square(predictions.probability.astype(np.float64) - predictions.truth)
    total = weights @ np.bincount(predictions.patient, minlength=predictions.patients)
    return {
        "accuracy": accuracy(counts),
        "f1": dice(counts),
        "auroc": _area(false, true),
        "average_precision": _average_precision(false, true),
        "recall": np.where(tp + fn > 0, recall(counts), np.nan),
        "specificity": np.where(tn + fp > 0, specificity(counts), np.nan),
        "precision": np.where(tp + fp > 0, precision(counts), np.nan),
        "brier": weights @ np.bincount(predictions.patient, squared, minlength=predictions.patients) / total,
    }


def measures(predictions: BinaryPredictions, threshold: Threshold) -> dict[str, float]:
    """Every measure of the predictions as they are, each patient once; NaN where it is undefined."""
    ones = np.ones((1, predictions.patients), np.int64)
    return {name: float(value[0]) for name, value in weighted_measures(predictions, threshold, ones).items()}


def roc(predictions: BinaryPredictions, weights: Ints) -> tuple[Floats, Floats]:
    """False and true positive rates, each `(n, T)`, by falling threshold, from (0, 0) to (1, 1); NaN for one class."""
    false, true = _curves(predictions, weights)
    with np.errstate(invalid="ignore"):
        return false / false[:, -1:], true / true[:, -1:]


def best_f1_threshold(predictions: BinaryPredictions) -> float:
    """The threshold of `THRESHOLDS` with the highest F1, of equals the one nearest 0.5; for validation patients."""
    predicted = predictions.probability >= np.asarray(THRESHOLDS, np.float32)[:, None]
    tp = (predicted & predictions.truth).sum(axis=1)
    return best_threshold(2 * tp / np.maximum(1, predicted.sum(axis=1) + predictions.truth.sum()))


def patient_counts(predictions: BinaryPredictions, threshold: Threshold) -> Ints:
    """True and false positives, false and true negatives of each patient, `(P, 4)`."""
    predicted = predictions.probability >= np.asarray(threshold, np.float32)
    # 0: true negative, 1: false negative, 2: false positive, 3: true positive.
    kind = 2 * predicted.astype(np.int64) + predictions.truth
    counted = np.bincount(4 * predictions.patient + kind, minlength=4 * predictions.patients).reshape(-1, 4)
    by_name: Ints = counted[:, [3, 2, 1, 0]]
    return by_name


def _curves(predictions: BinaryPredictions, weights: Ints) -> tuple[Ints, Ints]:
    """Weighted false and true positives, each `(n, T)`, by falling threshold: first of no positive prediction, then of
    a threshold at each distinct probability."""
    order = np.argsort(-predictions.probability, kind="stable")
    falling = predictions.probability[order]
    ends = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
    weight, truth = weights[:, predictions.patient[order]], predictions.truth[order]
    start = np.zeros((len(weights), 1), np.int64)
    true, false = (np.cumsum(weight * kind, axis=1)[:, ends] for kind in (truth, ~truth))
    return np.hstack([start, false]), np.hstack([start, true])


def _area(false: Ints, true: Ints) -> Floats:
    """The chance that a positive outscores a negative, ties counting half (Mann-Whitney): the area under the curve."""
    area = (np.diff(false) * (true[:, 1:] + true[:, :-1])).sum(axis=1) / 2
    return _ratio(area, true[:, -1] * false[:, -1])


def _average_precision(false: Ints, true: Ints) -> Floats:
    """Precision at each threshold times the recall that it adds, as scikit-learn defines it."""
    predicted = np.maximum(1, (true + false)[:, 1:])
    return _ratio((np.diff(true) * true[:, 1:] / predicted).sum(axis=1), true[:, -1])


def _ratio(numerator: Floats | Ints, denominator: Ints) -> Floats:
    ratio: Floats = np.divide(numerator, denominator, out=np.full(len(denominator), np.nan), where=denominator > 0)
    return ratio
