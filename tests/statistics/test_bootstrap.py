"""Summaries against SciPy and NumPy, and their determinism."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap as scipy_bootstrap

from lgg_seg.statistics import bootstrap
from lgg_seg.statistics.bootstrap import Summary, summarise


@pytest.mark.parametrize("patients", [10, 110])
def test_interval_equals_scipys_within_monte_carlo_error(patients: int) -> None:
    values = np.random.default_rng(1).beta(8, 2, patients)
    reference = scipy_bootstrap(
        (values,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(7)
    ).confidence_interval
    interval = summarise(values).ci95
    spread = values.std() / np.sqrt(patients)
    assert interval == (pytest.approx(reference.low, abs=0.1 * spread), pytest.approx(reference.high, abs=0.1 * spread))


def test_mean_median_and_spread_worked_by_hand() -> None:
    summary = summarise([1.0, 2.0, 6.0])
    assert (summary.mean, summary.median) == (3.0, 2.0)
    assert summary.std == pytest.approx(7**0.5)  # (4 + 1 + 9) / 2


@settings(max_examples=20, deadline=None)
@given(values=st.lists(st.floats(0, 1), min_size=2, max_size=30), seed=st.integers(0, 100))
def test_order_changes_nothing_and_the_interval_lies_among_the_values(values: list[float], seed: int) -> None:
    summary = summarise(values, resamples=200, seed=seed)
    assert summary == summarise(values[::-1], resamples=200, seed=seed)
    assert summary.ci95 is not None
    low, high = summary.ci95
    assert min(values) - 1e-12 <= low <= high <= max(values) + 1e-12


def test_a_single_patient_has_no_interval() -> None:
    assert summarise([0.7]) == Summary(mean=0.7, median=0.7, std=None, ci95=None)
    assert summarise([0.7]).as_dict() == {"mean": 0.7, "median": 0.7, "std": None, "ci95": None}


def test_resampling_in_portions_gives_the_same_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random(13)
    at_once = summarise(values, resamples=500)
    monkeypatch.setattr(bootstrap, "_INDICES_AT_ONCE", 40)
    assert summarise(values, resamples=500) == at_once


@pytest.mark.parametrize("values", [[], [0.5, float("nan")], [float("inf")]])
def test_what_cannot_be_summarised_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        summarise(values)
