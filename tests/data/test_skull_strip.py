"""Brain extraction: on heads whose brain is known, on phantoms, and where there is nothing to extract."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lgg_seg.data.kaggle.index import build_index
from lgg_seg.data.preprocessing import Preprocess
from lgg_seg.data.skull_strip import brain_mask

SIZE = 160


def ellipse(share: float) -> NDArray[np.bool_]:
    """An ellipse of `share` of a head's axes, which are 0.8 and 0.65 of the field of view."""
    y, x = (np.mgrid[:SIZE, :SIZE] + 0.5) / SIZE * 2 - 1
    return (y / 0.8) ** 2 + (x / 0.65) ** 2 < share**2


HEAD, SKULL, BRAIN = ellipse(1.0), ellipse(0.88), ellipse(0.78)


def head(depth: int = 4, seed: int = 0) -> NDArray[np.uint8]:
    """Slices of bright scalp, dark skull and grey brain in noise."""
    flat = np.full((SIZE, SIZE), 2.0)
    for region, value in ((HEAD, 220), (SKULL, 10), (BRAIN, 90)):
        flat[region] = value
    noise = np.random.default_rng(seed).normal(0, 4, (depth, SIZE, SIZE, 3))
    return (flat[None, ..., None] + noise).clip(0, 255).astype(np.uint8)


def test_the_brain_is_kept_whole_and_the_scalp_is_gone() -> None:
    found = brain_mask(head())
    assert found.dtype == np.bool_
    assert found.shape == (4, SIZE, SIZE)
    assert found[:, BRAIN].all()
    scalp = HEAD & ~ellipse(0.9)
    assert found[:, scalp].mean() < 0.01


def test_a_sequence_on_a_background_that_is_not_black_changes_nothing() -> None:
    images = head()
    images[..., 0] = images[..., 0] // 2 + 100  # as the pre-contrast sequence of some patients
    found = brain_mask(images)
    assert found[:, BRAIN].all()
    assert found[:, HEAD & ~ellipse(0.9)].mean() < 0.01


@pytest.mark.parametrize("value", [20, 250])
def test_a_tumour_at_the_surface_is_kept_however_dark_or_bright_it_is(value: int) -> None:
    images = head()
    y, x = np.mgrid[:SIZE, :SIZE]
    tumour = ((y - 80) ** 2 + (x - 45) ** 2 < 12**2) & BRAIN
    assert (tumour & ~ellipse(0.75)).any(), "it reaches the brain's surface"
    images[:, tumour] = value
    assert brain_mask(images)[:, tumour].mean() > 0.98


def test_what_is_thinly_joined_to_the_brain_is_cut_off() -> None:
    images = head()
    images[:, 78:82, :] = 90  # a nerve through the skull, to an eye outside
    images[:, 70:90, :20] = 90
    found = brain_mask(images)
    assert found[:, BRAIN].all()
    assert not found[:, 70:90, :12].any()


def test_a_blank_volume_has_no_brain_and_one_without_a_core_keeps_its_head() -> None:
    assert not brain_mask(np.zeros((2, 32, 32, 3), np.uint8)).any()
    lines = np.zeros((2, 64, 64, 3), np.uint8)
    lines[:, ::8] = 100
    np.testing.assert_array_equal(brain_mask(lines), lines[..., 0] > 0)


def test_in_a_phantom_almost_no_tumour_is_cut_away_and_much_of_the_fat_is(phantom_root: Path) -> None:
    index = build_index(phantom_root)
    kept, fat = [], []
    for patient in index.patients[:4]:
        images = np.stack([s.read_image() for s in patient.slices])
        tumour = np.stack([s.read_mask() for s in patient.slices])
        found = brain_mask(images)
        kept.append(found[tumour].mean())
        bright = images[..., 0] > 0.7 * images[..., 0].max()
        fat.append(1 - found[bright & ~tumour].mean())
    assert min(kept) > 0.95
    assert np.mean(fat) > 0.5


@pytest.mark.real
def test_in_real_volumes_much_of_the_head_is_cut_away_and_almost_no_tumour(real_root: Path) -> None:
    for patient in build_index(real_root).patients:
        images = np.stack([s.read_image() for s in patient.slices])
        tumour = np.stack([s.read_mask() for s in patient.slices])
        stripped = Preprocess(size=None, skull="remove").prepare_volume(images).images
        assert (stripped.any(axis=-1) & tumour).sum() > 0.97 * (images.any(axis=-1) & tumour).sum()
        assert np.count_nonzero(stripped.max(axis=-1) > 30) < 0.9 * np.count_nonzero(images.max(axis=-1) > 30)


def test_skull_stripping_blackens_all_but_the_brain_and_leaves_the_brain_alone() -> None:
    images = head()
    stripped = Preprocess(size=SIZE, skull="remove").prepare_volume(images).images
    found = brain_mask(images)
    np.testing.assert_array_equal(stripped[found], images[found])
    assert not stripped[~found].any()


def test_the_crop_follows_the_brain_where_the_skull_is_removed() -> None:
    with_skull = Preprocess(size=64, crop="brain").prepare_volume(head()).grid.box
    without = Preprocess(size=64, crop="brain", skull="remove").prepare_volume(head()).grid.box
    assert without[2] < with_skull[2]
    assert without[3] < with_skull[3]


def test_grey_is_the_luminance_of_a_picture_three_times() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    grey = Preprocess(size=32, channels="grey")
    found = grey.prepare_volume(images).images
    assert grey.channel_count == found.shape[-1] == 3
    expected = images @ np.array([0.299, 0.587, 0.114])
    for channel in range(3):
        np.testing.assert_allclose(found[..., channel], expected, atol=0.51)
    assert cv2.cvtColor(images[0], cv2.COLOR_RGB2GRAY)[3, 5] == found[0, 3, 5, 0]
