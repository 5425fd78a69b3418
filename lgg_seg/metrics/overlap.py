"""Overlap of prediction and truth, from counts.

The empty-mask policy, here and in every other metric and loss of this project: where prediction and truth are both
empty the prediction is right and scores 1; any other zero denominator scores 0. Nothing is NaN, nothing is dropped.

Every overlap takes `Counts` of integers or of arrays and returns float64 of the same shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lgg_seg.metrics.arrays import Bools, Floats, Ints, check_masks

COUNTS: Final = ("tp", "fp", "fn", "tn")


@dataclass(frozen=True)
class Counts:
    """True and false positives and negatives: four integers, or four integer arrays of one shape."""

    tp: Ints | int
    fp: Ints | int
    fn: Ints | int
    tn: Ints | int

    @property
    def predicted(self) -> Ints | int:
        """Elements that are predicted positive."""
        return self.tp + self.fp

    @property
    def truth(self) -> Ints | int:
        """Elements that are positive."""
        return self.tp + self.fn

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)

    def sum(self) -> Counts:
        """The counts over all elements of the arrays, as four integers."""
        return Counts(*(int(np.sum(getattr(self, name))) for name in COUNTS))

    @classmethod
    def concatenate(cls, parts: Sequence[Counts]) -> Counts:
        """The elements of one-dimensional arrays one after the other."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in COUNTS))


def confusion(prediction: Bools, truth: Bools) -> Counts:
    """Counts over the last two axes of bool `(..., H, W)`: arrays `(...)`, `(D,)` for a volume."""
    check_masks(prediction, truth)
    axes = (-2, -1)
    tp: Ints = np.sum(prediction & truth, axis=axes, dtype=np.int64)
    fp: Ints = np.sum(prediction, axis=axes, dtype=np.int64) - tp
    fn: Ints = np.sum(truth, axis=axes, dtype=np.int64) - tp
    return Counts(tp, fp, fn, prediction.shape[-2] * prediction.shape[-1] - tp - fp - fn)


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
    """`pooled/*` of `metrics.json`: six overlaps of the counts of all voxels of all patients together."""
    measures = (dice, iou, recall, precision, accuracy, specificity)
    return {f"pooled/{measure.__name__}": float(measure(counts)) for measure in measures}


def _ratio(numerator: npt.ArrayLike, denominator: npt.ArrayLike, counts: Counts) -> Floats:
    """The quotient, with the module's policy where the denominator is zero."""
    above, below = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    undefined = np.where(np.asarray(counts.tp + counts.fp + counts.fn) == 0, 1.0, 0.0)  # 1 where both masks are empty
    return np.divide(above, below, out=undefined, where=below != 0)
