"""Scaling to 8 bits: invariances, clipping, NaN."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgg_seg.scans.intensity import TOP, detached_air, to_uint8
from lgg_seg.scans.scan import LABELS, contrast_fault

HEAD = np.random.default_rng(0).gamma(3, 40, (6, 20, 20)).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 1000), st.floats(-1000, 1000))
def test_unit_and_offset_of_a_scanner_change_nothing(scale: float, offset: float) -> None:
    scaled = to_uint8((HEAD.astype(np.float64) * scale + offset).astype(np.float32))
    assert np.abs(scaled.astype(int) - to_uint8(HEAD)).max() <= 1


def test_it_is_linear_and_leaves_room_above_the_upper_percentile() -> None:
    found = to_uint8(HEAD)
    inside = (found > 0) & (found < 255)
    assert np.corrcoef(found[inside], HEAD[inside])[0, 1] > 0.9999
    assert (found > TOP).mean() == pytest.approx(0.001, abs=0.0005)


def test_air_around_the_head_does_not_change_the_head() -> None:
    padded = np.pad(HEAD, ((0, 0), (40, 40), (40, 40)), constant_values=HEAD.min())
    assert np.abs(to_uint8(padded)[:, 40:-40, 40:-40].astype(int) - to_uint8(HEAD)).max() <= 1


def test_a_few_voxels_of_any_value_do_not_darken_the_rest() -> None:
    spiked = HEAD.copy()
    spiked[0, 0, 0], spiked[0, 0, 1] = 1e7, -1e7
    found = to_uint8(spiked)
    assert (found[0, 0, 0], found[0, 0, 1]) == (255, 0)
    assert np.abs(found[1:].astype(int) - to_uint8(HEAD)[1:]).max() < 25


def test_nan_voxels_are_black_and_change_nothing_else() -> None:
    holed = HEAD.copy()
    holed[0, :3, :3] = np.nan
    found = to_uint8(holed)
    assert not found[0, :3, :3].any()
    assert np.abs(found[1:].astype(int) - to_uint8(HEAD)[1:]).max() <= 1


@pytest.mark.parametrize("value", [0.0, 7.5, np.nan])
def test_a_constant_volume_is_black(value: float) -> None:
    assert not to_uint8(np.full((2, 3, 4), value, np.float32)).any()


def padded(head: np.ndarray, air: float) -> np.ndarray:
    return np.pad(head, 8, constant_values=air)


@pytest.mark.parametrize("air", [-1024, -1, -3000])
def test_a_value_of_air_below_any_intensity_changes_nothing(air: float) -> None:
    volume = padded(HEAD, air)
    assert detached_air(volume) == air
    assert np.abs(to_uint8(volume, air).astype(int) - to_uint8(padded(HEAD, 0))).max() <= 1


def test_air_whose_zeros_alone_have_another_value_is_found() -> None:
    noise = np.random.default_rng(1).integers(0, 4, (30, 40, 40)).astype(np.float32)
    noise[8:14, 8:28, 8:28] = HEAD + 4
    volume = np.where(noise == 0, -1024, noise).astype(np.float32)
    assert detached_air(noise) is None
    assert np.array_equal(to_uint8(volume, detached_air(volume)), to_uint8(noise))


def test_a_head_with_z_scores_in_zeros_is_scaled_alone() -> None:
    scores = (HEAD - HEAD.mean()) / HEAD.std()
    scores[2, 5, 5] = 0  # a voxel of tissue
    volume = padded(scores, 0)
    assert detached_air(volume) == 0
    found = to_uint8(volume, 0)
    assert np.abs(found[8:-8, 8:-8, 8:-8].astype(int) - to_uint8(scores)).max() <= 1
    assert found[10, 13, 13] > 0
    assert not found[:8].any()


@pytest.mark.parametrize("offset", [0, 100, -500])
def test_air_next_below_the_tissue_and_no_air_at_all_are_nothing_special(offset: float) -> None:
    assert detached_air(padded(HEAD, HEAD.min()) + np.float32(offset)) is None
    assert detached_air(HEAD) is None
    assert detached_air(np.full((3, 4, 5), np.nan, np.float32)) is None


def test_a_mask_in_floating_point_is_a_label_map() -> None:
    mask = np.zeros((12, 20, 20), np.float32)
    mask[3:8, 5:15, 5:15] = 1
    assert contrast_fault(to_uint8(mask, detached_air(mask))) == LABELS
