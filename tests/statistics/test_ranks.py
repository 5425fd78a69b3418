"""The signed-rank test against tables, enumeration and SciPy; the distribution of ranks against enumeration."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import PermutationMethod, wilcoxon

from lgg_seg.metrics.arrays import Floats
from lgg_seg.statistics import bootstrap
from lgg_seg.statistics.ranks import ZERO_METHOD, SignedRank, rank_distribution, signed_rank_test
from tests.statistics.score_tables import score_tables


def test_wilcoxons_own_table_of_1945() -> None:
    """Heights of cross- and self-fertilised plants; the published rank sum is 24, the exact p 0.041."""
    test = signed_rank_test(np.array([6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75], dtype=float))
    assert test == SignedRank(positive=96, negative=24, p_value=0.041259765625)
    assert test.effect == pytest.approx((96 - 24) / 120)


def test_seven_patients_worked_by_hand() -> None:
    """Sizes 1 2 2 3 5 6 and a zero: the zero is rank 1 and drops out, the two of size 2 share ranks 3 and 4.

    Negative are sizes 1 (rank 2) and one 2 (rank 3.5): W- = 5.5, W+ = 27 - 5.5 = 21.5. Subsets of the ranks
    2, 3.5, 3.5, 5, 6, 7 that sum to at most 5.5: none, {2}, {3.5} twice, {5}, {2, 3.5} twice; 7 of 64.
    """
    test = signed_rank_test(np.array([0.0, -0.01, 0.02, -0.02, 0.03, 0.05, 0.06]))
    assert test == SignedRank(positive=21.5, negative=5.5, p_value=14 / 64)


def _p_by_all_signs(differences: Sequence[float]) -> float:
    """The share of the 2^n assignments of signs whose rank sums lie at least as far apart as those seen."""
    sizes = [abs(d) for d in differences]
    rank = {size: sum(s < size for s in sizes) + (sizes.count(size) + 1) / 2 for size in sizes}
    moved = [(rank[abs(d)], np.sign(d)) for d in differences if d]
    seen = abs(sum(r * sign for r, sign in moved))
    apart = [
        abs(sum(r * sign for (r, _), sign in zip(moved, signs, strict=True)))
        for signs in product([-1, 1], repeat=len(moved))
    ]
    return sum(gap >= seen for gap in apart) / len(apart)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=9))
def test_p_is_that_of_all_assignments_of_signs_with_ties_and_zeros(differences: list[float]) -> None:
    assert signed_rank_test(np.array(differences)).p_value == _p_by_all_signs(differences)


@pytest.mark.parametrize("patients", [1, 2, 6, 18, 50, 110])
@pytest.mark.parametrize("shift", [0.0, 0.3, -0.8])
def test_p_is_scipys_exact_one_without_ties_and_zeros(patients: int, shift: float) -> None:
    differences = np.random.default_rng(patients).normal(shift, 1, patients)
    reference = wilcoxon(differences, method="exact")
    test = signed_rank_test(differences)
    assert min(test.positive, test.negative) == reference.statistic
    assert test.p_value == pytest.approx(reference.pvalue, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_p_is_scipys_permutation_one_with_ties_and_zeros(seed: int) -> None:
    differences = np.random.default_rng(seed).integers(-3, 5, 9).astype(float)
    reference = wilcoxon(differences, zero_method=ZERO_METHOD, method=PermutationMethod())
    assert signed_rank_test(differences).p_value == pytest.approx(reference.pvalue, rel=1e-9)


def test_p_nears_scipys_approximation_for_many_patients_with_ties_and_zeros() -> None:
    differences = np.random.default_rng(3).integers(-9, 12, 110).astype(float)
    reference = wilcoxon(differences, zero_method=ZERO_METHOD, method="asymptotic").pvalue
    assert 0.001 < reference < 0.5
    assert signed_rank_test(differences).p_value == pytest.approx(reference, rel=0.02)


def test_more_in_favour_never_makes_a_weaker_case_where_a_patient_becomes_a_zero() -> None:
    """Pratt's objection to leaving zeros out: that gives p = 0.0266, 0.0342, 0.0173 as all the differences rise."""
    differences = np.array([0, 2, 3, 4, 6, 7, 8, 9, 11, 14, 15, 17, -18], dtype=float)
    falling = [signed_rank_test(differences + rise).p_value for rise in (-0.5, 0, 0.5)]
    assert falling == sorted(falling, reverse=True)


@pytest.mark.parametrize(("patients", "smallest"), [(1, 1.0), (2, 0.5), (5, 0.0625), (6, 0.03125)])
def test_few_patients_bound_p_from_below_even_where_all_agree(patients: int, smallest: float) -> None:
    gains = np.full(patients, 0.1)
    assert signed_rank_test(gains).p_value == smallest
    assert signed_rank_test(np.concatenate([np.zeros(90), gains])).p_value == smallest


@pytest.mark.parametrize("noise", [0.0, 1e-15])
def test_identical_configurations_give_p_1_despite_rounding_noise(noise: float) -> None:
    assert signed_rank_test(np.full(20, noise)) == SignedRank(positive=0, negative=0, p_value=1)
    assert signed_rank_test(np.full(20, noise)).effect == 0


