"""Yes-or-no questions answered with a probability: the ROC curve and what goes with it, weighted by patient.

Everything takes weights `(n, P)`, how often each of P patients counts, and answers with n numbers. A row of ones is
the sample itself; rows of draws are its resamples, in which slices of one patient stay together as they must: they
are not independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lgg_seg.metrics.arrays import Bools, Floats, Floats32, Ints, check_probability
from lgg_seg.metrics.counts import Counts
from lgg_seg.metrics.curves import THRESHOLDS
from lgg_seg.metrics.overlap import accuracy, dice, precision, recall, specificity

Threshold = float | Floats32
"""One for all answers, or one for each, `(N,)`, where they come from classifiers with thresholds of their own."""


@dataclass(frozen=True)
class BinaryPredictions:
    """`probability` float32 of yes, `truth` bool and `patient` int64 from 0, each `(N,)`.

    Raises:
        TypeError: another dtype.
        ValueError: shapes that differ, or nothing.
    """

    probability: Floats32
    truth: Bools
    patient: Ints

    def __post_init__(self) -> None:
        check_probability(self.probability, self.truth)
        if self.probability.ndim != 1 or self.patient.shape != self.truth.shape or not self.truth.size:
            raise ValueError(f"need three arrays of one shape (N,), got {self.truth.shape} and {self.patient.shape}")

    @property
    def patients(self) -> int:
        """How many there are."""
        return int(self.patient.max()) + 1

    def of(self, patient: int) -> BinaryPredictions:
        """One patient's."""
        rows = self.patient == patient
        return BinaryPredictions(self.probability[rows], self.truth[rows], np.zeros(int(rows.sum()), np.int64))


def weighted_measures(answers: BinaryPredictions, threshold: Threshold, weights: Ints) -> dict[str, Floats]:
    """All measures of the rule `probability >= threshold` and of the probabilities themselves, each `(n,)`.

    `f1` keeps the house's policy (1 where there is no yes and none is said). NaN is what cannot be known: `recall`,
    `auroc` and `average_precision` without a true yes, `specificity` and `auroc` without a true no, `precision` where
    no yes is said.
    """
    counts = _counts(answers, threshold, weights)
    false, true = _curves(answers, weights)
    squared = np.square(answers.probability.astype(np.float64) - answers.truth)
    total = weights @ np.bincount(answers.patient, minlength=answers.patients)
    yes, no = np.asarray(counts.truth), np.asarray(counts.tn + counts.fp)
    return {
        "accuracy": accuracy(counts),
        "f1": dice(counts),
        "auroc": _area(false, true),
        "average_precision": _average_precision(false, true),
        "recall": np.where(yes > 0, recall(counts), np.nan),
        "specificity": np.where(no > 0, specificity(counts), np.nan),
        "precision": np.where(np.asarray(counts.predicted) > 0, precision(counts), np.nan),
        "brier": weights @ np.bincount(answers.patient, squared, minlength=answers.patients) / total,
    }


def measures(answers: BinaryPredictions, threshold: Threshold) -> dict[str, float]:
    """Every measure of the answers as they are; NaN is what cannot be known."""
    ones = np.ones((1, answers.patients), np.int64)
    return {name: float(value[0]) for name, value in weighted_measures(answers, threshold, ones).items()}


def roc(answers: BinaryPredictions, weights: Ints) -> tuple[Floats, Floats]:
    """False and true positive rates, each `(n, T)`, by falling threshold, from (0, 0) to (1, 1); NaN without a yes or
    without a no. A patient counts as often as the weights say."""
    false, true = _curves(answers, weights)
    with np.errstate(invalid="ignore"):
        return false / false[:, -1:], true / true[:, -1:]


def best_f1_threshold(answers: BinaryPredictions) -> float:
    """The threshold of `THRESHOLDS` with the highest F1, of equals the one nearest 0.5; for validation patients."""
    said = answers.probability >= np.asarray(THRESHOLDS, np.float32)[:, None]
    tp = (said & answers.truth).sum(axis=1)
    f1 = 2 * tp / np.maximum(1, said.sum(axis=1) + answers.truth.sum())
    best = max(range(len(THRESHOLDS)), key=lambda k: (f1[k], -abs(THRESHOLDS[k] - 0.5)))
    return THRESHOLDS[best]


def patient_counts(answers: BinaryPredictions, threshold: Threshold) -> Ints:
    """True and false positives, false and true negatives of each patient, `(P, 4)`."""
    said = answers.probability >= np.asarray(threshold, np.float32)
    # Said and true: 0 is no and no, a true negative; 1 a false negative; 2 a false positive; 3 a true positive.
    kind = 2 * said.astype(np.int64) + answers.truth
    counted = np.bincount(4 * answers.patient + kind, minlength=4 * answers.patients).reshape(-1, 4)
    by_name: Ints = counted[:, [3, 2, 1, 0]]
    return by_name


def _counts(answers: BinaryPredictions, threshold: Threshold, weights: Ints) -> Counts:
    tp, fp, fn, tn = (weights @ patient_counts(answers, threshold)).T
    return Counts(tp, fp, fn, tn)


def _curves(answers: BinaryPredictions, weights: Ints) -> tuple[Ints, Ints]:
    """Weighted false and true positives, each `(n, T)`, of every rule that the probabilities tell apart, from the one
    that never says yes to the one that always does."""
    order = np.argsort(-answers.probability, kind="stable")
    falling = answers.probability[order]
    ends = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
    weight, truth = weights[:, answers.patient[order]], answers.truth[order]
    start = np.zeros((len(weights), 1), np.int64)
    true, false = (np.cumsum(weight * kind, axis=1)[:, ends] for kind in (truth, ~truth))
    return np.hstack([start, false]), np.hstack([start, true])


def _area(false: Ints, true: Ints) -> Floats:
    """The chance that a yes outscores a no, ties counting half (Mann-Whitney): the area under the ROC curve."""
    area = (np.diff(false) * (true[:, 1:] + true[:, :-1])).sum(axis=1) / 2
    return _over(area, true[:, -1] * false[:, -1])


def _average_precision(false: Ints, true: Ints) -> Floats:
    """Precision at each threshold times the recall that it adds, as scikit-learn defines it."""
    said = np.maximum(1, (true + false)[:, 1:])
    return _over((np.diff(true) * true[:, 1:] / said).sum(axis=1), true[:, -1])


def _over(above: Floats | Ints, below: Ints) -> Floats:
    ratio: Floats = np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0)
    return ratio
