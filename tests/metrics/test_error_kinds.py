"""Each kind of error on masks drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lgg_seg.metrics.error_kinds import slice_error


def masks(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    """Boxes (top, bottom, left, right) on a slice of 20 x 20."""
    mask = np.zeros((20, 20), bool)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


TUMOUR, PART, FAR = (2, 6, 2, 6), (10, 12, 10, 13), (16, 19, 16, 19)


@pytest.mark.parametrize(
    ("prediction", "truth", "expected"),
    [
        (masks(), masks(TUMOUR), ("missed tumour", 16)),
        (masks(FAR), masks(TUMOUR), ("missed tumour", 16)),
        (masks(FAR), masks(), ("false alarm", 9)),
        (masks(TUMOUR), masks(TUMOUR, PART), ("split tumour", 6)),
        (masks((2, 6, 2, 9)), masks(TUMOUR), ("leaked border", 12)),
        (masks((2, 6, 2, 8)), masks(TUMOUR), None),  # beyond it by just a half
        (masks(TUMOUR, FAR), masks(TUMOUR), None),  # apart from it: no leak
        (masks((2, 6, 2, 3)), masks(TUMOUR), ("border cut short", 12)),
        (masks((2, 6, 2, 4)), masks(TUMOUR), None),  # just a half
        (masks(TUMOUR), masks((2, 6, 2, 6), (6, 8, 6, 8)), None),  # parts that share a corner are one
        (masks(), masks(), None),
    ],
)
def test_a_slice_is_of_the_kind_and_size_counted_by_hand(
    prediction: np.ndarray, truth: np.ndarray, expected: tuple[str, int] | None
) -> None:
    assert slice_error(prediction, truth) == expected
