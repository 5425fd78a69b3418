"""Feeding from the device: the items of the host, to interpolation; seeded alike; masks with their images; resumed."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import albumentations as A
import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from pytorch_lightning.callbacks import ModelCheckpoint
from scipy import ndimage, stats
from torch.utils._python_dispatch import TorchDispatchMode

from lgg_seg.data import warps
from lgg_seg.data.augmentation import Augmentation, SubstituteFlair
from lgg_seg.data.datamodule import DataModule
from lgg_seg.data.device_feed import DeviceAugmentation
from lgg_seg.data.phantom.generator import write_phantom
from lgg_seg.data.preprocessing import Preprocess
from lgg_seg.data.sampling import TumourWeighted
from lgg_seg.data.splits import PatientSplit
from lgg_seg.errors import UserError
from tests.data.recorder import Recorder

MEMBERS = sorted((Path(__file__).parents[2] / "conf" / "augment").glob("*.yaml"))
SIZE = 64


def member(path: Path) -> Augmentation:
    augmentation = instantiate(OmegaConf.load(path), _convert_="all")
    assert isinstance(augmentation, Augmentation)
    return augmentation


@pytest.fixture(scope="module")
def head() -> tuple[np.ndarray, np.ndarray]:
    """A slice with its context (3, S, S, 3) as smooth as a scan, and a mask (S, S)."""
    noise = np.random.default_rng(0).normal(size=(3, SIZE, SIZE, 3))
    smooth = ndimage.gaussian_filter(noise, (0, 3, 3, 0))
    images = (128 + 100 * smooth / np.abs(smooth).max()).astype(np.uint8)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[20:40, 10:30] = 1
    return images, mask


def on_device(
    augmentation: Augmentation, images: np.ndarray, mask: np.ndarray, seeds: Sequence[tuple[int, ...]]
) -> tuple[np.ndarray, np.ndarray]:
    """(B, K, S, S, C) and (B, S, S) of one batch, an item for each seed."""
    device = DeviceAugmentation(augmentation)
    draws = device.pack([device.draw(seed, images.shape[1:]) for seed in seeds])
    x = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())[None].repeat(len(seeds), 1, 1, 1, 1)
    y = torch.from_numpy(mask)[None, None].repeat(len(seeds), 1, 1, 1)
    x, y = device(x, y, draws)
    return x.numpy().transpose(0, 1, 3, 4, 2), y[:, 0].numpy()


FIXED: list[Any] = [
    A.HorizontalFlip(p=1),
    A.VerticalFlip(p=1),
    A.Rotate(limit=(20, 20), border_mode=0, p=1),
    A.Affine(scale=(1.1, 1.1), rotate=(-10, -10), translate_percent=(0.05, 0.05), shear=(4, 4), p=1),
    A.GridDistortion(num_steps=4, distort_limit=(-0.2, 0.2), border_mode=0, p=1),
    A.CropAndPad(percent=(-0.15, 0.0), p=1),
    A.RandomBrightnessContrast((0.1, 0.1), (-0.2, -0.2), p=1),
    A.RandomGamma((130, 130), p=1),
    A.GaussianBlur(sigma_limit=(0.3, 1.5), p=1),
    A.ColorJitter(brightness=(0.8, 1.2), contrast=(0.8, 1.2), saturation=(1, 1), hue=(0, 0), p=1),
    SubstituteFlair(p=1),
]


@pytest.mark.parametrize("transform", FIXED, ids=lambda transform: type(transform).__name__)
@pytest.mark.parametrize("channels", [3, 1])
def test_each_transform_gives_the_pixels_of_albumentations(transform, channels, head) -> None:
    images, mask = head[0][..., :channels], head[1]
    augmentation = Augmentation([transform])
    seeds = [(5, k) for k in range(8)]
    x, y = on_device(augmentation, images, mask, seeds)
    for k, seed in enumerate(seeds):
        expected, expected_mask = augmentation(images, mask, seed)
        difference = np.abs(x[k].astype(int) - expected)
        assert difference.max() <= 3
        assert difference.mean() < 0.6
        # OpenCV enlarges masks with corners, not centres, on each other: half a pixel beside the image.
        assert (y[k] != expected_mask).mean() < 0.02


@pytest.mark.parametrize("path", MEMBERS, ids=lambda path: path.stem)
def test_every_member_gives_the_items_of_the_host_up_to_noise_and_interpolation(path, head) -> None:
    seeds = [(7, epoch, k, 0) for epoch in range(2) for k in range(30)]
    x, y = on_device(member(path), head[0], head[1], seeds)
    host = [member(path)(head[0], head[1], seed) for seed in seeds]
    differences = [np.abs(x[k].astype(int) - host[k][0]).mean() for k in range(len(seeds))]
    assert np.median(differences) < 1
    assert np.quantile(differences, 0.8) < 4, "at most a fifth of the items have noise or an elastic deformation"
    assert np.mean([(y[k] == host[k][1]).mean() for k in range(len(seeds))]) > 0.99


def test_noise_has_the_distribution_of_albumentations(head) -> None:
    grey = np.full((1, SIZE, SIZE, 3), 100, np.uint8)
    augmentation = Augmentation([A.GaussNoise(std_range=(0.02, 0.08), mean_range=(-0.1, 0.1), p=1)])
    seeds = [(1, k) for k in range(40)]
    x, _ = on_device(augmentation, grey, head[1], seeds)
    host = np.stack([augmentation(grey, head[1], seed)[0] for seed in seeds])
    assert stats.ks_2samp(x.ravel()[::37], host.ravel()[::37]).pvalue > 0.01
    np.testing.assert_allclose(x.std(axis=(1, 2, 3, 4)), host.std(axis=(1, 2, 3, 4)), rtol=0.05)
    np.testing.assert_allclose(x.mean(axis=(1, 2, 3, 4)), host.mean(axis=(1, 2, 3, 4)), atol=0.6)
    assert np.corrcoef(x[0].ravel(), x[1].ravel())[0, 1] == pytest.approx(0, abs=0.03)


def test_elastic_displacements_have_the_distribution_of_albumentations() -> None:
    elastic = A.ElasticTransform(alpha=40.0, sigma=6.0, p=1)
    elastic.set_random_seed(3)
    maps = [elastic.get_params_dependent_on_data({"shape": (128, 128, 3)}, {}) for _ in range(20)]
    host = np.stack([m["map_x"] - np.arange(128) for m in maps])
    x, _ = warps.elastic(torch.arange(20.0), torch.full((20,), 40.0), 6.0, 128)
    device = (x - torch.arange(128)).numpy()
    assert device.std() == pytest.approx(host.std(), rel=0.1)
    assert device.mean() == pytest.approx(0, abs=0.1 * host.std())
    steps = [np.diff(field, axis=2).std() for field in (device, host)]
    assert steps[0] == pytest.approx(steps[1], rel=0.1), "as smooth"


def test_normal_numbers_are_normal_and_uncorrelated_between_seeds() -> None:
    numbers = warps.normal(torch.arange(50), (4000,)).numpy()
    assert stats.kstest(numbers.ravel(), "norm").pvalue > 0.01
    correlations = np.corrcoef(numbers)[np.triu_indices(50, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(4000)


@pytest.mark.parametrize("path", MEMBERS, ids=lambda path: path.stem)
def test_an_item_is_the_same_in_every_batch(path, head) -> None:
    seeds = [(7, 0, k, 0) for k in range(24)]
    x, y = on_device(member(path), head[0], head[1], seeds)
    for batch in (seeds[::-1], seeds[5:9]):
        other = on_device(member(path), head[0], head[1], batch)
        for k, seed in enumerate(batch):
            np.testing.assert_allclose(other[0][k].astype(int), x[seeds.index(seed)], atol=1)
            np.testing.assert_array_equal(other[1][k], y[seeds.index(seed)])


@pytest.mark.parametrize("name", ["classic", "strong", "jitter_elastic"])
def test_masks_move_with_their_images(name, head) -> None:
    mask = head[1]
    augmentation = member(next(path for path in MEMBERS if path.stem == name))
    images = np.repeat(mask[None, ..., None] * 255, 3, axis=-1)
    x, y = on_device(augmentation, images, mask, [(2, k) for k in range(40)])
    for image, moved in zip(x, y, strict=True):
        threshold = image[0, ..., 1].max() / 2
        assert ((image[0, ..., 1] > threshold) == moved).mean() > 0.97


@pytest.mark.parametrize(
    "transform",
    [A.Transpose(), A.Rotate(border_mode=4), A.ColorJitter(), A.OneOf([A.MedianBlur()])],
    ids=lambda transform: type(transform).__name__,
)
def test_what_the_device_cannot_do_is_refused_by_name(transform) -> None:
    name = "MedianBlur" if isinstance(transform, A.OneOf) else type(transform).__name__
    with pytest.raises(UserError, match=rf"{name}.*data\.feed=host"):
        DeviceAugmentation(Augmentation([transform]))


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return write_phantom(tmp_path_factory.mktemp("device_feed") / "root", patients=8, slices=5, size=32)


def data_module(root: Path, feed: Any, name: str = "moderate", **changed: Any) -> DataModule:
    settings: dict[str, Any] = {"workers": 0, "preprocess": Preprocess(size=48, context=1), "batch_size": 4} | changed
    data = DataModule(
        str(root),
        lambda path: path,
        cache_dir=str(root.parent / "cache"),
        feed=feed,
        split=PatientSplit(),
        augment=member(next(path for path in MEMBERS if path.stem == name)),
        sampler=TumourWeighted(),
        seed=1,
        **settings,
    )
    data.setup()
    return data


@pytest.mark.parametrize("channels", ["all", "flair"])
def test_batches_are_those_of_the_host_way(root, channels) -> None:
    preprocess = Preprocess(size=48, context=1, channels=channels)
    host, device = (data_module(root, feed, preprocess=preprocess) for feed in ("host", "device"))
    for subset, tolerance in (("train", 4), ("val", 0)):
        mine, theirs = (getattr(data, f"{subset}_dataloader")() for data in (device, host))
        for batch, expected in zip(mine, theirs, strict=True):
            completed = device.on_after_batch_transfer(batch, 0)
            assert completed.keys() == expected.keys()
            for name in ("slice", "patient", "statistics"):
                torch.testing.assert_close(completed[name], expected[name], rtol=0, atol=0)
            assert (completed["mask"] != expected["mask"]).float().mean() < 0.01
            difference = (completed["image"].int() - expected["image"].int()).abs().float()
            assert difference.mean() <= tolerance / 4
            assert completed["image"].dtype == completed["mask"].dtype == torch.uint8


WAITING = {"aten._local_scalar_dense.default", "aten.nonzero.default", "aten.equal.default"}
"""Operations for which the host waits until a GPU has done all before."""


class Operations(TorchDispatchMode):
    """Names of the operations within."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("path", MEMBERS, ids=lambda path: path.stem)
