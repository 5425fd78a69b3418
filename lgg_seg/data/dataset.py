"""Slices of a cache as items of a batch."""

from typing import TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from lgg_seg.data.augmentation import Augmentation
from lgg_seg.data.cache import Cache
from lgg_seg.data.kaggle.images import FLAIR
from lgg_seg.data.kaggle.index import Index
from lgg_seg.data.preprocessing import as_channels, neighbours
from lgg_seg.data.sampling import SampleKey


class Item(TypedDict):
    """A prepared slice; in a batch every value has a leading axis."""

    image: Tensor  # (C, S, S) uint8, of the slice and its context
    mask: Tensor  # (1, S, S) uint8 with 0 and 1
    statistics: Tensor  # (C, 4) float32, for `preprocessing.normalise`
    slice: int  # its place in `Index.slices`
    patient: int  # in `Index.patients`


class SliceDataset(Dataset[Item]):
    """Every slice of a cache by `SampleKey`; with `augment`, the seed and the key determine the augmentation."""

    def __init__(
        self, cache: Cache, index: Index, context: int = 0, augment: Augmentation | None = None, seed: int = 0
    ) -> None:
        self._cache, self._patient_of, self._augment, self._seed = cache, index.patient_of, augment, seed
        self._neighbours = neighbours(index.patient_of, context)

    def __len__(self) -> int:
        return len(self._cache.images)

    def __getitem__(self, key: SampleKey) -> Item:
        patient = int(self._patient_of[key.slice])
        # Copies: what is mapped is read-only, and a tensor is not.
        images, mask = self._cache.images[self._neighbours[key.slice]], np.array(self._cache.masks[key.slice])
        statistics = torch.from_numpy(np.array(self._cache.statistics[patient]))
        if self._augment is not None:
            images, mask = self._augment(images, mask, (self._seed, *key))
        image = as_channels(images)
        if self._augment is not None:
            slices = image.view(1, len(images), -1, *image.shape[1:])
            statistics = statistics_of_copies(slices, statistics[None])[0]
        return {
            "image": image,
            "mask": torch.from_numpy(np.ascontiguousarray(mask[None])),
            "statistics": statistics.repeat(len(images), 1),
            "slice": key.slice,
            "patient": patient,
        }


def statistics_of_copies(images: Tensor, statistics: Tensor) -> Tensor:
    """Statistics (B, C, 4) with FLAIR's own for each channel that copies FLAIR in all of the slices (B, K, C, S, S).

    A channel that an augmentation has replaced is thus normalised as where the sequence was never acquired.
    """
    if images.shape[2] == 1:
        return statistics
    flair = images[:, :, FLAIR : FLAIR + 1]
    shown = flair.flatten(1).amax(dim=1, keepdim=True) > 0  # in a blank slice every channel is a copy
    copies = (images - flair).flatten(3).amax(dim=(1, 3)) == 0
    return torch.where((copies & shown)[..., None], statistics[:, FLAIR : FLAIR + 1], statistics)
