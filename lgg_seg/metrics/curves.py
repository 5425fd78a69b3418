"""Histograms of probabilities, from which every threshold's counts follow without a second pass over the pixels."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lgg_seg.metrics.arrays import Bools, Floats, Floats32, Ints, check_probability
from lgg_seg.metrics.overlap import Counts, dice

THRESHOLDS: tuple[float, ...] = tuple(k / 200 for k in range(201))
"""The grid of thresholds. Python floats on purpose: NumPy and torch compare them with float32 in float32, which is what
the bin edges do; a `np.float64` would be compared in float64."""

_EDGES: Floats32 = np.asarray(THRESHOLDS, dtype=np.float32)


def probability_histogram(probability: Floats32, truth: Bools) -> Ints:
    """Pixels by probability, float32 of any shape: `(2, 201)` int64, row 0 background and row 1 tumour.

    Bin `k` holds the pixels that pass `probability >= THRESHOLDS[k]` and not the next threshold; the last bin holds
    exactly 1. Histograms of slices or patients add up.
    """
    check_probability(probability, truth)
    bins = np.searchsorted(_EDGES, probability.ravel(), side="right") - 1
    tumour = np.bincount(bins[truth.ravel()], minlength=len(THRESHOLDS))
    histogram: Ints = np.stack([np.bincount(bins, minlength=len(THRESHOLDS)) - tumour, tumour]).astype(np.int64)
    return histogram


def counts_at_thresholds(histogram: Ints) -> Counts:
    """Counts `(..., 201)` of `probability >= t` for every `t` of `THRESHOLDS`, from histograms `(..., 2, 201)`."""
    passing = np.cumsum(histogram[..., ::-1], axis=-1)[..., ::-1]
    rest = histogram.sum(axis=-1, keepdims=True) - passing
    return Counts(tp=passing[..., 1, :], fp=passing[..., 0, :], fn=rest[..., 1, :], tn=rest[..., 0, :])


_SHIFT = 14  # bits of a float32's mantissa that a rank leaves out; 9 remain, so its values differ by 0.2 % at most
_RANKS = (int(np.float32(1).view(np.uint32)) >> _SHIFT) + 1


def rank_histogram(probability: Floats32, truth: Bools) -> Ints:
    """Pixels by the rank of their probability: `(2, 65025)` int64, row 0 background and row 1 tumour.

    The bits of a positive float32, read as an integer, are in the order of its value. The ranks are fine where the
    probabilities of a rare class lie, near 0, and a rank's lowest value is a threshold. Histograms add up.
    """
    check_probability(probability, truth)
    ranks = np.abs(probability.ravel()).view(np.uint32) >> _SHIFT  # -0.0 has a sign bit
    tumour = np.bincount(ranks[truth.ravel()], minlength=_RANKS)
    histogram: Ints = np.stack([np.bincount(ranks, minlength=_RANKS) - tumour, tumour]).astype(np.int64)
    return histogram


class PixelCurves(NamedTuple):
    """Pixel ROC and precision-recall curves of all patients together, each `(N,)`, by falling `threshold`.

    The thresholds are probabilities that occur; the last one takes every pixel for tumour.
    """

    threshold: Floats
    false_positive_rate: Floats
    recall: Floats
    precision: Floats

    @property
    def auroc(self) -> float:
        """Area below the ROC curve: pixels of one rank count half."""
        return float(np.trapezoid(np.r_[0, self.recall], np.r_[0, self.false_positive_rate]))

    @property
    def average_precision(self) -> float:
        """The sum of precision times gain of recall, without interpolation (as scikit-learn's)."""
        return float(np.sum(np.diff(self.recall, prepend=0) * self.precision))

    def thinned(self, points: int) -> "PixelCurves":
        """At most `points` points, evenly along the two curves' length."""
        steps = [np.abs(np.diff(values, prepend=values[0])) for values in self[1:]]
        length = np.cumsum(np.sum(steps, axis=0))
        kept = np.unique(np.searchsorted(length, np.linspace(0, length[-1], points)))
        return PixelCurves(*(values[kept] for values in self))


def pixel_curves(histogram: Ints) -> PixelCurves | None:
    """The curves of a `rank_histogram`; None where all pixels are of one class."""
    if not histogram.any(axis=1).all():
        return None
    found = np.flatnonzero(histogram.any(axis=0))[::-1]
    false, true = np.cumsum(histogram[:, found], axis=1)
    threshold = (found.astype(np.uint32) << _SHIFT).view(np.float32).astype(np.float64)
    return PixelCurves(threshold, false / false[-1], true / true[-1], true / (true + false))


def dice_by_threshold(histograms: Sequence[Ints]) -> Floats:
    """Mean patient Dice `(201,)` by `THRESHOLDS`, of a `probability_histogram` a patient, before post-processing."""
    means: Floats = dice(counts_at_thresholds(np.stack(histograms))).mean(axis=0)
    return means


def best_threshold(scores: Floats) -> float:
    """The threshold with the highest score; of equals the one nearest 0.5. Scores `(201,)`, one a threshold.

    For validation patients only: a threshold chosen on test patients makes their score an optimistic one.
    """
    return THRESHOLDS[max(range(len(THRESHOLDS)), key=lambda k: (scores[k], -abs(THRESHOLDS[k] - 0.5)))]