def test_completing_a_batch_never_waits_for_the_device(root, path) -> None:
    data = data_module(root, "device", path.stem)
    batches = list(data.train_dataloader())
    data.on_after_batch_transfer(batches[0], 0)
    with Operations() as operations:
        for batch in batches:
            data.on_after_batch_transfer(batch, 0)
    assert "aten.index_select.default" in operations.names
    assert not operations.names & WAITING


@pytest.mark.parametrize("workers", [0, 1])
def test_a_run_resumed_in_mid_epoch_sees_the_batches_of_an_uninterrupted_one(root, tmp_path, workers) -> None:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    every = ModelCheckpoint(tmp_path, filename="{step}", every_n_train_steps=1, save_top_k=-1)
    through, resumed = Recorder(), Recorder()
    data = [data_module(root, "device", "strong", workers=workers) for _ in range(2)]
    pl.Trainer(max_epochs=2, callbacks=[every], **quiet).fit(through, datamodule=data[0])
    pl.Trainer(max_epochs=2, enable_checkpointing=False, **quiet).fit(
        resumed, datamodule=data[1], ckpt_path=tmp_path / "step=9.ckpt"
    )
    assert len(through.seen) == 14
    assert resumed.seen == through.seen[9:]


@pytest.mark.parametrize("path", MEMBERS, ids=lambda path: path.stem)
def test_a_loader_process_that_is_not_forked_draws_the_same(path: Path) -> None:
    device = DeviceAugmentation(member(path))
    copied = pickle.loads(pickle.dumps(device))
    for seed in range(20):
        ours, theirs = (one.draw((seed, 0, 0, 0), (SIZE, SIZE, 3)) for one in (device, copied))
        assert ours.keys() == theirs.keys()
        assert all(np.array_equal(ours[place], theirs[place]) for place in ours)
