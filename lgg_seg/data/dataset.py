"""Slices of a cache as items of a batch."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import torch
from torch.utils.data import Dataset

from lgg_seg.data.augment import Augmentation
from lgg_seg.data.cache import Cache
from lgg_seg.data.samplers import Draw
from lgg_seg.data.tree.index import Index


class Item(TypedDict):
    """A prepared slice; in a batch every value has a leading axis.

    `image` (C, S, S) uint8; `mask` (1, S, S) uint8 with 0 and 1; `statistics` (C, 4) float32, for
    `preprocess.normalise`; `slice` and `patient` are places in `Index.slices` and `Index.patients`.
    """

    image: torch.Tensor
    mask: torch.Tensor
    statistics: torch.Tensor
    slice: int
    patient: int


class SliceDataset(Dataset[Item]):
    """Every slice of a cache, addressed by a draw; augmented by what the seed and the draw say, where asked."""

    def __init__(self, cache: Cache, index: Index, augment: Augmentation | None = None, seed: int = 0) -> None:
        self._cache, self._augment, self._seed = cache, augment, seed
        self._patient_of = np.repeat(np.arange(len(index.patients)), [len(p.slices) for p in index.patients])

    def __len__(self) -> int:
        return len(self._cache.images)

    def __getitem__(self, draw: Draw) -> Item:
        # Copies: what is mapped is read-only, and a tensor is not.
        image, mask = np.array(self._cache.images[draw.slice]), np.array(self._cache.masks[draw.slice])
        if self._augment is not None:
            image, mask = self._augment(image, mask, (self._seed, *draw))
        patient = int(self._patient_of[draw.slice])
        return {
            "image": torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))),
            "mask": torch.from_numpy(np.ascontiguousarray(mask[None])),
            "statistics": torch.from_numpy(np.array(self._cache.statistics[patient])),
            "slice": draw.slice,
            "patient": patient,
        }
