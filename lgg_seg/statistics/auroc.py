"""Area under the ROC curve (AUROC), its bootstrap interval over patients and its permutation p."""

from math import sqrt

import numpy as np
from sklearn.metrics import roc_auc_score

from lgg_seg.metrics.arrays import Bools, Floats
from lgg_seg.metrics.binary import BinaryPredictions
from lgg_seg.statistics.bootstrap import Bootstrapped, Interval
from lgg_seg.statistics.classification import bootstrap_measures

SUSPICIOUS = 0.85  # AUROC above which leakage is likely: honest models of these outcomes stay below (TCGA grade: 0.72)


def auc(scores: Floats, truth: Bools) -> float:
    """AUROC of finite scores `(N,)`, or the mean over repetitions `(R, N)`, for a truth `(N,)` of both values."""
    return float(np.mean([roc_auc_score(truth, one) for one in np.atleast_2d(scores)]))


def auc_interval(scores: Floats, truth: Bools, seed: int = 0) -> Interval:
    """95 % percentile bootstrap interval of `auc` over patients; None if no resample holds both outcomes.

    It does not say how much the model would change with other training patients.
    """
    patients = np.arange(truth.size)
    repetitions = [BinaryPredictions(one.astype(np.float32), truth, patients) for one in np.atleast_2d(scores)]
    return Bootstrapped.mean([bootstrap_measures(one, 0.5, seed=seed)["auroc"] for one in repetitions]).estimate.ci95


def expected_half_width(area: float, positives: int, negatives: int) -> float:
    """Half width of the 95 % interval that so many patients allow (Hanley and McNeil, Radiology 143, 1982).

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
    """Permutation p (Phipson and Smyth 2010), at least 1 / (n + 1); None without shuffles."""
    return (1 + sum(value >= observed for value in shuffled)) / (1 + len(shuffled)) if shuffled else None
