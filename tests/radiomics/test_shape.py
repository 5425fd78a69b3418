"""Shape features of slices and volumes on shapes whose values are known, and on masks with hardly a shape at all."""

from __future__ import annotations

from dataclasses import asdict
from math import pi, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lgg_seg.radiomics.shape import SliceShape, VolumeShape, slice_shape, volume_shape

ROWS, COLUMNS = np.mgrid[:200, :220]
masks = hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, max_side=9))


def disc(row: float, column: float, radius: float) -> np.ndarray:
    return (ROWS - row) ** 2 + (COLUMNS - column) ** 2 <= radius**2


def rectangle(height: int, width: int) -> np.ndarray:
    mask = np.zeros((40, 60), bool)
    mask[4 : 4 + height, 7 : 7 + width] = True
    return mask


def test_a_disc() -> None:
    """Area πr²; the SD of a coordinate r/2, so the spread r/√2; perimeter 2πr."""
    shape = slice_shape(disc(90.2, 120.7, 50))
    assert shape.area_px == pytest.approx(pi * 50**2, rel=0.005)
    assert (shape.centroid_row, shape.centroid_column) == (pytest.approx(90.2, abs=0.1), pytest.approx(120.7, abs=0.1))
    assert (shape.spread_row, shape.spread_column) == (pytest.approx(25, rel=0.01), pytest.approx(25, rel=0.01))
    assert shape.spread_px == pytest.approx(50 / sqrt(2), rel=0.01)
    assert shape.perimeter_px == pytest.approx(2 * pi * 50, rel=0.03)
    assert shape.parts == 1
    assert (shape.asd or 1) < 0.01
    assert (shape.mf or 1) < 0.01


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 12), (7, 3), (20, 40)])
def test_a_rectangles_area_centroid_and_spread_are_exact(height: int, width: int) -> None:
    """The SD of n successive whole numbers is √((n² - 1) / 12)."""
    shape = slice_shape(rectangle(height, width))
    assert (shape.area_px, shape.parts) == (height * width, 1)
    assert (shape.centroid_row, shape.centroid_column) == (4 + (height - 1) / 2, 7 + (width - 1) / 2)
    assert shape.spread_row == pytest.approx(sqrt((height**2 - 1) / 12))
    assert shape.spread_column == pytest.approx(sqrt((width**2 - 1) / 12))


def test_a_lobed_outline_is_more_uneven_than_a_disc_of_the_same_area() -> None:
    angle, distance = np.arctan2(ROWS - 100, COLUMNS - 100), np.hypot(ROWS - 100, COLUMNS - 100)
    lobed = slice_shape(distance <= 60 * (1 + 0.3 * np.cos(8 * angle)))
    even = slice_shape(disc(100, 100, 60))
    for name in ("asd", "mf", "complexity", "perimeter_px"):
        assert getattr(lobed, name) > 1.2 * getattr(even, name)


def test_all_components_count_for_area_and_only_the_largest_for_asd_and_mf() -> None:
    one, two = disc(60, 60, 40), disc(60, 60, 40) | disc(150, 170, 20)
    alone, both = slice_shape(one), slice_shape(two)
    assert (alone.parts, both.parts) == (1, 2)
    assert both.area_px == two.sum()
    assert (both.spread_px or 0) > (alone.spread_px or 0)
    assert (both.asd, both.mf) == (alone.asd, alone.mf)


def test_nothing_and_a_single_pixel_have_defined_values() -> None:
    empty, point = np.zeros((2, 6, 7), bool), np.zeros((2, 6, 7), bool)
    point[1, 2, 3] = True
    assert slice_shape(empty[0]) == SliceShape(0, 0)
    assert volume_shape(empty) == VolumeShape(0, 0, 0)
    one = slice_shape(point[1])
    assert (one.area_px, one.centroid_row, one.centroid_column, one.spread_px) == (1, 2, 3, 0)
    assert (one.asd, one.mf) == (None, None)
    volume = volume_shape(point)
    assert (volume.volume_voxels, volume.tumour_slices, volume.parts, volume.centroid_slice) == (1, 1, 1, 1)
    assert (volume.spread_slices, volume.asd, volume.mf, volume.asd_mean, volume.mf_mean) == (0, None, None, None, None)
    assert volume.bevr == pytest.approx(2 / (pi * sqrt(3)), rel=1e-3)


