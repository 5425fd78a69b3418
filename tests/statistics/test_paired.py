"""Paired differences against hand work, a plain loop and SciPy, and what must not change them."""

from __future__ import annotations

import random
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from lgg_seg.metrics.arrays import Floats
from lgg_seg.statistics.paired import METHOD, Comparison, Difference, differences, holm
from tests.statistics.score_tables import score_tables


def _correlated(patients: int, configurations: int, seed: int = 0) -> Floats:
    """Dice-like scores: patients differ much, configurations little."""
    generator = np.random.default_rng(seed)
    patient = generator.beta(8, 2, (patients, 1))
    scores: Floats = patient + generator.normal(0, 0.03, (patients, configurations)) - 0.01 * np.arange(configurations)
    return scores


def test_three_configurations_worked_by_hand() -> None:
    """`b` is best; `a` is 0.1 below for each of six patients; `c` is 0.2 below for three and equal for three.

    All six signs of `a` agree: 2 / 2^6. The three of `c`: 2 / 2^3. Holm: 2 times the first, 1 times the second.
    """
    b = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    c = b - [0.2, 0, 0.2, 0, 0.2, 0]
    result = differences(np.stack([b - 0.1, b, c], axis=1), ["a", "b", "c"])
    assert (result.best, result.mean, result.patients) == ("b", 0.75, 6)
    a_to_b, c_to_b = result.differences
    assert a_to_b == Difference("a", -0.1, (-0.1, -0.1), 0.03125, 0.0625, rank_effect=-1, zeros=0, patients=6)
    assert (c_to_b.name, c_to_b.mean, c_to_b.p_value, c_to_b.p_holm, c_to_b.zeros) == ("c", -0.1, 0.25, 0.25, 3)
    assert c_to_b.ci95 == (pytest.approx(-0.2 * 5 / 6), pytest.approx(-0.2 / 6))  # of Binomial(6, 1/2): 5 and 1


@pytest.mark.parametrize("patients", [18, 110])
def test_interval_is_that_of_a_plain_paired_loop(patients: int) -> None:
    values = _correlated(patients, 2)
    dice = random.Random(3)
    means = []
    for _ in range(4000):
        drawn = dice.choices(range(patients), k=patients)
        means.append(fmean(values[i, 1] for i in drawn) - fmean(values[i, 0] for i in drawn))
    low, high = sorted(means)[100], sorted(means)[3900]
    (difference,) = differences(values, ["a", "b"]).differences
    error = 0.15 * (values[:, 1] - values[:, 0]).std() / patients**0.5
    assert difference.ci95 == (pytest.approx(low, abs=error), pytest.approx(high, abs=error))


def test_pairing_tells_apart_what_unpaired_intervals_do_not() -> None:
    """Patients differ tenfold more than configurations; only within patients is the difference plain."""
    (difference,) = differences(_correlated(110, 2), ["a", "b"]).differences
    assert difference.ci95 is not None
    assert difference.ci95[1] - difference.ci95[0] < 0.02
    assert difference.significance == "worse"


def test_p_is_scipys_over_patients() -> None:
    values = _correlated(30, 3)
    for difference, k in zip(differences(values, list("abc")).differences, (1, 2), strict=True):
        assert difference.name == "abc"[k]
        reference = wilcoxon(values[:, k], values[:, 0], method="exact")
        assert difference.p_value == pytest.approx(reference.pvalue, rel=1e-9)


