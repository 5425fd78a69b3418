"""Patients' scores, their aggregate and their tables: by hand, from the rows alone, and under laws."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from lgg_seg.errors import UserError
from lgg_seg.evaluation.segmentation import aggregate, patient_rows, slice_rows
from lgg_seg.metrics.arrays import Bools
from lgg_seg.metrics.patient import PatientScore, score_patient
from lgg_seg.metrics.registry import PATIENT_METRICS
from tests.metrics.volumes import blobs, drawn, probabilities

SUMMARIES = {f"patient/{name}" for name in ("dice", "iou", "recall", "precision", "hd95_px", "nsd_2px")}
EXPECTED = SUMMARIES | {
    *(f"pooled/{name}" for name in ("dice", "iou", "recall", "precision", "accuracy", "specificity")),
    *("minibatch/iou", "minibatch/dice", "minibatch/recall", "slice/iou"),
    *("slice/dice", "tumour_slice/dice", "empty_slice/false_positive_rate", "lesion/f1", "calibration/ece"),
    *("detection/recall", "detection/specificity", "detection/auroc"),
    *("patients/empty_truth", "patients/empty_prediction", "patients/missed"),
}


def score(patient: str, prediction: Bools, truth: Bools) -> PatientScore:
    probability = np.where(prediction, 0.75, 0.25).astype(np.float32)
    return score_patient(patient, range(1, len(truth) + 1), probability, truth, prediction)


def random_scores(seed: int, patients: int = 4) -> list[PatientScore]:
    scores = []
    for k in range(patients):
        truth = blobs(seed + k, (5, 8, 8), share=0.1)
        probability = probabilities(seed + k, truth)
        scores.append(score_patient(f"P{k}", range(1, 6), probability, truth, probability >= 0.5))
    return scores


def by_hand() -> list[PatientScore]:
    """Three patients of 4x4 slices.

    | patient | slice | tp fp fn tn  | slice Dice | patient Dice          | IoU  | lesions found/false/missed |
    |---------|-------|--------------|------------|-----------------------|------|----------------------------|
    | A       | 1     | 2  2  2  10  | 1/2        | 2*6/(12+2+2) = 3/4    | 0.6  | 1/0/0                      |
    | A       | 2     | 4  0  0  12  | 1          |                       |      |                            |
    | B       | 1     | 0  0  0  16  | 1          | 0 (tumour missed)     | 0    | 0/0/1                      |
    | B       | 2     | 0  0  1  15  | 0          |                       |      |                            |
    | C       | 1     | 0  1  0  15  | 0          | 0 (no tumour there)   | 0    | 0/1/0                      |
    | C       | 2     | 0  0  0  16  | 1          |                       |      |                            |
    Pooled: tp 6, fp 3, fn 3, tn 84.
    """
    empty, dot, square = "..../..../..../....", "#.../..../..../....", "##../##../..../...."
    shifted = ".##./.##./..../...."
    return [
        score("A", drawn(shifted, square), drawn(square, square)),
        score("B", drawn(empty, empty), drawn(empty, dot)),
        score("C", drawn(dot, empty), drawn(empty, empty)),
    ]


def test_patients_worked_by_hand() -> None:
    first, second, third = by_hand()
    assert [one.dice for one in (first, second, third)] == [0.75, 0, 0]
    for key, values in {"iou": [0.6, 0, 0], "recall": [0.75, 0, 0], "precision": [0.75, 0, 0]}.items():
        assert [one.values[key] for one in (first, second, third)] == values
    assert [one.values["hd95_px"] for one in (second, third)] == [6.0, 6.0]  # sqrt(4 + 16 + 16), the diagonal of 2x4x4
    assert [one.values["nsd_2px"] for one in (first, second, third)] == [1, 0, 0]
    assert [row["prediction_empty"] for row in patient_rows([first, second, third])] == [False, True, False]


def test_aggregate_worked_by_hand() -> None:
    metrics: dict[str, Any] = dict(aggregate(by_hand()))
    assert metrics["patient/dice"]["mean"] == pytest.approx(0.25)
    assert metrics["patient/dice"]["median"] == 0
    assert metrics["patient/dice"]["std"] == pytest.approx(((0.5**2 + 0.25**2 + 0.25**2) / 2) ** 0.5)
    assert metrics["patient/hd95_px"]["median"] == 6
    expected = {
        "pooled/dice": 12 / 18,
        "pooled/iou": 6 / 12,
        "pooled/recall": 6 / 9,
        "pooled/precision": 6 / 9,
        "pooled/accuracy": 90 / 96,
        "pooled/specificity": 84 / 87,
        "slice/dice": (0.5 + 1 + 1 + 0 + 0 + 1) / 6,
        "slice/iou": (1 / 3 + 1 + 1 + 0 + 0 + 1) / 6,
        "minibatch/iou": 6 / 12,  # six slices are one batch
        "minibatch/dice": 12 / 18,
        "minibatch/recall": 6 / 9,
        "tumour_slice/dice": (0.5 + 1 + 0) / 3,
        "empty_slice/false_positive_rate": 1 / 3,  # the empty slices are B1, C1 and C2
        "detection/recall": 2 / 3,
        "detection/specificity": 2 / 3,
        "detection/auroc": (2.5 + 2.5 + 1) / 9,  # 0.75, 0.75, 0.25 against 0.25, 0.75, 0.25
        "lesion/f1": 2 / (2 + 1 + 1),
        "calibration/ece": (abs(0.75 * 9 - 6) + abs(0.25 * 87 - 3))
        / 96,  # nine pixels at 0.75, of which six are tumour
        "patients/empty_truth": 1,
        "patients/empty_prediction": 1,
        "patients/missed": 1,
    }
    assert {name: metrics[name] for name in expected} == pytest.approx(expected)


def test_aggregate_has_exactly_the_designs_names() -> None:
    metrics: dict[str, Any] = dict(aggregate(random_scores(0), resamples=100))
    registered = {f"patient/{key}" for key in PATIENT_METRICS}
    assert set(metrics) == EXPECTED | registered
    assert all(set(metrics[name]) == {"mean", "median", "std", "ci95"} for name in SUMMARIES | registered)


@pytest.mark.parametrize("tumour", [True, False])
@pytest.mark.parametrize("predicted", [True, False])
@pytest.mark.parametrize("patients", [1, 2])
def test_aggregate_is_json_without_nan_in_every_degenerate_case(tumour: bool, predicted: bool, patients: int) -> None:
    truth, prediction = np.full((2, 4, 4), tumour), np.full((2, 4, 4), predicted)
    metrics = aggregate([score(f"P{k}", prediction, truth) for k in range(patients)], resamples=50)
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**4), order=st.permutations(range(4)))
def test_order_of_patients_changes_nothing(seed: int, order: list[int]) -> None:
    scores = random_scores(seed)
    assert aggregate([scores[k] for k in order], resamples=100) == aggregate(scores, resamples=100)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**4))
def test_laws_of_the_aggregate(seed: int) -> None:
    scores = random_scores(seed)
    metrics: dict[str, Any] = dict(aggregate(scores, resamples=100))
    assert metrics["pooled/dice"] == pytest.approx(2 * metrics["pooled/iou"] / (1 + metrics["pooled/iou"]))
    assert all(one.dice == pytest.approx(2 * one.values["iou"] / (1 + one.values["iou"])) for one in scores)
    rate, specificity = metrics["empty_slice/false_positive_rate"], metrics["detection/specificity"]
    assert rate is specificity is None or rate == pytest.approx(1 - specificity)
    for name in SUMMARIES:
        low, high = metrics[name]["ci95"]
        assert low <= high


def test_perfect_prediction_is_perfect_everywhere() -> None:
    truth = blobs(0, (5, 8, 8))
    truth[0] = False
    probability = truth.astype(np.float32)
    metrics: dict[str, Any] = dict(aggregate([score_patient("P", range(1, 6), probability, truth, truth)]))
    zero = {"patient/hd95_px", "empty_slice/false_positive_rate", "calibration/ece"}
    for name in EXPECTED - {"patients/empty_truth", "patients/empty_prediction", "patients/missed"}:
        value = metrics[name]["mean"] if name in SUMMARIES else metrics[name]
        assert value == (0 if name in zero else 1), name


def test_the_tables_alone_give_the_same_numbers() -> None:
    scores = random_scores(7)
    metrics: dict[str, Any] = dict(aggregate(scores, resamples=100))
    patients: list[dict[str, Any]] = [dict(row) for row in patient_rows(scores)]
    slices: list[dict[str, Any]] = [dict(row) for row in slice_rows(scores)]
    assert len(patients) == 4
    assert [(row["patient"], row["slice"]) for row in slices] == [(f"P{k}", n) for k in range(4) for n in range(1, 6)]

    dices = [2 * row["tp"] / (2 * row["tp"] + row["fp"] + row["fn"]) for row in patients]
    assert np.mean(dices) == pytest.approx(metrics["patient/dice"]["mean"])
    assert dices == pytest.approx([row["dice"] for row in patients])
    tp, fp, fn = (sum(row[name] for row in slices) for name in ("tp", "fp", "fn"))
    assert 2 * tp / (2 * tp + fp + fn) == pytest.approx(metrics["pooled/dice"])
    tumour = [row["truth_pixels"] > 0 for row in slices]
    assert np.mean([row["dice"] for row in slices if row["truth_pixels"]]) == pytest.approx(
        metrics["tumour_slice/dice"]
    )
    if not all(tumour):
        auroc = sk.roc_auc_score(tumour, [row["max_probability"] for row in slices])
        assert auroc == pytest.approx(metrics["detection/auroc"])
    found, false, missed = (sum(row[f"lesion_{name}"] for row in patients) for name in ("tp", "fp", "fn"))
    assert 2 * found / (2 * found + false + missed) == pytest.approx(metrics["lesion/f1"])


def test_the_given_prediction_is_measured_not_the_thresholded_probability() -> None:
    truth = blobs(0, (5, 8, 8))
    probability = np.zeros(truth.shape, dtype=np.float32)
    assert score_patient("P", range(1, 6), probability, truth, truth).dice == 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.1])
def test_a_probability_out_of_range_names_the_patient(value: float) -> None:
    truth = blobs(0, (2, 4, 4))
    probability = np.zeros(truth.shape, dtype=np.float32)
    probability[1, 2, 3] = value
    with pytest.raises(UserError, match="TCGA_X"):
        score_patient("TCGA_X", [1, 2], probability, truth, truth)


@pytest.mark.parametrize("numbers", [[1], [2, 1], [1, 1]])
def test_numbers_that_do_not_fit_the_slices_are_refused(numbers: list[int]) -> None:
    truth = blobs(0, (2, 4, 4))
    with pytest.raises(ValueError, match="ascending"):
        score_patient("P", numbers, truth.astype(np.float32), truth, truth)


def test_a_patient_scored_twice_and_no_patient_are_refused() -> None:
    one = random_scores(0, patients=1)
    for scores in (one + one, []):
        with pytest.raises(UserError, match="once"):
            aggregate(scores)
