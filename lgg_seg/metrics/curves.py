"""Histograms of probabilities, from which every threshold's counts follow without a second pass over the pixels."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lgg_seg.metrics.arrays import Bools, Floats, Floats32, Ints, check_probability
from lgg_seg.metrics.overlap import Counts, dice, precision, recall, specificity

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


class OperatingCurves(NamedTuple):
    """Rates of the pixels of all patients together, and the mean patient Dice, each `(201,)`, by `THRESHOLDS`.

    Where nothing is predicted any more, `recall` is 0 and `precision` says nothing.
    """

    false_positive_rate: Floats
    recall: Floats
    precision: Floats
    dice: Floats


def operating_curves(histograms: Sequence[Ints]) -> OperatingCurves:
    """The curves of a histogram a patient."""
    stacked = np.stack(histograms)
    pooled = counts_at_thresholds(stacked.sum(axis=0))
    by_patient = dice(counts_at_thresholds(stacked))
    return OperatingCurves(1 - specificity(pooled), recall(pooled), precision(pooled), by_patient.mean(axis=0))


def best_threshold(scores: Floats) -> float:
    """The threshold with the highest score; of equals the one nearest 0.5. Scores `(201,)`, one a threshold.

    For validation patients only: a threshold chosen on test patients makes their score an optimistic one.
    """
    return THRESHOLDS[max(range(len(THRESHOLDS)), key=lambda k: (scores[k], -abs(THRESHOLDS[k] - 0.5)))]


def best_dice_threshold(histograms: Sequence[Ints]) -> float:
    """The threshold with the highest mean patient Dice, of a histogram a patient. It knows no post-processing."""
    return best_threshold(operating_curves(histograms).dice)
