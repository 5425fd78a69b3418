"""Preprocessing: exact statistics, and a way back to where every pixel came from."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lgg_seg.data.grid import Grid
from lgg_seg.data.preprocessing import Preprocess, normalise
from lgg_seg.errors import UserError


def head(height: int, width: int, depth: int = 5, seed: int = 0) -> NDArray[np.uint8]:
    """A noisy ellipsoid off centre, on a background below a tenth of its brightness."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    inside = ((y - 0.45 * height) / (0.3 * height)) ** 2 + ((x - 0.55 * width) / (0.25 * width)) ** 2 < 1
    volume = rng.integers(0, 15, (depth, height, width, 3))
    volume[:, inside] += rng.integers(80, 180, (depth, 1, 3))
    return volume.astype(np.uint8)


def disc(height: int, width: int, radius: float) -> NDArray[np.bool_]:
    y, x = np.mgrid[:height, :width]
    return ((y - 0.45 * height) ** 2 + (x - 0.55 * width) ** 2 < radius**2)[None]


def back(grid: Grid, masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    there = torch.from_numpy(grid.masks_to_network(masks)).float()
    return np.asarray(grid.to_native(there) >= 0.5)


@given(st.integers(60, 120), st.integers(60, 120), st.integers(60, 160), st.sampled_from(["none", "brain"]))
def test_a_mask_comes_back_from_the_network_grid_to_where_it_was(height, width, size, crop):
    grid = Preprocess(size=size, crop=crop).prepare_volume(head(height, width)).grid
    truth = disc(height, width, radius=12)
    found = back(grid, truth)
    assert found.shape == truth.shape
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.95


def test_without_resampling_the_way_there_and_back_is_exact():
    truth = np.random.default_rng(0).random((3, 40, 64)) > 0.5
    grid = Preprocess(size=None).prepare_volume(head(40, 64, 3)).grid
    assert grid == Grid((40, 64), (0, 0, 40, 64), 64)
    np.testing.assert_array_equal(back(grid, truth), truth)


def test_outside_the_crop_the_probability_is_zero():
    grid = Grid(native=(50, 60), box=(10, 20, 30, 25), size=45)
    native = grid.to_native(torch.ones(2, 45, 45))
    assert native.dtype == torch.float32
    assert native.sum() == 2 * 30 * 25
    assert native[:, 10:40, 20:45].min() == 1


def test_the_brain_crop_is_the_box_above_a_tenth_of_the_volumes_maximum():
    volume = np.full((4, 50, 60, 3), 20, np.uint8)
    volume[1, 12:30, 20:41, 0] = 200
    volume[3, 9:12, 33, 2] = 21
    assert Preprocess(crop="brain").prepare_volume(volume).grid.box == (9, 20, 21, 21)


def test_a_blank_volume_is_kept_whole_and_becomes_zeros():
    volume = Preprocess(crop="brain", size=32).prepare_volume(np.zeros((2, 32, 32, 3), np.uint8))
    assert volume.grid.box == (0, 0, 32, 32)
    images = torch.from_numpy(volume.images.transpose(0, 3, 1, 2))
    assert normalise(images, torch.from_numpy(volume.statistics).expand(2, 3, 4)).abs().max() == 0


@given(st.integers(0, 100), st.sampled_from(["all", "flair"]))
def test_volume_normalisation_is_numpys_percentile_clip_and_z_score(seed, channels):
    preprocess = Preprocess(size=48, channels=channels, crop="brain")
    volume = preprocess.prepare_volume(head(64, 56, 3, seed))
    pixels = volume.images.astype(np.float64)
    clipped = pixels.clip(*np.percentile(pixels, [10, 99]))
    expected = (clipped - clipped.mean(axis=(0, 1, 2))) / clipped.std(axis=(0, 1, 2))
    images = torch.from_numpy(volume.images.transpose(0, 3, 1, 2))
    statistics = torch.from_numpy(volume.statistics).expand(3, preprocess.channel_count, 4)
    found = normalise(images, statistics)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.permute(0, 2, 3, 1).numpy(), expected, atol=1e-4)


def test_unit_normalisation_divides_by_255():
    volume = Preprocess(size=64, normalisation="unit").prepare_volume(head(64, 64))
    images = torch.from_numpy(volume.images.transpose(0, 3, 1, 2))
    found = normalise(images, torch.from_numpy(volume.statistics).expand(5, 3, 4))
    torch.testing.assert_close(found, images / 255)


def test_flair_alone_is_the_second_channel():
    volume = head(64, 64)
    flair = Preprocess(size=64, channels="flair")
    assert flair.channel_count == 1
    np.testing.assert_array_equal(flair.prepare_volume(volume).images, volume[..., 1:2])


def test_sharpening_steepens_an_edge_and_leaves_flat_areas():
    volume = np.full((1, 32, 32, 3), 50, np.uint8)
    volume[:, :, 16:] = 150
    sharp = Preprocess(size=32, sharpen=1.0).prepare_volume(volume).images
    assert sharp[0, 16, 16, 0] > 150
    assert sharp[0, 16, 15, 0] < 50
    assert sharp[0, 16, 2, 0] == 50


def test_half_a_pixel_of_tumour_is_tumour_and_less_is_not():
    mask = np.zeros((1, 4, 4), np.bool_)
    mask[0, 0, :2] = True
    mask[0, 3, 3] = True
    np.testing.assert_array_equal(Grid((4, 4), (0, 0, 4, 4), 2).masks_to_network(mask), [[[1, 0], [0, 0]]])


@pytest.mark.parametrize(("field", "value"), [("size", 0), ("sharpen", -1.0)])
def test_a_value_out_of_range_is_refused_by_its_key(field, value):
    with pytest.raises(UserError, match=rf"preprocess\.{field}"):
        Preprocess(**{field: value})


@pytest.mark.parametrize("field", ["normalisation", "crop", "skull", "channels"])
def test_a_choice_that_does_not_exist_is_refused(field):
    with pytest.raises(UserError, match=rf"preprocess\.{field} is foo; it must be"):
        Preprocess(**{field: "foo"})  # type: ignore[arg-type]  # the point
