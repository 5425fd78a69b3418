"""The area under the ROC curve with what is needed to believe it: an interval over patients, and chance's share."""

from __future__ import annotations

from math import sqrt

import numpy as np

from lgg_seg.metrics.arrays import Bools, Floats
from lgg_seg.statistics.bootstrap import RESAMPLES, draws

SUSPICIOUS = 0.85
"""Above this, look for a leak: honest models of these questions stay below (grade on TCGA: 0.72)."""


def auc(scores: Floats, truth: Bools) -> float:
    """The chance that a patient of the outcome outscores one without it, ties counting half.

    Args:
        scores: finite `(N,)`, or `(R, N)` of R repetitions, whose areas are averaged.
        truth: bool `(N,)`, both values.
    """
    return float(_wins(scores, truth).mean())


def auc_interval(scores: Floats, truth: Bools, resamples: int = RESAMPLES, seed: int = 0) -> tuple[float, float] | None:
    """The 95 % percentile bootstrap interval of `auc` over patients.

    What is drawn anew is who is tested, not who was trained on: the interval knows nothing of how much the model would
    have changed with other patients. Draws of patients who all have the same outcome are left out.

    Returns:
        lower and upper end, or None where no draw holds both outcomes.
    """
    wins = _wins(scores, truth)
    areas: list[Floats] = []
    for drawn in draws(truth.size, resamples, seed):
        times = np.apply_along_axis(np.bincount, 1, drawn, minlength=truth.size)
        with_outcome, without = times[:, truth], times[:, ~truth]
        pairs = with_outcome.sum(axis=1) * without.sum(axis=1)
        won = np.einsum("bp,pn,bn->b", with_outcome, wins, without, optimize=True)
        areas.append(won[pairs > 0] / pairs[pairs > 0])
    found = np.concatenate(areas)
    if found.size == 0:
        return None
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def expected_half_width(area: float, positives: int, negatives: int) -> float:
    """Half the 95 % interval that so many patients allow, whatever the model: Hanley and McNeil (Radiology 143, 1982).

    >>> round(expected_half_width(0.7, 27, 82), 3)
    0.121
    """
    both_above = area / (2 - area)
    both_below = 2 * area**2 / (1 + area)
    variance = (
        area * (1 - area) + (positives - 1) * (both_above - area**2) + (negatives - 1) * (both_below - area**2)
    ) / (positives * negatives)
    return 1.96 * sqrt(variance)


def permutation_p(observed: float, shuffled: list[float]) -> float | None:
    """The share of shuffled outcomes that do as well, the observed one counted among them (Phipson and Smyth 2010).

    Returns:
        at least 1 / (n + 1), or None without shuffles.
    """
    return (1 + sum(value >= observed for value in shuffled)) / (1 + len(shuffled)) if shuffled else None


def _wins(scores: Floats, truth: Bools) -> Floats:
    """(P, N): 1 where a patient of the outcome outscores one without it, 1/2 for a tie, averaged over repetitions."""
    repeated = np.atleast_2d(scores)
    differences = repeated[:, truth, None] - repeated[:, None, ~truth]
    return np.asarray(((np.sign(differences) + 1) / 2).mean(axis=0))
