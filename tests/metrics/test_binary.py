"""A classifier's measures against scikit-learn and against a table worked by hand; resamples keep patients whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from lgg_seg.metrics.binary import (
    BinaryPredictions,
    best_f1_threshold,
    measures,
    patient_counts,
    roc,
    weighted_measures,
)
from lgg_seg.statistics.bootstrap import Estimate
from lgg_seg.statistics.classification import (
    bootstrap_measures,
    mean_estimate,
    measures_by_patient,
    roc_band,
)

HAND = BinaryPredictions(  # ranks, from the top: yes .9, no .8, yes and no tied at .6, no .2, yes .1
    np.array([0.9, 0.8, 0.6, 0.6, 0.2, 0.1], np.float32),
    np.array([True, False, True, False, False, True]),
    np.array([0, 0, 0, 1, 1, 1]),
)


def random(slices: int = 300, patients: int = 12, seed: int = 0) -> BinaryPredictions:
    """Rounded probabilities, so that many are tied."""
    generator = np.random.default_rng(seed)
    truth = generator.random(slices) < 0.35
    probability = np.round(0.6 * generator.random(slices) + 0.3 * truth, 2).astype(np.float32)
    patient = generator.integers(patients, size=slices)
    patient[:patients] = np.arange(patients)
    return BinaryPredictions(probability, truth, patient)


def test_measures_equal_a_table_worked_by_hand() -> None:
    found = measures(HAND, threshold=0.5)
    # Predicted positive: .9 .8 .6 .6, of which two are; predicted negative: a true negative and a false one.
    assert found["accuracy"] == pytest.approx(3 / 6)
    assert found["f1"] == pytest.approx(2 * 2 / (2 * 2 + 2 + 1))
    assert (found["recall"], found["specificity"], found["precision"]) == pytest.approx((2 / 3, 1 / 3, 2 / 4))
    # Pairs won of 9: .9 wins 3; .6 wins against .2 and half of the tie; .1 wins none.
    assert found["auroc"] == pytest.approx((3 + 1.5 + 0) / 9)
    # Recall rises by a third at precisions 1/1, 2/4 and 3/6.
    assert found["average_precision"] == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)
    assert found["brier"] == pytest.approx((0.1**2 + 0.8**2 + 0.4**2 + 0.6**2 + 0.2**2 + 0.9**2) / 6, abs=1e-6)
    assert patient_counts(HAND, 0.5).tolist() == [[2, 1, 0, 0], [0, 1, 1, 1]]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("threshold", [0.25, 0.5])
def test_measures_equal_scikit_learn(seed: int, threshold: float) -> None:
    predictions = random(seed=seed)
    predicted = predictions.probability >= np.float32(threshold)
    found = measures(predictions, threshold)
    truth, score = predictions.truth, predictions.probability
    assert found["auroc"] == pytest.approx(oracle.roc_auc_score(truth, score), abs=1e-12)
    assert found["average_precision"] == pytest.approx(oracle.average_precision_score(truth, score), abs=1e-12)
    assert found["accuracy"] == pytest.approx(oracle.accuracy_score(truth, predicted))
    assert found["f1"] == pytest.approx(oracle.f1_score(truth, predicted))
    assert found["precision"] == pytest.approx(oracle.precision_score(truth, predicted))
    assert found["recall"] == pytest.approx(oracle.recall_score(truth, predicted))
    assert found["specificity"] == pytest.approx(oracle.recall_score(~truth, ~predicted))
    assert found["brier"] == pytest.approx(oracle.brier_score_loss(truth, score), abs=1e-6)
    false, true = roc(predictions, np.ones((1, predictions.patients), np.int64))
    by_sklearn = oracle.roc_curve(truth, score, drop_intermediate=False)
    np.testing.assert_allclose(false[0], by_sklearn[0])
    np.testing.assert_allclose(true[0], by_sklearn[1])


@settings(max_examples=30, deadline=None)
@given(weights=st.lists(st.integers(0, 3), min_size=4, max_size=4), seed=st.integers(0, 99))
def test_a_weight_of_two_is_a_patient_with_every_slice_twice(weights: list[int], seed: int) -> None:
    predictions = random(slices=40, patients=4, seed=seed)
    times = np.array(weights)[predictions.patient]
    if not times.any():
        return
    written_out = BinaryPredictions(
        np.repeat(predictions.probability, times), np.repeat(predictions.truth, times), np.zeros(times.sum(), np.int64)
    )
    weighted = weighted_measures(predictions, 0.5, np.array([weights]))
    for name, value in measures(written_out, 0.5).items():
        assert weighted[name][0] == pytest.approx(value, nan_ok=True), name


def test_undefined_measures_are_null_in_metrics_json() -> None:
    """Slices that are all empty, none of them called a tumour: right, but no recall and no ROC area."""
    predictions = BinaryPredictions(np.full(4, 0.1, np.float32), np.zeros(4, bool), np.array([0, 0, 1, 1]))
    found = {name: one.estimate.as_dict() for name, one in bootstrap_measures(predictions, 0.5, resamples=20).items()}
    assert found["accuracy"] == {"value": 1.0, "ci95": [1.0, 1.0]}
    for name in ("auroc", "average_precision", "recall", "precision"):
        assert found[name] == {"value": None, "ci95": None}, name


def test_intervals_resample_patients_and_not_slices() -> None:
    """Two kinds of patients, all slices of one kind right, all of the other wrong: ten patients decide, not 1000
    slices."""
    patient = np.repeat(np.arange(10), 100)
    truth = np.tile([True, False], 500)
    right = patient % 2 == 0
    probability = np.where(right == truth, 0.9, 0.1).astype(np.float32)
    found = bootstrap_measures(BinaryPredictions(probability, truth, patient), 0.5, resamples=2000)["accuracy"].estimate
    # The share of right patients among ten drawn is binomial(10, 1/2) / 10.
    assert found.value == 0.5
    assert found.ci95 == pytest.approx((0.2, 0.8), abs=1e-9)


def test_the_interval_agrees_with_a_plain_bootstrap_by_scikit_learn() -> None:
    predictions = random(slices=120, patients=8, seed=3)
    resampled = bootstrap_measures(predictions, 0.5, 400, seed=0)["auroc"].resamples
    generator = np.random.default_rng(0)
    rows = [np.flatnonzero(predictions.patient == p) for p in range(8)]
    by_hand = []
    for chosen in generator.integers(8, size=(400, 8)):
        ids = np.concatenate([rows[p] for p in chosen])
        by_hand.append(oracle.roc_auc_score(predictions.truth[ids], predictions.probability[ids]))
    np.testing.assert_allclose(resampled, by_hand, atol=1e-12)


def test_resamples_without_both_classes_are_counted_and_left_out() -> None:
    grades = BinaryPredictions(np.array([0.2, 0.3, 0.9], np.float32), np.array([False, False, True]), np.arange(3))
    found = bootstrap_measures(grades, 0.5, resamples=3000)["auroc"].estimate
    assert (found.value, found.ci95) == (1.0, (1.0, 1.0))
    assert found.undefined / 3000 == pytest.approx((2 / 3) ** 3 + (1 / 3) ** 3, abs=0.03)


def test_a_single_patient_has_no_interval() -> None:
    assert bootstrap_measures(HAND.of(0), 0.5, resamples=10)["accuracy"].estimate == Estimate(2 / 3, None)


def test_within_each_patient_accuracy_and_area_are_averaged_over_patients() -> None:
    own = measures_by_patient(HAND, 0.5)
    np.testing.assert_allclose(own["accuracy"], [2 / 3, 1 / 3])
    np.testing.assert_allclose(own["auroc"], [1 / 2, 0])  # .9 wins and .6 loses against .8; .1 loses against both
    assert mean_estimate(own["accuracy"], resamples=200).value == pytest.approx(1 / 2)
    area = mean_estimate(own["auroc"], resamples=200)
    assert area.value == pytest.approx(1 / 4)
    assert area.ci95 == pytest.approx((0, 1 / 2))


def test_a_patient_of_one_class_has_no_area_and_is_not_in_its_mean() -> None:
    predictions = BinaryPredictions(
        np.array([0.9, 0.1, 0.8], np.float32), np.array([True, False, True]), np.array([0, 0, 1])
    )
    assert mean_estimate(measures_by_patient(predictions, 0.5)["auroc"], resamples=10).value == 1.0
    alone = mean_estimate(measures_by_patient(predictions.of(1), 0.5)["auroc"], resamples=10)
    assert (alone.value, alone.ci95) == (None, None)


def test_the_band_holds_the_curve_and_narrows_with_more_patients() -> None:
    predictions = random(slices=600, patients=12)
    grid, low, high = roc_band(predictions, 200)
    false, true = roc(predictions, np.ones((1, 12), np.int64))
    curve = np.interp(grid, false[0], true[0])
    assert ((low <= curve + 1e-9) & (curve <= high + 1e-9)).all()
    many = random(slices=6000, patients=120)
    _, closer, above = roc_band(many, 200)
    assert (above - closer).mean() < (high - low).mean() / 2


def test_the_best_f1_threshold_has_the_highest_f1() -> None:
    assert best_f1_threshold(HAND) == 0.1  # all called yes: 2·3 / (2·3 + 3) is more than 4/7 above
    separable = BinaryPredictions(np.array([0.7, 0.3], np.float32), np.array([True, False]), np.array([0, 0]))
    assert best_f1_threshold(separable) == 0.5, "of equals the one nearest the middle"


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(TypeError, match="float32"):
        BinaryPredictions(np.array([0.5]), np.array([True]), np.array([0]))
    with pytest.raises(ValueError, match="one shape"):
        BinaryPredictions(np.array([0.5], np.float32), np.array([True]), np.array([0, 1]))
