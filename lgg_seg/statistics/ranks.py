"""Ranks: the exact Wilcoxon signed-rank test of paired differences, and the bootstrap distribution of ranks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import rankdata

from lgg_seg.metrics.arrays import Floats
from lgg_seg.statistics.bootstrap import RESAMPLES, bootstrap_weights

ZERO_METHOD: Final = "pratt"
"""Patients without a difference are ranked with the others, as the smallest, and then their ranks drop out (Pratt
1959). Left out before the ranking (`wilcox`), they could turn stronger data into a weaker result."""

DECIMALS: Final = 12
"""Scores that agree to so many decimals are equal: what differs beyond is the noise of the arithmetic, and would break
ties at random."""

MIN_RANKED: Final = 6  # patients whose resamples say anything of the ranks


@dataclass(frozen=True)
class SignedRank:
    """Wilcoxon's signed-rank test: the rank sums of the positive and of the negative differences, and `p_value`."""

    positive: float
    negative: float
    p_value: float

    @property
    def effect(self) -> float:
        """Matched-pairs rank-biserial correlation (Kerby 2014): 1 if no difference is negative, -1 if none positive."""
        total = self.positive + self.negative
        return (self.positive - self.negative) / total if total else 0.0


def signed_rank_test(differences: Floats) -> SignedRank:
    """Two-sided Wilcoxon signed-rank test of one finite difference a patient `(N,)`: exact for any N, ties and zeros.

    The p-value is twice the smaller tail of the rank sum's distribution over all signs of the differences that are not
    zero, at most 1; tied differences share their mean rank; zeros go by `ZERO_METHOD`. If all are zero, p is 1. Where
    nothing is tied or zero this is `scipy.stats.wilcoxon(method="exact")`. With ties or zeros that function's "auto"
    changes with SciPy's release, and beyond 13 patients is a normal approximation: bad with few differences among many
    zeros, as of two similar networks (five equal gains: p = 0.025, though five signs cannot give less than 0.0625).
    """
    rounded = np.round(differences, DECIMALS)
    doubled = np.round(2 * rankdata(np.abs(rounded))).astype(np.int64)  # mean ranks are halves: doubled, they are whole
    positive, negative = int(doubled[rounded > 0].sum()), int(doubled[rounded < 0].sum())
    chance = np.zeros(positive + negative + 1)  # of each doubled rank sum, under signs as of a fair coin
    chance[0] = 1.0
    for rank in np.sort(doubled[rounded != 0]):  # sorted: the order of the patients changes not even the last bit
        chance[rank:] += chance[:-rank].copy()
        chance /= 2
    tail = float(chance[: min(positive, negative) + 1].sum())
    return SignedRank(positive / 2, negative / 2, min(1.0, 2 * tail))


def check_scores(values: Floats, names: Sequence[str]) -> None:
    """Refuse scores that are not finite `(N, K)`, patients by configurations, or names that are not K different ones.

    Raises:
        ValueError: for either.
    """
    if values.ndim != 2 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError(f"need finite values of shape (patients, configurations), got shape {values.shape}")
    if len(names) != values.shape[1] or len(set(names)) != len(names):
        raise ValueError(f"need {values.shape[1]} different names, one a configuration, got {list(names)}")


def rank_distribution(values: Floats, names: Sequence[str], resamples: int = RESAMPLES, seed: int = 0) -> Floats:
    """How often a configuration would come first, second, … had other patients of the kind been tested.

    The share of bootstrap resamples of the patients in which it has that rank by mean. Configurations that tie share
    their ranks equally. Neither the order of the patients nor that of the configurations changes a number.

    Args:
        values: float64 `(N, K)`, patients by configurations; larger is better.
        names: of the K configurations.
        resamples: of the patients, the same for all configurations; `seed` is theirs.

    Returns:
        `(K, K)`, rows configurations as in `names`, columns ranks from the best; each row and each column sums to 1.
    """
    check_scores(values, names)
    patients, configurations = values.shape
    by_name = sorted(range(configurations), key=lambda k: names[k])
    scores = values[:, by_name]
    scores = scores[np.lexsort(scores.T)]
    total = np.zeros((configurations, configurations))
    for weights in bootstrap_weights(patients, resamples, seed):
        total += _rank_counts(np.round(weights @ scores / patients, DECIMALS))
    distribution = np.empty_like(total)
    distribution[by_name] = total / resamples
    return distribution


def _rank_counts(means: Floats) -> Floats:
    """Resamples in which a configuration (row) has a rank (column), `(K, K)`, of means `(n, K)`; ties share ranks."""
    first = rankdata(-means, method="min", axis=1)
    last = rankdata(-means, method="max", axis=1)
    share = 1 / (last - first + 1)
    ranks = range(1, means.shape[1] + 1)
    return np.stack([(share * ((first <= rank) & (rank <= last))).sum(axis=0) for rank in ranks], axis=1)
