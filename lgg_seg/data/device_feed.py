"""The whole data set on the device: batches are gathered and augmented there, and only keys and draws cross to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from lgg_seg.data.cache import Cache
from lgg_seg.data.context import neighbours
from lgg_seg.data.dataset import statistics_of_copies
from lgg_seg.data.device_augmentation import DeviceAugmentation, Draw
from lgg_seg.data.kaggle.index import Index
from lgg_seg.data.sampling import SampleKey

CHUNK = 256  # slices copied to the device at once


class Drawn(NamedTuple):
    """A slice's id, and what its augmentation drew."""

    slice: int
    draw: Draw


class DrawnSlices(Dataset[Drawn]):
    """Draws by `SampleKey`, without pixels; with an augmentation, the seed and the key determine them."""

    def __init__(self, cache: Cache, augment: DeviceAugmentation | None, seed: int) -> None:
        self._shape, self._augment, self._seed = cache.images.shape[1:], augment, seed

    def __getitem__(self, key: SampleKey) -> Drawn:
        return Drawn(key.slice, self._augment.draw((self._seed, *key), self._shape) if self._augment else {})

    def collate(self, items: Sequence[Drawn]) -> dict[str, Any]:
        """A batch for `DeviceFeed`: slice ids (B,) int64, and draws."""
        slices = torch.tensor([item.slice for item in items])
        if self._augment is None:
            return {"slice": slices}
        return {"slice": slices, "draws": self._augment.pack([item.draw for item in items])}


class DeviceFeed:
    """All slices of a cache as uint8 tensors on the first batch's device, where it completes batches of `Drawn`."""

    def __init__(self, cache: Cache, index: Index, context: int, augment: DeviceAugmentation) -> None:
        self._cache, self._index, self._context, self._augment = cache, index, context, augment
        self._images: Tensor | None = None

    def complete(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """A batch of `Drawn` on the device as a batch of `Item`."""
        slices = batch["slice"]
        if self._images is None or self._images.device != slices.device:
            self._upload(slices.device)
        assert self._images is not None
        rows = self._neighbours[slices]
        images = self._images.index_select(0, rows.flatten()).view(*rows.shape, *self._images.shape[1:])
        masks = self._masks.index_select(0, slices)
        patient = self._patient_of[slices]
        statistics = self._statistics[patient]
        if "draws" in batch:
            images, masks = self._augment(images, masks, batch["draws"])
            statistics = statistics_of_copies(images, statistics)
        return {
            "image": images.flatten(1, 2),
            "mask": masks,
            "statistics": statistics.repeat(1, images.shape[1], 1),
            "slice": slices,
            "patient": patient,
        }

    def _upload(self, device: torch.device) -> None:
        count, height, width, channels = self._cache.images.shape
        self._images = torch.empty((count, channels, height, width), dtype=torch.uint8, device=device)
        for start in range(0, count, CHUNK):
            chunk = torch.from_numpy(np.array(self._cache.images[start : start + CHUNK]))
            self._images[start : start + CHUNK] = chunk.to(device).permute(0, 3, 1, 2)
        self._masks = torch.from_numpy(np.array(self._cache.masks)[:, None]).to(device)
        self._statistics = torch.from_numpy(np.array(self._cache.statistics)).to(device)
        self._patient_of = torch.from_numpy(self._index.patient_of).to(device)
        self._neighbours = torch.from_numpy(neighbours(self._index.patient_of, self._context)).to(device)
