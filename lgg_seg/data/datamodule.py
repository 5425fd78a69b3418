"""The data module: a data set, its split and its cache as batches for training and volumes for an evaluation."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, default_collate

from lgg_seg.data.augmentation import Augmentation
from lgg_seg.data.cache import Cache, open_cache
from lgg_seg.data.dataset import SliceDataset
from lgg_seg.data.device_feed import DeviceAugmentation, DeviceFeed, DrawnSlices
from lgg_seg.data.grid import Grid
from lgg_seg.data.kaggle.images import FLAIR
from lgg_seg.data.kaggle.index import Index, build_index, default_cache_dir
from lgg_seg.data.preprocessing import Preprocess, as_channels, channel_statistics, neighbours
from lgg_seg.data.sampling import EpochSampler, SampleKey, SamplingStrategy
from lgg_seg.data.splits.split import Split, Subset
from lgg_seg.errors import UserError, require


@dataclass(frozen=True)
class PatientVolume:
    """One patient's slices of a subset, in order, on the network's grid and on their own."""

    patient: str
    slices: tuple[int, ...]  # places in `Index.slices`
    numbers: tuple[int, ...]  # those of the file names
    images: torch.Tensor  # (D, C, S, S) uint8, for `preprocessing.normalise`
    masks: torch.Tensor  # (D, 1, S, S) uint8, the truth on the network's grid, for the loss
    statistics: torch.Tensor  # (C, 4) float32, for `preprocessing.normalise`
    grid: Grid
    truth: NDArray[np.bool_]  # (D, H, W), the mask file's own


class DataModule(pl.LightningDataModule):
    """A data set's slices as batches for training and volumes for an evaluation.

    After `setup()`: `index`, `split` and `cache`. `conf/data/lgg.yaml` says what the first parameters are.

    Args:
        tree: makes the dataset root at `root` where it is absent (by a download or a phantom), and returns it.
        split: makes the split; like the next three, a member of the config group of its name.
        seed: the run's; seeds the order of slices and their augmentation.
    """

    index: Index
    split: Split
    cache: Cache

    def __init__(
        self,
        root: str,
        tree: Callable[[Path], Path],
        batch_size: int = 16,
        workers: int | Literal["auto"] = "auto",
        cache_dir: str | None = None,
        train_patients: int | None = None,
        feed: Literal["host", "device"] = "host",
        mask_threshold: int | None = None,
        *,
        split: Callable[[Index], Split],
        preprocess: Preprocess,
        augment: Augmentation,
        sampler: SamplingStrategy,
        seed: int,
    ) -> None:
        super().__init__()
        require(batch_size >= 1, "data.batch_size", batch_size, "1 or more")
        require(mask_threshold is None or 0 <= mask_threshold < 255, "data.mask_threshold", mask_threshold, "0 to 254")
        require(workers == "auto" or workers >= 0, "data.workers", workers, "0 or more, or auto")
        self.root = Path(root).expanduser()
        self.mask_threshold = mask_threshold
        self._tree = tree
        self.batch_size = batch_size
        self.workers = _spare_cores() if workers == "auto" else workers
        self.cache_dir = Path(cache_dir).expanduser() if cache_dir else default_cache_dir()
        self.train_patients = train_patients
        self.preprocess = preprocess
        self.seed = seed
        self._make_split, self._augment, self._sampling = split, augment, sampler
        self._on_device = DeviceAugmentation(augment) if feed == "device" else None

    def prepare_data(self) -> None:
        """Download or draw the data: once a machine, however many processes train on it."""
        self._tree(self.root)

    def setup(self, stage: str | None = None) -> None:  # noqa: ARG002  # Lightning's signature; every stage needs all
        """Index the data, split them, and open the cache; the second call does nothing."""
        if hasattr(self, "cache"):
            return
        self.index = build_index(self._tree(self.root), cache_dir=self.cache_dir, mask_threshold=self.mask_threshold)
        self.split = self._make_split(self.index)
        if self.train_patients is not None:
            self.split = self.split.with_training_patients(self.index, self.train_patients, self.seed)
        self.cache = open_cache(self.index, self.preprocess, self.cache_dir)
        if self._on_device is not None:
            self._feed = DeviceFeed(self.cache, self.index, self.preprocess.context, self._on_device)

    def train_dataloader(self) -> DataLoader[Any]:
        """Shuffled, augmented batches, all full: none is too small for batch norm, and shapes never change."""
        if not self.split.train:
            raise UserError(f"the split leaves nothing of {self.index.root} to train on")
        sampler = EpochSampler(self._sampling, self.split.train, self.index, self.seed)
        if self.trainer is not None:
            sampler.resume(*_progress(self.trainer, self.batch_size))
        return self._loader(self._dataset(augmented=True), sampler, self.workers)

    def val_dataloader(self) -> DataLoader[Any]:
        """The validation slices in order, unchanged. Nothing is computed for them, so no process is worth it."""
        keys = [SampleKey(epoch=0, slice=i, repeat=0) for i in self.split.val]
        return self._loader(self._dataset(augmented=False), keys, workers=0)

    def on_after_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int) -> dict[str, Any]:  # noqa: ARG002  # Lightning's signature
        """Complete a batch on the device, if it is fed there: it has an `Item`'s keys then, either way."""
        return batch if self._on_device is None else self._feed.complete(batch)

    def volumes(self, subset: Subset | Literal["all"]) -> Iterator[PatientVolume]:
        """The subset's slices patient by patient, in the index's order; `all` is every slice of the index."""
        wanted = range(len(self.index.slices)) if subset == "all" else self.split.slices(subset)
        rows = neighbours(self.index.patient_of, self.preprocess.context)
        for place, group in groupby(wanted, key=lambda i: int(self.index.patient_of[i])):
            ids = list(group)
            yield PatientVolume(
                patient=self.index.patients[place].name,
                slices=tuple(ids),
                numbers=tuple(self.index.slices[i].number for i in ids),
                images=as_channels(self.cache.images[rows[ids]]),
                masks=torch.from_numpy(self.cache.masks[ids][:, None]),
                statistics=channel_statistics(self.cache.statistics[place], self.preprocess.context),
                grid=self.cache.grids[place],
                truth=np.stack(self.native_masks(ids)),
            )

    def native_masks(self, slices: Sequence[int]) -> list[NDArray[np.bool_]]:
        """The slices' ground truth from their files, each (H, W) bool on its native grid."""
        return [self.index.slices[i].read_mask() for i in slices]

    def to_native(self, probability: torch.Tensor, slices: Sequence[int]) -> list[torch.Tensor]:
        """Probabilities (B, S, S) of these slices on their native grids, each (H, W) float32 on the same device."""
        grids = [self.cache.grids[self.index.patient_of[i]] for i in slices]
        if len(set(grids)) == 1:
            return list(grids[0].to_native(probability))
        return [g.to_native(p[None])[0] for g, p in zip(grids, probability, strict=True)]

    def flair(self, slice_id: int) -> NDArray[np.uint8]:
        """The slice's FLAIR channel from its file, (H, W) uint8 on the native grid, for display."""
        return np.ascontiguousarray(self.index.slices[slice_id].read_image()[..., FLAIR])

    def training_shape(self, processes: int) -> tuple[int, int, int, int]:
        """(B, C, S, S) of a training batch in each of the processes; B is less than asked where there are no more."""
        batch_size = min(self.batch_size, -(-len(self.split.train) // processes))
        height, width = self.cache.images.shape[1:3]
        return batch_size, self.preprocess.channel_count, height, width

    def patient_count(self, subset: Subset) -> int:
        """How many patients `volumes(subset)` yields."""
        return len(self.split.patients(self.index, subset))

    @property
    def patient_metadata(self) -> dict[str, dict[str, str]]:
        """For each patient the institution, and the sequences that FLAIR stands in for."""
        return {
            p.name: {"institution": p.institution, "missing_sequence": " and ".join(p.substituted) or "none"}
            for p in self.index.patients
        }

    def _dataset(self, *, augmented: bool) -> SliceDataset | DrawnSlices:
        if self._on_device is not None:
            return DrawnSlices(self.cache, self._on_device if augmented else None, self.seed)
        augment = self._augment if augmented else None
        return SliceDataset(self.cache, self.index, self.preprocess.context, augment, self.seed)

    def _loader(
        self, dataset: SliceDataset | DrawnSlices, sampler: EpochSampler | Sequence[SampleKey], workers: int
    ) -> DataLoader[Any]:
        on_gpu = self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"
        training = isinstance(sampler, EpochSampler)
        return DataLoader(
            dataset,
            batch_size=self.batch_size,
            sampler=sampler,
            num_workers=workers,
            persistent_workers=workers > 0,
            collate_fn=dataset.collate if isinstance(dataset, DrawnSlices) else default_collate,
            pin_memory=on_gpu,
            drop_last=training and len(sampler) >= self.batch_size,
            generator=torch.Generator().manual_seed(self.seed),  # else iterating would draw from the global one
        )


def _progress(trainer: pl.Trainer, batch_size: int) -> tuple[int, int]:
    """The epoch that the trainer goes on with, and how many of its slices a restored checkpoint has behind it.

    Lightning makes the first iterator before it tells the sampler the epoch, and skips no batches after a checkpoint in
    mid-epoch: a resumed run would see other slices than one that went through.
    """
    epochs, batches = trainer.fit_loop.epoch_progress, trainer.fit_loop.epoch_loop.batch_progress
    if batches.is_last_batch:
        return epochs.current.ready, 0
    done = batches.current.processed  # type: ignore[attr-defined]  # Lightning annotates its parent class
    return epochs.current.completed, done * batch_size


def _spare_cores() -> int:
    """How many loaders `auto` means: a core each but one, at most 8; on two cores none, or they slow the network."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 0 if cores <= 2 else min(8, cores - 1)