def test_a_ball() -> None:
    """Volume 4/3 πr³; the SD of a coordinate r/√5, so the spread within the plane r√(2/5)."""
    z, y, x = np.mgrid[:50, :60, :70]
    shape = volume_shape((z - 24) ** 2 + (y - 28) ** 2 + (x - 40) ** 2 <= 22**2)
    assert shape.volume_voxels == pytest.approx(4 / 3 * pi * 22**3, rel=0.01)
    assert (shape.centroid_slice, shape.centroid_row, shape.centroid_column) == (
        pytest.approx(24),
        pytest.approx(28),
        pytest.approx(40),
    )
    assert shape.spread_slices == pytest.approx(22 / sqrt(5), rel=0.01)
    assert shape.spread_px == pytest.approx(22 * sqrt(2 / 5), rel=0.01)
    assert (shape.tumour_slices, shape.parts) == (45, 1)
    assert shape.largest_area_px == pytest.approx(pi * 22**2, rel=0.01)
    assert shape.bevr == pytest.approx((22 / (22 + sqrt(3) / 2)) ** 3, abs=0.01)


def test_a_volumes_unevenness_is_that_of_its_largest_slice_beside_the_mean_by_area() -> None:
    volume = np.stack([rectangle(20, 10), rectangle(0, 0), rectangle(30, 40), rectangle(9, 9)])
    shape, slices = volume_shape(volume), [slice_shape(one) for one in volume]
    assert (shape.asd, shape.mf, shape.largest_area_px) == (slices[2].asd, slices[2].mf, 1200)
    with_tumour = [one for one in slices if one.area_px]
    weights = [one.area_px for one in with_tumour]
    assert shape.asd_mean == pytest.approx(np.average([one.asd for one in with_tumour], weights=weights))
    assert shape.mf_mean == pytest.approx(np.average([one.mf for one in with_tumour], weights=weights))


@settings(max_examples=150, deadline=None)
@given(mask=masks)
def test_no_mask_is_too_odd_and_every_value_is_finite_or_none(mask: np.ndarray) -> None:
    for shape in (asdict(volume_shape(mask)), *(asdict(slice_shape(one)) for one in mask)):
        assert all(value is None or (np.isfinite(value) and value >= 0) for value in shape.values())


@settings(max_examples=50, deadline=None)
@given(mask=masks, before=st.tuples(*[st.integers(0, 5)] * 3))
def test_moving_a_tumour_moves_its_centroid_and_nothing_else(mask: np.ndarray, before: tuple[int, int, int]) -> None:
    still, moved = asdict(volume_shape(mask)), asdict(volume_shape(np.pad(mask, [(n, 1) for n in before])))
    for name, n in zip(("centroid_slice", "centroid_row", "centroid_column"), before, strict=True):
        assert moved.pop(name) == (None if (at := still.pop(name)) is None else pytest.approx(at + n))
    for name, value in still.items():
        assert moved[name] == (None if value is None else pytest.approx(value, rel=1e-3, abs=1e-9))


@settings(max_examples=50, deadline=None)
@given(mask=masks)
def test_half_a_turn_changes_neither_area_nor_spread_nor_unevenness(mask: np.ndarray) -> None:
    """But for which of two equally large parts or slices comes first, so those with one part alone are compared."""
    for one in mask:
        before, after = slice_shape(one), slice_shape(one[::-1, ::-1])
        assert (before.area_px, before.parts) == (after.area_px, after.parts)
        if before.parts == 1:
            for name in ("spread_px", "perimeter_px", "asd", "mf"):
                value = getattr(before, name)
                assert getattr(after, name) == (None if value is None else pytest.approx(value, abs=1e-9))


def test_masks_that_are_not_boolean_or_have_another_dimension_are_refused() -> None:
    with pytest.raises(TypeError, match="boolean"):
        slice_shape(np.zeros((3, 3), np.uint8))
    floats: Any = np.zeros((3, 3, 3))
    with pytest.raises(TypeError, match="boolean"):
        volume_shape(floats)
    with pytest.raises(ValueError, match="2 dimensions"):
        slice_shape(np.zeros((3, 3, 3), bool))
    with pytest.raises(ValueError, match="3 dimensions"):
        volume_shape(np.zeros((3, 3), bool))
