"""Intensities of any scale to 8 bits as in the dataset: linear, robust against a few extreme voxels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

LOWEST, HIGHEST = 0.1, 99.9
"""Percentiles: of all voxels, the one that becomes 0; of the voxels above that, the one that becomes `TOP`."""

TOP = 170  # the median, over the dataset's volumes, of FLAIR's 99.9th percentile; nothing up to 255 is clipped

_FACES = 0.05  # share of a volume's outer faces that one value fills at least: noise has none in so many voxels
_INSIDE, _BELOW = 0.05, 0.5
"""How far, in ranges of the head's intensities, air lies above the darkest tissue or below it to count as detached."""


def is_flat(volume: NDArray[Any]) -> bool:
    """Whether every voxel of a volume, of any shape, is the same."""
    return bool(volume.min() == volume.max())


def detached_air(volume: NDArray[np.float32]) -> float | None:
    """The value of the air around a head (X, Y, Z) if it is not the next below the darkest tissue; None otherwise.

    It is the lowest value, far below the others (-1024) or the only negative one; or the commonest on the volume's
    faces, among the tissue's, as 0 around a brain of z-scores.
    """
    finite = volume[np.isfinite(volume)]
    faces = np.concatenate([np.take(volume, (0, -1), axis).ravel() for axis in range(3)])
    values, counts = np.unique(faces[np.isfinite(faces)], return_counts=True)
    if not counts.size or finite.min() == finite.max():
        return None
    lowest, commonest = float(finite.min()), float(values[counts.argmax()])
    if np.count_nonzero(finite == lowest) > LOWEST / 100 * finite.size:
        low, high = _range(finite[finite > lowest])
        # A mask of 0 and 1 has no head with a range of its own.
        if low < high and (low - lowest > _BELOW * (high - low) or lowest < 0 <= low):
            return lowest
    if counts.max() > _FACES * faces.size:
        low, high = _range(finite[finite != commonest])
        if commonest - low > _INSIDE * (high - low):
            return commonest
    return None


def _range(head: NDArray[np.float32]) -> tuple[float, float]:
    low, high = np.percentile(head, [LOWEST, HIGHEST])
    return float(low), float(high)


def to_uint8(volume: NDArray[np.float32], air: float | None = None) -> NDArray[np.uint8]:
    """One sequence of one volume, (X, Y, Z) if `air` is given, scaled linearly to uint8.

    The upper percentile leaves the background out: air around a head does not change how bright the head is. NaN
    becomes 0, and a constant volume 0 throughout. With `air`, as `detached_air` gives it, the head is scaled alone, and
    what has this value in one piece with the volume's faces becomes 0.
    """
    finite = volume[np.isfinite(volume)]
    if finite.size == 0:
        return np.zeros(volume.shape, np.uint8)
    head = finite if air is None else finite[finite != air]
    low = np.float32(np.percentile(head, LOWEST))
    if air is not None and air < 0 <= low:
        low = np.float32(0)
    above = head[head > low]
    high = np.float32(np.percentile(above, HIGHEST)) if above.size else low
    if high <= low:
        return np.zeros(volume.shape, np.uint8)
    scaled = np.nan_to_num((volume - low) * (np.float32(TOP) / (high - low)), nan=0, posinf=255, neginf=0)
    if air is not None:
        scaled[_outside(volume == air)] = 0
    return np.asarray(scaled.clip(0, 255).round(), np.uint8)


def _outside(same: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The components of a mask (X, Y, Z) that touch the volume's faces: tissue may have the value of air by chance."""
    labels, _ = ndimage.label(same)
    faces = np.unique(np.concatenate([np.take(labels, (0, -1), axis).ravel() for axis in range(3)]))
    return np.asarray(np.isin(labels, faces[faces > 0]))
