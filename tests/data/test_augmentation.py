"""Augmentation: the same draw for the same seed, independent transforms, and masks that stay masks."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from lgg_seg.data.augmentation import Augmentation, SubstituteFlair
from lgg_seg.data.dataset import statistics_of_copies
from lgg_seg.data.kaggle.images import FLAIR
from lgg_seg.data.preprocessing import normalise

MEMBERS = sorted((Path(__file__).parents[2] / "conf" / "augment").glob("*.yaml"))


def member(path: Path) -> Augmentation:
    augmentation = instantiate(OmegaConf.load(path), _convert_="all")
    assert isinstance(augmentation, Augmentation)
    return augmentation


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    mask = np.zeros((64, 64), np.uint8)
    mask[20:40, 10:30] = 1
    return image, mask


@pytest.mark.parametrize("path", MEMBERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("channels", [3, 1])
def test_every_member_keeps_shape_and_type_and_masks_binary(path, channels, pair):
    augmentation = member(path)
    for k in range(40):
        image, mask = augmentation(pair[0][None, ..., :channels], pair[1], (7, 0, k, 0))
        assert image.shape == (1, 64, 64, channels)
        assert mask.shape == (64, 64)
        assert image.dtype == mask.dtype == np.uint8
        assert set(np.unique(mask)) <= {0, 1}


@pytest.mark.parametrize("path", MEMBERS, ids=lambda path: path.stem)
def test_a_draw_depends_on_its_seed_alone(path, pair):
    seeds = [(7, epoch, k, repeat) for epoch in range(2) for k in range(6) for repeat in range(2)]
    there, again = member(path), member(path)
    image, mask = pair[0][None], pair[1]
    forward = {seed: there(image, mask, seed) for seed in seeds}
    backward = {seed: again(image, mask, seed) for seed in reversed(seeds)}
    for seed in seeds:
        np.testing.assert_array_equal(forward[seed][0], backward[seed][0])
        np.testing.assert_array_equal(forward[seed][1], backward[seed][1])


def test_the_flips_are_drawn_independently():
    augmentation = member(next(path for path in MEMBERS if path.stem == "flips_rotate"))
    flips = Augmentation(augmentation.compose.transforms[:2])
    image = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
    corners = Counter(int(flips(image, image[0, ..., 0], (0, 0, k, 0))[0][0, 0, 0, 0]) for k in range(400))
    assert sorted(corners) == [0, 3, 12, 15]
    assert min(corners.values()) > 70


def test_image_and_mask_move_together(pair):
    augmentation = member(next(path for path in MEMBERS if path.stem == "classic"))
    mask = pair[1]
    image = np.repeat(mask[None, ..., None] * 255, 3, axis=-1)
    for k in range(20):
        moved, moved_mask = augmentation(image, mask, (0, 0, k, 0))
        assert np.mean((moved[0, ..., 0] >= 128) == moved_mask) > 0.98


def test_none_changes_nothing(pair):
    none = member(next(path for path in MEMBERS if path.stem == "none"))
    image, mask = none(pair[0][None], pair[1], (0, 0, 0, 0))
    np.testing.assert_array_equal(image[0], pair[0])
    np.testing.assert_array_equal(mask, pair[1])


def test_flair_takes_the_place_of_each_other_sequence_and_of_both() -> None:
    image = np.stack([np.full((4, 4), value, np.uint8) for value in (10, 20, 30)], axis=-1)[None]
    augment = Augmentation([SubstituteFlair(p=1.0)])
    found = {tuple(augment(image, np.zeros((4, 4), np.uint8), (seed,))[0][0, 0, 0]) for seed in range(40)}
    assert found == {(20, 20, 30), (10, 20, 20), (20, 20, 20)}
    grey = image[..., :1]
    assert np.array_equal(augment(grey, np.zeros((4, 4), np.uint8), (0,))[0], grey)


def test_a_substituted_sequence_is_normalised_as_flair_is() -> None:
    image = np.random.default_rng(0).integers(1, 256, (1, 8, 8, 3), np.uint8)
    statistics = torch.tensor([[[0.0, 255, 30, 10], [0, 255, 60, 20], [0, 255, 90, 30]]])
    substituted = Augmentation([SubstituteFlair(p=1.0)])(image, np.zeros((8, 8), np.uint8), (0,))[0]
    slices, unchanged = (torch.from_numpy(one.transpose(0, 3, 1, 2))[None] for one in (substituted, image))
    seen = normalise(slices[:, 0], statistics_of_copies(slices, statistics))[0]
    copies = [c for c in range(3) if np.array_equal(substituted[..., c], image[..., FLAIR])]
    assert len(copies) > 1
    assert all(torch.equal(seen[c], seen[1]) for c in copies)
    assert torch.equal(statistics_of_copies(unchanged, statistics), statistics)
    assert torch.equal(statistics_of_copies(torch.zeros_like(unchanged), statistics), statistics)


@pytest.mark.parametrize("path", MEMBERS, ids=lambda path: path.stem)
def test_a_slice_and_its_context_are_transformed_alike(path, pair):
    stack = np.stack([pair[0], pair[0], pair[0][::-1]])
    for k in range(10):
        images, mask = member(path)(stack, pair[1], (3, 0, k, 0))
        alone, same_mask = member(path)(stack[:1], pair[1], (3, 0, k, 0))
        np.testing.assert_array_equal(images[0], images[1])
        np.testing.assert_array_equal(images[0], alone[0])
        np.testing.assert_array_equal(mask, same_mask)
