"""Histograms of probabilities, from which every threshold's counts follow without a second pass over the pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lgg_seg.metrics.arrays import Bools, Floats, Floats32, Ints, check_probability
from lgg_seg.metrics.counts import Counts
from lgg_seg.metrics.overlap import dice, precision, recall, specificity

THRESHOLDS: tuple[float, ...] = tuple(k / 200 for k in range(201))
"""The grid of thresholds. Python floats on purpose: NumPy and torch compare them with float32 in float32, which is what
the bin edges do; a `np.float64` would be compared in float64."""

_EDGES: Floats32 = np.asarray(THRESHOLDS, dtype=np.float32)


def probability_histogram(probability: Floats32, truth: Bools) -> Ints:
    """Pixels by probability: `(2, 201)` int64, row 0 background and row 1 tumour.

    Bin `k` holds the pixels that pass `probability >= THRESHOLDS[k]` and not the next threshold; the last bin holds
    exactly 1. Histograms of slices or patients add up.

    Args:
        probability: float32 in [0, 1], any shape.
        truth: bool of the same shape.

    Raises:
        TypeError: if the probability is not float32 or the truth not boolean.
        ValueError: if the shapes differ.
    """
    check_probability(probability, truth)
    bins = np.searchsorted(_EDGES, probability.ravel(), side="right") - 1
    tumour = np.bincount(bins[truth.ravel()], minlength=len(THRESHOLDS))
    histogram: Ints = np.stack([np.bincount(bins, minlength=len(THRESHOLDS)) - tumour, tumour]).astype(np.int64)
    return histogram


def counts_at_thresholds(histogram: Ints) -> Counts:
    """Counts of the rule `probability >= t` for every `t` of `THRESHOLDS`.

    Args:
        histogram: `(..., 2, 201)` as `probability_histogram` gives it.

    Returns:
        Counts whose arrays have shape `(..., 201)`.
    """
    passing = np.cumsum(histogram[..., ::-1], axis=-1)[..., ::-1]
    positives = histogram.sum(axis=-1, keepdims=True) - passing
    return Counts(tp=passing[..., 1, :], fp=passing[..., 0, :], fn=positives[..., 1, :], tn=positives[..., 0, :])


def roc_curve(histogram: Ints) -> tuple[Floats, Floats]:
    """False and true positive rates, each `(201,)`, by ascending threshold."""
    counts = counts_at_thresholds(histogram)
    return 1 - specificity(counts), recall(counts)


def precision_recall_curve(histogram: Ints) -> tuple[Floats, Floats]:
    """Precision and recall, each `(201,)`, by ascending threshold."""
    counts = counts_at_thresholds(histogram)
    return precision(counts), recall(counts)


def best_threshold(histograms: Sequence[Ints]) -> tuple[float, float]:
    """The threshold with the highest mean patient Dice, and that Dice; of equals the one nearest 0.5.

    For validation patients only: a threshold chosen on test patients makes their score an optimistic one. It knows
    nothing of post-processing.

    Args:
        histograms: `(2, 201)` of each patient.
    """
    mean_dice = dice(counts_at_thresholds(np.stack(histograms))).mean(axis=0)
    best = max(range(len(THRESHOLDS)), key=lambda k: (mean_dice[k], -abs(THRESHOLDS[k] - 0.5)))
    return THRESHOLDS[best], float(mean_dice[best])
