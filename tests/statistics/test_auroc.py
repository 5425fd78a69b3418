"""The ROC area against scikit-learn, its interval against a plain bootstrap, and what chance does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from lgg_seg.statistics.auroc import auc, auc_interval, expected_half_width, permutation_p


def drawn(seed: int, count: int = 87, positives: int = 21) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.permutation(np.arange(count) < positives)
    return (generator.standard_normal(count) + truth).round(1), truth  # rounded: there are ties


@given(seed=st.integers(0, 10**6))
def test_area_equals_scikit_learns(seed: int) -> None:
    scores, truth = drawn(seed)
    assert auc(scores, truth) == pytest.approx(roc_auc_score(truth, scores))
    assert auc(-scores, truth) == pytest.approx(1 - auc(scores, truth))


def test_repetitions_are_averaged() -> None:
    (one, truth), two = drawn(0), drawn(1)[0]
    both = auc(np.stack([one, two]), truth)
    assert both == pytest.approx((roc_auc_score(truth, one) + roc_auc_score(truth, two)) / 2)


def test_interval_equals_a_plain_bootstraps_within_monte_carlo_error() -> None:
    scores, truth = drawn(3)
    generator = np.random.default_rng(1)
    areas = []
    for _ in range(1000):
        chosen = generator.integers(truth.size, size=truth.size)
        areas.append(auc(scores[chosen], truth[chosen]))
    low, high = np.quantile(areas, [0.025, 0.975])
    found = auc_interval(scores, truth)
    assert found == (pytest.approx(low, abs=0.012), pytest.approx(high, abs=0.012))
    assert found == auc_interval(scores, truth)


def test_perfect_scores_have_an_interval_at_1() -> None:
    truth = np.arange(20) < 6
    assert auc_interval(truth.astype(float), truth) == (1.0, 1.0)


def test_27_deaths_of_109_allow_an_area_to_an_eighth() -> None:
    assert expected_half_width(0.7, 27, 82) == pytest.approx(0.125, abs=0.005)
    assert expected_half_width(1.0, 27, 82) == 0
    assert expected_half_width(0.7, 270, 820) < expected_half_width(0.7, 27, 82) / 3


def test_p_counts_the_observed_among_the_shuffled() -> None:
    assert permutation_p(0.7, [0.4, 0.5, 0.7, 0.8]) == 3 / 5
    assert permutation_p(0.9, [0.5] * 99) == 0.01
    assert permutation_p(0.9, []) is None