@settings(max_examples=30, deadline=None)
@given(differences=st.lists(st.floats(-1, 1), min_size=1, max_size=70), random=st.randoms(use_true_random=False))
def test_neither_order_nor_direction_changes_p(differences: list[float], random: Random) -> None:
    test = signed_rank_test(np.array(differences))
    shuffled = differences.copy()
    random.shuffle(shuffled)
    assert signed_rank_test(np.array(shuffled)) == test
    assert signed_rank_test(-np.array(differences)) == SignedRank(test.negative, test.positive, test.p_value)
    assert 0 < test.p_value <= 1


def test_order_of_many_patients_changes_not_even_the_last_bit_of_p() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        differences = generator.normal(0.1, 1, 110)
        assert signed_rank_test(generator.permutation(differences)) == signed_rank_test(differences)


def _ranks_of_all_resamples(values: Floats) -> Floats:
    """Every one of the N^N resamples, each as probable; a tie is spread over its ranks."""
    patients, configurations = values.shape
    shares = np.zeros((configurations, configurations))
    for drawn in product(range(patients), repeat=patients):
        totals = [round(sum(values[i, k] for i in drawn), 9) for k in range(configurations)]
        for k, total in enumerate(totals):
            ahead, equal = sum(t > total for t in totals), totals.count(total)
            shares[k, ahead : ahead + equal] += 1 / equal
    return shares / patients**patients


@pytest.mark.parametrize(
    "rows",
    [
        [[0.9, 0.8, 0.1], [0.5, 0.7, 0.6], [0.2, 0.3, 0.9]],
        [[0.1, 0.3], [0.2, 0.2], [0.3, 0.1]],  # mirrored: many resamples tie
        [[0.9, 0.9, 0.2, 0.5], [0.4, 0.4, 0.8, 0.5], [0.7, 0.7, 0.7, 0.5], [0.1, 0.1, 0.3, 0.5]],  # two alike
    ],
)
def test_ranks_are_those_of_all_resamples_within_monte_carlo_error(rows: list[list[float]]) -> None:
    values = np.array(rows)
    names = [f"model {k}" for k in range(values.shape[1])]
    exact = _ranks_of_all_resamples(values)
    assert rank_distribution(values, names, resamples=40_000) == pytest.approx(exact, abs=4 * 0.5 / 40_000**0.5)


def test_those_always_best_and_those_always_tied() -> None:
    values = np.array([[0.5, 0.9, 0.5], [0.6, 0.8, 0.6]])
    distribution = rank_distribution(values, ["a", "b", "c"], resamples=100)
    assert distribution.tolist() == [[0, 0.5, 0.5], [1, 0, 0], [0, 0.5, 0.5]]


def test_rounding_noise_does_not_break_ties() -> None:
    noisy = np.array([[0.1 + 0.2, 0.3], [0.3, 0.1 + 0.2]])
    assert noisy[0, 0] != noisy[0, 1]
    assert rank_distribution(noisy, ["a", "b"], resamples=50).tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_a_single_patient_and_a_single_configuration_have_ranks_too() -> None:
    assert rank_distribution(np.array([[0.2, 0.4]]), ["a", "b"]).tolist() == [[0, 1], [1, 0]]
    assert rank_distribution(np.array([[0.2], [0.4]]), ["a"]).tolist() == [[1]]


@settings(max_examples=60, deadline=None)
@given(score_tables(most_patients=8, levels=3))
def test_order_of_patients_and_configurations_changes_no_share(table: tuple[Floats, list[int], list[int]]) -> None:
    values, rows, columns = table
    names = [f"model {k}" for k in range(values.shape[1])]
    shares = rank_distribution(values, names, resamples=200, seed=5)
    shuffled = rank_distribution(values[rows][:, columns], [names[k] for k in columns], resamples=200, seed=5)
    assert (shuffled == shares[columns]).all()
    assert (shares >= 0).all()
    assert shares.sum(axis=1) == pytest.approx(1)
    assert shares.sum(axis=0) == pytest.approx(1)


def test_resampling_in_portions_gives_the_same_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random((13, 4))
    at_once = rank_distribution(values, list("abcd"), resamples=500)
    monkeypatch.setattr(bootstrap, "_INDICES_AT_ONCE", 40)
    assert rank_distribution(values, list("abcd"), resamples=500) == pytest.approx(at_once, abs=1e-12)


def test_the_seed_decides_the_resamples() -> None:
    values = np.random.default_rng(0).random((13, 4))
    first, again, other = (rank_distribution(values, list("abcd"), resamples=500, seed=seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (np.array([[0.5, np.nan]]), ["a", "b"]),
        (np.array([0.5, 0.6]), ["a", "b"]),
        (np.empty((0, 2)), ["a", "b"]),
        (np.array([[0.5, 0.6]]), ["a"]),
        (np.array([[0.5, 0.6]]), ["a", "a"]),
    ],
    ids=["not finite", "one dimension", "no patient", "a name short", "a name twice"],
)
def test_what_cannot_be_ranked_is_refused(values: Floats, names: list[str]) -> None:
    with pytest.raises(ValueError, match="need"):
        rank_distribution(values, names)
