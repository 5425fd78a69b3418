"""Slices of a cache as items of a batch."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from lgg_seg.data.augmentation import Augmentation
from lgg_seg.data.cache import Cache
from lgg_seg.data.kaggle.index import Index
from lgg_seg.data.preprocessing import FLAIR
from lgg_seg.data.sampling import SampleKey


class Item(TypedDict):
    """A prepared slice; in a batch every value has a leading axis.

    `image` (C, S, S) uint8; `mask` (1, S, S) uint8 with 0 and 1; `statistics` (C, 4) float32, for
    `preprocessing.normalise`; `slice` and `patient` are places in `Index.slices` and `Index.patients`.
    """

    image: torch.Tensor
    mask: torch.Tensor
    statistics: torch.Tensor
    slice: int
    patient: int


class SliceDataset(Dataset[Item]):
    """Every slice of a cache by `SampleKey`; with `augment`, the seed and the key determine the augmentation."""

    def __init__(self, cache: Cache, index: Index, augment: Augmentation | None = None, seed: int = 0) -> None:
        self._cache, self._patient_of, self._augment, self._seed = cache, index.patient_of, augment, seed

    def __len__(self) -> int:
        return len(self._cache.images)

    def __getitem__(self, key: SampleKey) -> Item:
        patient = int(self._patient_of[key.slice])
        # Copies: what is mapped is read-only, and a tensor is not.
        image, mask = np.array(self._cache.images[key.slice]), np.array(self._cache.masks[key.slice])
        statistics = np.array(self._cache.statistics[patient])
        if self._augment is not None:
            image, mask = self._augment(image, mask, (self._seed, *key))
            statistics = statistics_of_copies(image, statistics)
        return {
            "image": torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))),
            "mask": torch.from_numpy(np.ascontiguousarray(mask[None])),
            "statistics": torch.from_numpy(statistics),
            "slice": key.slice,
            "patient": patient,
        }


def statistics_of_copies(image: NDArray[np.uint8], statistics: NDArray[np.float32]) -> NDArray[np.float32]:
    """Statistics (C, 4) with FLAIR's own for each channel of the slice (H, W, C) that is a copy of FLAIR.

    A channel that an augmentation has replaced is thus normalised as where the sequence was never acquired.
    """
    if image.shape[-1] == 1 or not image[..., FLAIR].any():  # in a blank slice every channel is a copy
        return statistics
    copies = [c for c in range(image.shape[-1]) if np.array_equal(image[..., c], image[..., FLAIR])]
    adapted = statistics.copy()
    adapted[copies] = statistics[FLAIR]
    return adapted
