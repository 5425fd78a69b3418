"""Components, lesions and boundaries: worked by hand, on shapes of known measures, and against a flood fill."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgg_seg.metrics.arrays import Bools
from lgg_seg.metrics.morphology import boundary_irregularity, largest_component, lesion_counts
from lgg_seg.metrics.overlap import Counts, dice
from tests.metrics.volumes import blobs, drawn


def test_the_largest_component_holds_together_over_slices_and_corners() -> None:
    """Two pixels of the first slice touch one of the second at a corner alone: three against two beside each other."""
    mask = drawn("#..../#..../...../....#/....#", "...../...../.#.../...../.....")
    assert (
        largest_component(mask).tolist()
        == drawn("#..../#..../...../...../.....", "...../...../.#.../...../.....").tolist()
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**27 - 1))
def test_the_largest_component_is_part_of_the_mask_and_its_own_largest_component(bits: int) -> None:
    mask = np.array([bits >> i & 1 for i in range(27)], bool).reshape(3, 3, 3)
    kept = largest_component(mask)
    assert kept.dtype == np.bool_
    assert not (kept & ~mask).any()
    assert kept.any() == mask.any()
    assert np.array_equal(largest_component(kept), kept)


def test_of_equal_components_the_first_is_taken_in_a_slice_too() -> None:
    mask = np.zeros((5, 9), bool)
    mask[1:3, 1:3] = mask[1:3, 6:8] = True
    assert np.argwhere(largest_component(mask)).max(axis=0).tolist() == [2, 2]


def test_with_connectivity_1_corners_do_not_join() -> None:
    mask = drawn("##.../..#../...##")
    assert largest_component(mask).all() == mask.all()
    assert largest_component(mask, connectivity=1).tolist() == drawn("##.../...../.....").tolist()


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


ROWS, COLUMNS = np.mgrid[:160, :160]


def disc(row: float, column: float, radius: float) -> np.ndarray:
    return (ROWS - row) ** 2 + (COLUMNS - column) ** 2 <= radius**2


@pytest.mark.parametrize("radius", [8, 15, 40, 70])
def test_a_disc_is_1_whatever_its_size(radius: int) -> None:
    assert boundary_irregularity(disc(80, 80, radius)[None]) == pytest.approx(1, abs=0.06 if radius < 10 else 0.03)


def test_two_discs_are_the_square_root_of_2() -> None:
    assert boundary_irregularity((disc(40, 40, 30) | disc(110, 110, 30))[None]) == pytest.approx(2**0.5, abs=0.04)


def test_a_rectangle_of_ten_to_one() -> None:
    """Perimeter 22 a, area 10 a²: 22 / (2 √(10 π)) = 1.963, estimated within 5 %."""
    bar = (abs(ROWS - 80) < 7.5) & (abs(COLUMNS - 80) < 75)
    assert boundary_irregularity(bar[None]) == pytest.approx(1.963, rel=0.06)


def test_slices_weigh_their_area_and_empty_ones_nothing() -> None:
    one, two = disc(40, 40, 30), disc(40, 40, 30) | disc(110, 110, 30)
    volume = np.stack([one, np.zeros_like(one), two])
    alone, both = boundary_irregularity(one[None]), boundary_irregularity(two[None])
    expected = (alone * one.sum() + both * two.sum()) / (one.sum() + two.sum())
    assert boundary_irregularity(volume) == pytest.approx(expected)


def test_no_tumour_has_no_outline_and_one_that_fills_the_slice_has() -> None:
    assert boundary_irregularity(np.zeros((2, 8, 8), bool)) is None
    assert (boundary_irregularity(np.ones((1, 8, 8), bool)) or 0) > 0.9
