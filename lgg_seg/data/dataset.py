"""Slices of a cache as items of a batch."""

from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from lgg_seg.data.augmentation import Augmentation
from lgg_seg.data.cache import Cache
from lgg_seg.data.context import as_channels, channel_statistics, neighbours
from lgg_seg.data.kaggle.images import FLAIR
from lgg_seg.data.kaggle.index import Index
from lgg_seg.data.sampling import SampleKey


class Item(TypedDict):
    """A prepared slice; in a batch every value has a leading axis.

    `image` (C, S, S) uint8, of the slice and its context; `mask` (1, S, S) uint8 with 0 and 1; `statistics` (C, 4)
    float32, for `preprocessing.normalise`; `slice` and `patient` are places in `Index.slices` and `Index.patients`.
    """

    image: torch.Tensor
    mask: torch.Tensor
    statistics: torch.Tensor
    slice: int
    patient: int


class SliceDataset(Dataset[Item]):
    """Every slice of a cache by `SampleKey`; with `augment`, the seed and the key determine the augmentation."""

    def __init__(
        self, cache: Cache, index: Index, context: int = 0, augment: Augmentation | None = None, seed: int = 0
    ) -> None:
        self._cache, self._patient_of, self._augment, self._seed = cache, index.patient_of, augment, seed
        self._neighbours, self._context = neighbours(index.patient_of, context), context

    def __len__(self) -> int:
        return len(self._cache.images)

    def __getitem__(self, key: SampleKey) -> Item:
        patient = int(self._patient_of[key.slice])
        # Copies: what is mapped is read-only, and a tensor is not.
        images, mask = self._cache.images[self._neighbours[key.slice]], np.array(self._cache.masks[key.slice])
        statistics = self._cache.statistics[patient]
        if self._augment is not None:
            images, mask = self._augment(images, mask, (self._seed, *key))
            statistics = statistics_of_copies(images, statistics)
        return {
            "image": as_channels(images),
            "mask": torch.from_numpy(np.ascontiguousarray(mask[None])),
            "statistics": channel_statistics(statistics, self._context),
            "slice": key.slice,
            "patient": patient,
        }


def statistics_of_copies(images: NDArray[np.uint8], statistics: NDArray[np.float32]) -> NDArray[np.float32]:
    """Statistics (C, 4) with FLAIR's own for each channel that is a copy of FLAIR in all of the slices (K, H, W, C).

    A channel that an augmentation has replaced is thus normalised as where the sequence was never acquired.
    """
    if images.shape[-1] == 1 or not images[..., FLAIR].any():  # in a blank slice every channel is a copy
        return statistics
    copies = [c for c in range(images.shape[-1]) if np.array_equal(images[..., c], images[..., FLAIR])]
    adapted = statistics.copy()
    adapted[copies] = statistics[FLAIR]
    return adapted
