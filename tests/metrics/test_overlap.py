"""Counts and overlap against scikit-learn and MONAI, by hand, and under their laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_dice, compute_iou
from sklearn import metrics as sk

from lgg_seg.metrics.overlap import Counts, accuracy, confusion, dice, iou, precision, recall, specificity
from tests.metrics.volumes import blobs, drawn

MEASURES = (dice, iou, recall, precision, accuracy, specificity)
numbers = st.integers(min_value=0, max_value=10**9)
counts = st.builds(Counts, numbers, numbers, numbers, numbers)

#         prediction             truth                   tp fp fn  tn
TABLE = [
    ("##../##../..../....", "##../##../..../....", (4, 0, 0, 12)),  # the same
    ("##../##../..../....", ".##./.##./..../....", (2, 2, 2, 10)),  # half
    ("##../..../..../....", "..../..../..../..##", (0, 2, 2, 12)),  # elsewhere
    ("#.../..../..../....", "####/####/..../....", (1, 0, 7, 8)),  # too little
    ("####/####/####/####", "#.../..../..../....", (1, 15, 0, 0)),  # everything
    ("..../..../..../....", "..../..../..../....", (0, 0, 0, 16)),  # both empty
    ("#.../..../..../....", "..../..../..../....", (0, 1, 0, 15)),  # truth empty
    ("..../..../..../....", "#.../..../..../....", (0, 0, 1, 15)),  # prediction empty
    ("####/####/####/####", "####/####/####/####", (16, 0, 0, 0)),  # both full: no background to be specific about
]
#    dice   iou    recall precision accuracy specificity
WORKED = [
    (1, 1, 1, 1, 1, 1),
    (1 / 2, 1 / 3, 1 / 2, 1 / 2, 12 / 16, 10 / 12),
    (0, 0, 0, 0, 12 / 16, 12 / 14),
    (2 / 9, 1 / 8, 1 / 8, 1, 9 / 16, 1),
    (2 / 17, 1 / 16, 1, 1 / 16, 1 / 16, 0),
    (1, 1, 1, 1, 1, 1),
    (0, 0, 0, 0, 15 / 16, 15 / 16),
    (0, 0, 0, 0, 15 / 16, 1),
    (1, 1, 1, 1, 1, 0),
]


def table() -> Counts:
    return confusion(drawn(*(row[0] for row in TABLE)), drawn(*(row[1] for row in TABLE)))


def test_counts_of_the_table_worked_by_hand() -> None:
    counts = table()
    rows = np.stack([counts.tp, counts.fp, counts.fn, counts.tn], axis=-1)
    assert np.array_equal(rows, [row[2] for row in TABLE])


@pytest.mark.parametrize("column", range(len(MEASURES)), ids=[measure.__name__ for measure in MEASURES])
def test_overlap_of_the_table_worked_by_hand(column: int) -> None:
    expected = [row[column] for row in WORKED]
    np.testing.assert_allclose(MEASURES[column](table()), expected, rtol=1e-15)
    alone = [float(MEASURES[column](Counts(*row[2]))) for row in TABLE]
    np.testing.assert_allclose(alone, expected, rtol=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_overlap_equals_scikit_learn_and_monai(seed: int) -> None:
    prediction, truth = blobs(seed), blobs(seed + 100, share=0.25)
    one = confusion(prediction, truth).sum()
    flat = truth.ravel(), prediction.ravel()
    oracles = {
        dice: sk.f1_score, iou: sk.jaccard_score, recall: sk.recall_score, precision: sk.precision_score,
        accuracy: sk.accuracy_score,
    }  # fmt: skip
    for measure, reference in oracles.items():
        assert float(measure(one)) == pytest.approx(reference(*flat), abs=1e-12)
    assert float(specificity(one)) == pytest.approx(sk.recall_score(*flat, pos_label=False), abs=1e-12)
    as_batch = [torch.from_numpy(mask)[None, None].float() for mask in (prediction, truth)]
    assert float(dice(one)) == pytest.approx(compute_dice(*as_batch).item(), abs=1e-6)
    assert float(iou(one)) == pytest.approx(compute_iou(*as_batch).item(), abs=1e-6)


@given(one=counts)
def test_dice_is_2_iou_over_1_plus_iou(one: Counts) -> None:
    assert float(dice(one)) == pytest.approx(2 * float(iou(one)) / (1 + float(iou(one))), abs=1e-12)


@given(one=counts)
def test_dice_is_the_harmonic_mean_of_recall_and_precision(one: Counts) -> None:
    r, p = float(recall(one)), float(precision(one))
    assert float(dice(one)) == pytest.approx(2 * r * p / (r + p) if r + p else 0, abs=1e-12)


@given(one=counts)
def test_every_measure_lies_between_0_and_1(one: Counts) -> None:
    assert all(0 <= float(measure(one)) <= 1 for measure in MEASURES)


@given(one=counts)
def test_swapping_prediction_and_truth_swaps_recall_and_precision(one: Counts) -> None:
    swapped = Counts(one.tp, one.fn, one.fp, one.tn)
    assert (float(recall(one)), float(dice(one))) == (float(precision(swapped)), float(dice(swapped)))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(min_value=0, max_value=1000))
def test_counts_of_slices_add_up_to_the_volume(seed: int) -> None:
    prediction, truth = blobs(seed), blobs(seed + 1)
    by_slice = confusion(prediction, truth)
    total = by_slice.sum()
    assert Counts.concatenate([by_slice, by_slice]).sum() == total + total
    assert total.tp + total.fp + total.fn + total.tn == truth.size
    assert (total.predicted, total.truth) == (prediction.sum(), truth.sum())


def test_index_masks_are_refused() -> None:
    mask: Any = np.full((1, 4, 4), 255, dtype=np.uint8)
    with pytest.raises(TypeError, match="boolean"):
        confusion(mask, mask)


def test_masks_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        confusion(blobs(0, (2, 4, 4)), blobs(0, (1, 4, 4)))
