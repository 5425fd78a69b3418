"""Overlap of prediction and truth, from counts.

The empty-mask policy, here and in every other metric and loss of this project: where prediction and truth are both
empty the prediction is right and scores 1; any other zero denominator scores 0. Nothing is NaN, nothing is dropped.

Every overlap takes `Counts` of integers or of arrays and returns float64 of the same shape.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lgg_seg.metrics.arrays import Floats
from lgg_seg.metrics.counts import Counts


def dice(counts: Counts) -> Floats:
    """Dice (1945), which is F1: 2·TP / (2·TP + FP + FN)."""
    return _ratio(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn, counts)


def iou(counts: Counts) -> Floats:
    """Jaccard index: TP / (TP + FP + FN)."""
    return _ratio(counts.tp, counts.tp + counts.fp + counts.fn, counts)


def recall(counts: Counts) -> Floats:
    """Sensitivity: TP / (TP + FN)."""
    return _ratio(counts.tp, counts.truth, counts)


def precision(counts: Counts) -> Floats:
    """Positive predictive value: TP / (TP + FP)."""
    return _ratio(counts.tp, counts.predicted, counts)


def accuracy(counts: Counts) -> Floats:
    """(TP + TN) / all; close to 1 for any prediction of so rare a class."""
    return _ratio(counts.tp + counts.tn, counts.tp + counts.fp + counts.fn + counts.tn, counts)


def specificity(counts: Counts) -> Floats:
    """TN / (TN + FP)."""
    return _ratio(counts.tn, counts.tn + counts.fp, counts)


def pooled(counts: Counts) -> dict[str, float]:
    """`pooled/*` of `metrics.json`: every overlap, of the counts of all voxels of all patients together."""
    measures = (dice, iou, recall, precision, accuracy, specificity)
    return {f"pooled/{measure.__name__}": float(measure(counts)) for measure in measures}


def _ratio(numerator: npt.ArrayLike, denominator: npt.ArrayLike, counts: Counts) -> Floats:
    """The quotient, with the module's policy where the denominator is zero."""
    above, below = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    both_empty = np.where(np.asarray(counts.tp + counts.fp + counts.fn) == 0, 1.0, 0.0)
    return np.divide(above, below, out=both_empty, where=below != 0)
