"""Slices and masks on their native grid, as they were when the tree was indexed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lgg_seg.data.kaggle.images import checksum, read_image, read_mask
from lgg_seg.data.kaggle.index import Slice
from lgg_seg.errors import UserError


def native_image(item: Slice) -> NDArray[np.uint8]:
    """The slice's pixels: (H, W, 3) uint8; channels pre-contrast, FLAIR, post-contrast.

    Raises:
        UserError: the file cannot be read, or its pixels are not the indexed ones.
    """
    image = read_image(item.image)
    if checksum(image) != item.image_checksum:
        raise UserError(f"{item.image} has changed since the tree was indexed: start again")
    return image


def native_mask(item: Slice) -> NDArray[np.bool_]:
    """The slice's ground truth: (H, W) bool.

    Raises:
        UserError: the file cannot be read, or its pixels are not the indexed ones.
    """
    mask = read_mask(item.mask)
    if checksum(mask) != item.mask_checksum:
        raise UserError(f"{item.mask} has changed since the tree was indexed: start again")
    return mask.astype(np.bool_)