def test_holm_worked_by_hand() -> None:
    """Sorted 0.005 0.01 0.03 0.04 times 4 3 2 1 is 0.02 0.03 0.06 0.04, and the last may not fall below 0.06."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9, 0.6]) == [1, 1, 1]
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


@settings(max_examples=100, deadline=None)
@given(p_values=st.lists(st.floats(0, 1), min_size=1, max_size=12), alpha=st.sampled_from([0.01, 0.05, 0.2]))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values: list[float], alpha: float) -> None:
    rejected = set()
    for step, k in enumerate(sorted(range(len(p_values)), key=lambda k: p_values[k])):
        if p_values[k] * (len(p_values) - step) >= alpha:
            break
        rejected.add(k)
    assert {k for k, corrected in enumerate(holm(p_values)) if corrected < alpha} == rejected


@settings(max_examples=60, deadline=None)
@given(score_tables(most_patients=12, levels=7))
def test_order_of_patients_and_configurations_changes_nothing(table: tuple[Floats, list[int], list[int]]) -> None:
    values, rows, columns = table
    names = [f"model {k}" for k in range(values.shape[1])]
    result = differences(values, names, resamples=100, seed=5)
    assert differences(values[rows][:, columns], [names[k] for k in columns], resamples=100, seed=5) == result
    means = [difference.mean for difference in result.differences]
    assert means == pytest.approx(sorted(means, reverse=True), abs=1e-9)  # equal ones stand by name
    assert all(mean <= 0 for mean in means)


def test_a_further_configuration_changes_nothing_but_the_correction() -> None:
    values = _correlated(20, 4) - [0, 0.05, 0.02, 0.02]
    few, many = (differences(values[:, :k], list("abcd")[:k]) for k in (2, 4))
    by_name = {difference.name: difference for difference in many.differences}
    (alone,) = few.differences
    among = by_name["b"]
    assert (among.mean, among.ci95, among.p_value) == (alone.mean, alone.ci95, alone.p_value)
    assert among.p_holm is not None
    assert alone.p_holm is not None
    assert among.p_holm > alone.p_holm


def test_of_equal_means_the_first_by_name_is_best_despite_rounding_noise() -> None:
    values = np.array([[0.1 + 0.2, 0.3], [0.5, 0.5]])
    assert values[0, 0] > values[0, 1]
    for names in (["a", "b"], ["b", "a"]):
        result = differences(values, names)
        assert result.best == "a"
        assert result.differences[0].zeros == 2


def test_identical_configurations_differ_by_nothing_with_p_1() -> None:
    scores = np.random.default_rng(0).random(9)
    (difference,) = differences(np.stack([scores, scores], axis=1), ["a", "b"]).differences
    assert difference == Difference("b", 0, (0, 0), 1, 1, rank_effect=0, zeros=9, patients=9)
    assert difference.significance == "inseparable"


def test_a_single_patient_has_neither_interval_nor_p() -> None:
    expected = Difference("a", -0.25, None, None, None, rank_effect=-1, zeros=0, patients=1)
    assert differences(np.array([[0.5, 0.75]]), ["a", "b"]) == Comparison("b", 0.75, 1, (expected,))
    assert expected.significance == "inseparable"


def test_a_single_configuration_is_the_best_of_none() -> None:
    assert differences(np.array([[0.5], [0.75]]), ["a"]) == Comparison("a", 0.625, 2, ())


@pytest.mark.parametrize(
    ("ci95", "p_holm", "rank_effect", "significance"),
    [
        ((-0.05, -0.01), 0.049, -0.5, "worse"),
        ((-0.05, -0.01), 0.05, -0.5, "inseparable"),
        ((-0.05, 0.0), 0.01, -0.5, "inseparable"),
        ((-0.05, 0.01), 0.01, -0.5, "inseparable"),
        ((-0.05, -0.01), 0.01, 0.5, "contradictory"),
        ((-0.05, -0.01), 0.3, 0.5, "inseparable"),
    ],
)
def test_worse_takes_a_small_p_an_interval_below_zero_and_ranks_that_agree(
    ci95: tuple[float, float], p_holm: float, rank_effect: float, significance: str
) -> None:
    assert (
        Difference("a", -0.03, ci95, p_holm / 2, p_holm, rank_effect, zeros=0, patients=20).significance == significance
    )


def test_small_gains_with_a_few_failures_are_contradictory() -> None:
    """95 patients gain 0.01 and 15 lose 0.4: the mean falls, and the test of ranks is significant for the rise."""
    steady = np.random.default_rng(0).uniform(0.7, 0.9, 110)
    gambler = steady + np.where(np.arange(110) < 95, 0.01, -0.4)
    (difference,) = differences(np.stack([steady, gambler], axis=1), ["steady", "gambler"]).differences
    assert difference.mean == pytest.approx((95 * 0.01 - 15 * 0.4) / 110)
    assert difference.p_holm is not None
    assert difference.p_holm < 0.001
    assert difference.significance == "contradictory"


def test_the_method_described_is_the_method_used() -> None:
    values = _correlated(12, 2)
    assert "10,000 resamples" in METHOD
    assert differences(values, ["a", "b"]) == differences(values, ["a", "b"], resamples=10_000)
    assert differences(values, ["a", "b"]) != differences(values, ["a", "b"], resamples=9_999)
    assert "zero_method pratt" in METHOD
    assert METHOD.endswith(".")
    assert ". " not in METHOD  # one sentence


@pytest.mark.parametrize(
    ("values", "names"),
    [(np.array([[0.5, np.inf]]), ["a", "b"]), (np.array([[0.5, 0.6]]), ["a", "a"]), (np.empty((3, 0)), [])],
    ids=["not finite", "a name twice", "no configuration"],
)
def test_what_cannot_be_compared_is_refused(values: Floats, names: list[str]) -> None:
    with pytest.raises(ValueError, match="need"):
        differences(values, names)
