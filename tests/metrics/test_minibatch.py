"""Study 000's mean over mini-batches: by hand, and where it parts from the pooled numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgg_seg.metrics.counts import Counts
from lgg_seg.metrics.minibatch import BATCH_SIZE, minibatch_means
from lgg_seg.metrics.overlap import dice, iou, recall

counts = st.builds(Counts, tp=st.integers(0, 9), fp=st.integers(0, 9), fn=st.integers(0, 9), tn=st.integers(0, 9))


def test_five_slices_in_batches_of_two_by_hand() -> None:
    """Batches: tp 4, fp 1, fn 2; then an empty one predicted empty; then, short, tp 0, fp 3, fn 0."""
    slices = [Counts(3, 1, 0, 9), Counts(1, 0, 2, 9), Counts(0, 0, 0, 9), Counts(0, 0, 0, 9), Counts(0, 3, 0, 9)]
    assert minibatch_means(slices, batch_size=2) == pytest.approx(
        {
            "minibatch/iou": (4 / 7 + 1 + 0) / 3,
            "minibatch/dice": (8 / 11 + 1 + 0) / 3,
            "minibatch/recall": (4 / 6 + 1 + 0) / 3,
        }
    )


def test_batches_are_of_sixteen_consecutive_slices_unless_told_otherwise() -> None:
    slices = [Counts(1, 0, 0, 0)] * 16 + [Counts(0, 1, 1, 0)]
    assert BATCH_SIZE == 16
    assert minibatch_means(slices)["minibatch/dice"] == pytest.approx(0.5)
    assert minibatch_means(slices[::-1])["minibatch/dice"] == pytest.approx((30 / 32 + 1) / 2)


@given(st.lists(counts, min_size=1, max_size=20))
def test_one_batch_of_everything_is_pooled_and_batches_of_one_are_the_mean_over_slices(slices: list[Counts]) -> None:
    total = sum(slices, start=Counts(0, 0, 0, 0))
    pooled, single = minibatch_means(slices, batch_size=20), minibatch_means(slices, batch_size=1)
    for measure in (iou, dice, recall):
        assert pooled[f"minibatch/{measure.__name__}"] == pytest.approx(float(measure(total)))
        mean = np.mean([float(measure(one)) for one in slices])
        assert single[f"minibatch/{measure.__name__}"] == pytest.approx(mean)


def test_nothing_has_no_mean() -> None:
    with pytest.raises(ValueError, match="at least one slice"):
        minibatch_means([])
