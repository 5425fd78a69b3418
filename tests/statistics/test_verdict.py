"""The sentences that a reader gets, word by word."""

from __future__ import annotations

import numpy as np
import pytest

from lgg_seg.statistics.paired import Comparison, Difference, differences
from lgg_seg.statistics.verdict import too_few, verdict

_STEADY = np.linspace(0.7, 0.9, 18)


def _difference(name: str, mean: float, ci95: tuple[float, float], p: float, effect: float = -0.5) -> Difference:
    return Difference(name, mean, ci95, p, p, effect, zeros=0, patients=18)


def test_two_that_the_data_cannot_separate() -> None:
    result = Comparison("A", 0.8451, 18, (_difference("B", -0.012, (-0.051, 0.024), 0.4),))
    assert verdict(result) == (
        "These 18 patients cannot separate the best, A (mean 0.845), from B (-0.012, -0.051 to 0.024, p = 0.400)."
    )


def test_two_of_which_one_is_clearly_worse() -> None:
    result = differences(np.stack([_STEADY - 0.1, _STEADY], axis=1), ["unet", "unetpp"])
    assert verdict(result) == (
        "unetpp has the highest mean (0.800, 18 patients). unet (-0.100, -0.100 to -0.100, p < 0.001) is clearly worse."
    )


def test_with_single_seeds_nothing_is_clearly_worse() -> None:
    result = differences(np.stack([_STEADY - 0.1, _STEADY], axis=1), ["unet", "unetpp"])
    assert verdict(result, ["unet", "unetpp"]).endswith("p < 0.001) is worse on these patients, with one seed.")
    assert verdict(result, ["unet"]).endswith("p < 0.001) is worse on these patients."), "the best has several"
    assert verdict(result, ["unetpp"]).endswith("p < 0.001) is worse on these patients.")


def test_some_near_and_some_clearly_worse() -> None:
    result = Comparison(
        "A",
        0.9,
        18,
        (
            _difference("B", -0.0001, (-0.0004, 0.0003), 0.7512),
            _difference("C", -0.01, (-0.03, 0.01), 0.06),
            _difference("D", -0.02, (-0.03, -0.01), 0.02),
            _difference("E", -0.05, (-0.08, -0.01), 0.03),
            _difference("F", -0.06, (-0.2, -0.01), 0.07),
            _difference("G", -0.1, (-0.2, -0.05), 0.0004),
            _difference("H", -0.1, (-0.2, -0.05), 0.0004),
        ),
    )
    assert verdict(result) == (
        "These 18 patients cannot separate the best, A (mean 0.900), from B (0.000, 0.000 to 0.000, Holm-corrected "
        "p = 0.751), C and F. "
        "D (-0.020, -0.030 to -0.010, Holm-corrected p = 0.020) and 3 others are clearly worse."
    )


def test_mean_and_ranks_that_contradict_each_other() -> None:
    result = Comparison("A", 0.8, 18, (_difference("B", -0.05, (-0.07, -0.02), 0.004, effect=0.6),))
    assert verdict(result) == (
        "A has the highest mean (0.800, 18 patients). B (-0.050, -0.070 to -0.020, p = 0.004) does better by ranks "
        "than A though not by the mean: a little is gained on many patients and much lost on a few."
    )


def test_two_that_are_the_same() -> None:
    result = differences(np.stack([_STEADY, _STEADY], axis=1), ["A", "B"])
    assert verdict(result) == (
        "These 18 patients cannot separate A (mean 0.800) from B (the same value for every patient)."
    )


def test_five_patients_are_too_few_for_any_significance() -> None:
    result = differences(np.stack([_STEADY[:5], _STEADY[:5] - 0.1], axis=1), ["A", "B"])
    assert verdict(result) == (
        "These 5 patients cannot separate the best, A (mean 0.724), from B (-0.100, -0.100 to -0.100, p = 0.062)."
    )
    assert too_few(result) == "A signed-rank test of 5 patients cannot reach p < 0.05: 0.0625 is the smallest."


def test_patients_without_a_difference_do_not_count_toward_enough() -> None:
    result = differences(np.stack([_STEADY, np.where(np.arange(18) < 5, _STEADY - 0.1, _STEADY)], axis=1), ["A", "B"])
    assert too_few(result) == (
        "A signed-rank test of 5 patients that differ cannot reach p < 0.05: 0.0625 is the smallest."
    )


def test_many_comparisons_need_more_patients() -> None:
    result = differences(_STEADY[:7, None] - 0.1 * np.arange(5), list("ABCDE"))
    assert too_few(result) == (
        "A signed-rank test of 7 patients and Holm's correction for 4 comparisons cannot reach p < 0.05: 0.0625 is the "
        "smallest."
    )


@pytest.mark.parametrize(("patients", "configurations"), [(6, 2), (7, 4), (8, 5)])
def test_just_enough_patients_give_no_warning(patients: int, configurations: int) -> None:
    result = differences(_STEADY[:patients, None] - 0.1 * np.arange(configurations), list("ABCDE")[:configurations])
    assert too_few(result) == ""


def test_one_patient() -> None:
    result = differences(np.array([[0.7, 0.75, 0.8]]), ["A", "B", "C"])
    assert verdict(result) == "A single patient cannot separate C (0.800) from B and A."


def test_one_configuration() -> None:
    assert verdict(differences(np.array([[0.7], [0.8]]), ["A"])) == (
        "A (mean 0.750, 2 patients) is the only configuration: there is nothing to compare it with."
    )
    assert "(mean 0.700, 1 patient)" in verdict(differences(np.array([[0.7]]), ["A"]))
