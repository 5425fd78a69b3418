"""Slice-level detection against scikit-learn and by hand; study 000's mean over mini-batches by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from lgg_seg.metrics.arrays import Bools, Floats
from lgg_seg.metrics.overlap import Counts, dice, iou, recall
from lgg_seg.metrics.slices import BATCH_SIZE, minibatch_means, slice_metrics


def detection(score: Floats, predicted: Bools, truth: Bools) -> tuple[float | None, ...]:
    measured = slice_metrics(truth, predicted, np.zeros(len(truth)), score)
    return tuple(measured[f"detection/{name}"] for name in ("recall", "specificity", "auroc"))


@pytest.mark.parametrize("seed", range(5))
def test_detection_equals_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    truth = generator.random(60) < 0.4
    score = np.round(generator.random(60) + 0.3 * truth, 1).astype(np.float64)
    predicted = score >= 0.7
    expected = (
        sk.recall_score(truth, predicted),
        sk.recall_score(truth, predicted, pos_label=False),
        sk.roc_auc_score(truth, score),
    )
    assert detection(score, predicted, truth) == pytest.approx(expected)


def test_detection_worked_by_hand() -> None:
    # Tumour slices score 0.9 and 0.4, empty ones 0.6, 0.4 and 0.1: of six pairs four are in order and one is a tie.
    score = np.array([0.9, 0.4, 0.6, 0.4, 0.1])
    truth = np.array([True, True, False, False, False])
    assert detection(score, score >= 0.5, truth) == pytest.approx((1 / 2, 2 / 3, 4.5 / 6))


@pytest.mark.parametrize(("tumour", "expected"), [(True, (0.5, None, None)), (False, (None, 0.5, None))])
def test_detection_without_slices_of_a_class_is_none(tumour: bool, expected: tuple[float | None, ...]) -> None:
    assert detection(np.array([0.9, 0.1]), np.array([True, False]), np.array([tumour, tumour])) == expected


counts = st.builds(Counts, tp=st.integers(0, 9), fp=st.integers(0, 9), fn=st.integers(0, 9), tn=st.integers(0, 9))


def joined(slices: list[Counts]) -> Counts:
    return Counts(*np.array([(one.tp, one.fp, one.fn, one.tn) for one in slices]).T)


def test_five_slices_in_batches_of_two_by_hand() -> None:
    """Batches: tp 4, fp 1, fn 2; then an empty one predicted empty; then, short, tp 0, fp 3, fn 0."""
    slices = [Counts(3, 1, 0, 9), Counts(1, 0, 2, 9), Counts(0, 0, 0, 9), Counts(0, 0, 0, 9), Counts(0, 3, 0, 9)]
    assert minibatch_means(joined(slices), batch_size=2) == pytest.approx(
        {
            "minibatch/iou": (4 / 7 + 1 + 0) / 3,
            "minibatch/dice": (8 / 11 + 1 + 0) / 3,
            "minibatch/recall": (4 / 6 + 1 + 0) / 3,
        }
    )


def test_batches_are_of_sixteen_consecutive_slices_by_default() -> None:
    slices = [Counts(1, 0, 0, 0)] * 16 + [Counts(0, 1, 1, 0)]
    assert BATCH_SIZE == 16
    assert minibatch_means(joined(slices))["minibatch/dice"] == pytest.approx(0.5)
    assert minibatch_means(joined(slices[::-1]))["minibatch/dice"] == pytest.approx((30 / 32 + 1) / 2)


@given(st.lists(counts, min_size=1, max_size=20))
def test_one_batch_is_pooled_and_batches_of_one_are_the_mean_over_slices(slices: list[Counts]) -> None:
    total = sum(slices, start=Counts(0, 0, 0, 0))
    pooled, single = minibatch_means(joined(slices), batch_size=20), minibatch_means(joined(slices), batch_size=1)
    for measure in (iou, dice, recall):
        assert pooled[f"minibatch/{measure.__name__}"] == pytest.approx(float(measure(total)))
        mean = np.mean([float(measure(one)) for one in slices])
        assert single[f"minibatch/{measure.__name__}"] == pytest.approx(mean)
