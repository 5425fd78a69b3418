"""The four counts that every overlap metric is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lgg_seg.metrics.arrays import Bools, Ints, check_masks


@dataclass(frozen=True)
class Counts:
    """True and false positives and negatives: four integers, or four integer arrays of one shape."""

    tp: Ints | int
    fp: Ints | int
    fn: Ints | int
    tn: Ints | int

    @property
    def predicted(self) -> Ints | int:
        """Elements that the prediction calls positive."""
        return self.tp + self.fp

    @property
    def truth(self) -> Ints | int:
        """Elements that are positive."""
        return self.tp + self.fn

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)

    def sum(self) -> Counts:
        """The counts over all elements of the arrays, as four integers."""
        return Counts(*(int(np.sum(count)) for count in (self.tp, self.fp, self.fn, self.tn)))

    def each(self) -> list[Counts]:
        """The counts of each element of one-dimensional arrays, as four integers."""
        return [Counts(*four) for four in np.stack([self.tp, self.fp, self.fn, self.tn], axis=1).tolist()]


def confusion(prediction: Bools, truth: Bools) -> Counts:
    """Counts of each slice, over the last two axes.

    Args:
        prediction: bool `(..., H, W)`.
        truth: bool `(..., H, W)`.

    Returns:
        Counts whose arrays have the shape of the leading axes: `(D,)` for a volume.

    Raises:
        TypeError: if a mask is not boolean.
        ValueError: if the shapes differ.
    """
    check_masks(prediction, truth)
    axes = (-2, -1)
    tp: Ints = np.sum(prediction & truth, axis=axes, dtype=np.int64)
    fp: Ints = np.sum(prediction, axis=axes, dtype=np.int64) - tp
    fn: Ints = np.sum(truth, axis=axes, dtype=np.int64) - tp
    return Counts(tp, fp, fn, prediction.shape[-2] * prediction.shape[-1] - tp - fp - fn)
