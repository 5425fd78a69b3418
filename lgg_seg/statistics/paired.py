"""Paired comparison of configurations on the same patients: differences to the best, and their significance."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final, Literal

import numpy as np

from lgg_seg.metrics.arrays import Floats
from lgg_seg.statistics.bootstrap import RESAMPLES, Interval, summarise
from lgg_seg.statistics.ranks import DECIMALS, ZERO_METHOD, SignedRank, check_scores, signed_rank_test

ALPHA: Final = 0.05

METHOD: Final = (
    f"Differences are a configuration minus the best one, patient by patient: their mean with a 95 % percentile "
    f"bootstrap interval ({RESAMPLES:,} resamples of the patients, in each both configurations on the same ones), and "
    f"an exact two-sided Wilcoxon signed-rank test over the patients (zero_method {ZERO_METHOD}: patients without a "
    f"difference are ranked, then dropped; ties share their mean rank), its p Holm-corrected over all comparisons with "
    f"the best, which was picked on these same patients, so that its lead is somewhat overstated."
)


@dataclass(frozen=True)
class Difference:
    """A configuration minus the best one, over the patients; `ci95` and the p-values are None for a single patient."""

    name: str
    mean: float  # at most 0
    ci95: Interval  # percentile bootstrap interval of the mean
    p_value: float | None  # of the two-sided signed-rank test
    p_holm: float | None  # the same, corrected for the number of comparisons with the best
    rank_effect: float  # rank-biserial correlation of the signed ranks, from -1 (the best one is never behind) to 1
    zeros: int  # number of patients without a difference
    patients: int

    @property
    def significance(self) -> Literal["worse", "contradictory", "inseparable"]:
        """Whether the difference is significant.

        "worse" takes all three: a corrected p under 0.05, signed ranks that point down, an interval that excludes 0.
        "contradictory": the mean is below and the ranks above, where a configuration gains a little on most patients
        and fails on a few.
        """
        if self.ci95 is None or self.p_holm is None or self.p_holm >= ALPHA:
            return "inseparable"
        if self.rank_effect > 0:
            return "contradictory"
        return "worse" if self.ci95[1] < 0 else "inseparable"


@dataclass(frozen=True)
class Comparison:
    """The best configuration, its mean, and the others from the nearest down; equal means are ordered by name."""

    best: str
    mean: float
    patients: int
    differences: tuple[Difference, ...]


def differences(values: Floats, names: Sequence[str], resamples: int = RESAMPLES, seed: int = 0) -> Comparison:
    """Compare the configuration of the highest mean (of equals the first by name) with every other one.

    The bootstrap is paired: a resample holds patients, each with its values of both configurations. Neither the order
    of the patients nor that of the configurations changes a bit of the result, and no further configuration
    changes an interval unless it is the best. The best one is chosen on the data that then test it, which the interval
    and p do not know; `rank_distribution` shows how sure the choice is.

    Args:
        values: float64 `(N, K)`, patients by configurations; larger is better.
        names: of the K configurations.
        resamples: of the patients; `seed` is theirs.
    """
    check_scores(values, names)
    means = [round(fmean(column), DECIMALS) for column in values.T.tolist()]  # fmean: exact, so blind to order
    best, *others = sorted(range(len(names)), key=lambda k: (-means[k], names[k]))
    gaps = [np.round(values[:, k] - values[:, best], DECIMALS) for k in others]
    tests = [signed_rank_test(gap) for gap in gaps]
    tested = zip(others, gaps, tests, holm([test.p_value for test in tests]), strict=True)
    to_best = tuple(_difference(names[k], gap, test, p_holm, resamples, seed) for k, gap, test, p_holm in tested)
    return Comparison(names[best], means[best], len(values), to_best)


def _difference(name: str, gap: Floats, test: SignedRank, p_holm: float, resamples: int, seed: int) -> Difference:
    summary, several = summarise(gap, resamples, seed), gap.size > 1
    ci95 = None if summary.ci95 is None else (round(summary.ci95[0], DECIMALS), round(summary.ci95[1], DECIMALS))
    return Difference(
        name=name,
        mean=round(summary.mean, DECIMALS),
        ci95=ci95,
        p_value=test.p_value if several else None,
        p_holm=p_holm if several else None,
        rank_effect=test.effect,
        zeros=int((gap == 0).sum()),
        patients=gap.size,
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979) of one family of tests, in the order given, none above 1.

    The k-th smallest of m is multiplied by m - k + 1, and is never below the one before.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)))
    return [float(value) for value in corrected]
