"""Lesion-wise counts, worked by hand and against a flood fill written here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgg_seg.metrics.arrays import Bools
from lgg_seg.metrics.counts import Counts
from lgg_seg.metrics.lesion import lesion_counts
from lgg_seg.metrics.overlap import dice
from tests.metrics.volumes import blobs, drawn

#    what it is, prediction, truth, (found, false, missed), F1
TABLE = [
    ("one found", drawn("##.."), drawn(".##."), (1, 0, 0), 1),
    ("one missed, one false", drawn("#...."), drawn("...##"), (0, 1, 1), 0),
    ("one of two found", drawn("#...."), drawn("##..#"), (1, 0, 1), 2 / 3),
    ("one prediction finds two", drawn("#####"), drawn("#...#"), (2, 0, 0), 1),
    ("two predictions find one", drawn("#...#"), drawn("#####"), (1, 0, 0), 1),
    ("found, and one false beside", drawn("##..#"), drawn("##..."), (1, 1, 0), 2 / 3),
    ("touching without overlap is false", drawn("#.."), drawn(".#."), (0, 1, 1), 0),
    ("corners join within a slice", drawn("#../.#./..#"), drawn("#../.#./..#"), (1, 0, 0), 1),
    ("corners join across slices", drawn("#.../....", "..../.#.."), drawn("#.../....", "..../.#.."), (1, 0, 0), 1),
    ("an empty slice parts two", drawn("#", ".", "#"), drawn("#", ".", "#"), (2, 0, 0), 1),
    ("both empty", drawn("...."), drawn("...."), (0, 0, 0), 1),
    ("nothing predicted", drawn("...."), drawn("#..#"), (0, 0, 2), 0),
    ("nothing there", drawn("#..#"), drawn("...."), (0, 2, 0), 0),
]


@pytest.mark.parametrize(("what", "prediction", "truth", "expected", "f1"), TABLE, ids=[row[0] for row in TABLE])
def test_lesions_worked_by_hand(
    what: str, prediction: Bools, truth: Bools, expected: tuple[int, int, int], f1: float
) -> None:
    counts = lesion_counts(prediction, truth)
    assert (counts.tp, counts.fp, counts.fn) == expected, what
    assert float(dice(counts)) == pytest.approx(f1)


def components(mask: Bools) -> list[set[tuple[int, ...]]]:
    left, found = {tuple(voxel) for voxel in np.argwhere(mask).tolist()}, []
    while left:
        front, component = [left.pop()], set()
        while front:
            component.add(voxel := front.pop())
            near = {other for other in left if max(abs(a - b) for a, b in zip(voxel, other, strict=True)) <= 1}
            left -= near
            front.extend(near)
        found.append(component)
    return found


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), share=st.sampled_from([0.02, 0.1, 0.2]))
def test_lesions_equal_a_flood_fill(seed: int, share: float) -> None:
    prediction, truth = blobs(seed, (4, 9, 9), share), blobs(seed + 1, (4, 9, 9), share)
    true_lesions, predicted_lesions = components(truth), components(prediction)
    found = sum(any(prediction[voxel] for voxel in lesion) for lesion in true_lesions)
    false = sum(not any(truth[voxel] for voxel in lesion) for lesion in predicted_lesions)
    assert lesion_counts(prediction, truth) == Counts(found, false, len(true_lesions) - found, 0)
