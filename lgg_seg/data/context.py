"""Neighbouring slices as further channels of a slice (2.5D): its context, those above and below it in the volume.

At a volume's end the last slice stands in for what is missing, so that a single slice is its own context.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray


def neighbours(volume_of: NDArray[np.int64], context: int) -> NDArray[np.int64]:
    """The places (N, 2 context + 1) of each slice's neighbours, its own in the middle, by each slice's volume (N,)."""
    first = np.searchsorted(volume_of, volume_of, side="left")
    last = np.searchsorted(volume_of, volume_of, side="right") - 1
    places = np.arange(len(volume_of))[:, None] + np.arange(-context, context + 1)
    return np.asarray(places.clip(first[:, None], last[:, None]), np.int64)


def as_channels(images: NDArray[np.uint8]) -> torch.Tensor:
    """Slices with their context, (…, K, S, S, C) uint8, as channels: (…, K C, S, S), one slice's after another's."""
    channels_first = np.ascontiguousarray(np.moveaxis(images, -1, -3))
    return torch.from_numpy(channels_first).flatten(-4, -3)


def channel_statistics(statistics: NDArray[np.float32], context: int) -> torch.Tensor:
    """A volume's statistics (C, 4) for each channel of `as_channels`, (K C, 4)."""
    return torch.from_numpy(np.tile(statistics, (2 * context + 1, 1)))
