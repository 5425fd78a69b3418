"""Intensities of any scale to 8 bits as in the dataset: linear, robust against a few extreme voxels."""

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = 0.1, 99.9
"""Percentiles: of all voxels, the one that becomes 0; of the voxels above that, the one that becomes `TOP`."""

MAX_LABELS = 12  # values of a segmentation; a volume of the dataset has 150 and more

TOP = 170  # the median, over the dataset's volumes, of FLAIR's 99.9th percentile; nothing up to 255 is clipped


def is_flat(volume: NDArray[np.uint8]) -> bool:
    """Whether every voxel of a volume, of any shape, is the same."""
    return bool(volume.min() == volume.max())


def is_label_map(volume: NDArray[np.uint8]) -> bool:
    """Whether a volume, of any shape, has so few values that it is a segmentation, no scan."""
    return int(np.count_nonzero(np.bincount(volume.ravel()))) <= MAX_LABELS


def to_uint8(volume: NDArray[np.float32]) -> NDArray[np.uint8]:
    """One sequence of one volume, of any shape, scaled linearly to uint8.

    The upper percentile leaves the background out, so that the air around a head, or its having been cut away, does
    not change how bright the head is. NaN becomes 0; a constant volume becomes 0 throughout.
    """
    finite = volume[np.isfinite(volume)]
    if finite.size == 0:
        return np.zeros(volume.shape, np.uint8)
    low = np.float32(np.percentile(finite, LOWEST))
    above = finite[finite > low]
    high = np.float32(np.percentile(above, HIGHEST)) if above.size else low
    if high <= low:
        return np.zeros(volume.shape, np.uint8)
    scaled = np.nan_to_num((volume - low) * (np.float32(TOP) / (high - low)), nan=0, posinf=255, neginf=0)
    return np.asarray(scaled.clip(0, 255).round(), np.uint8)
