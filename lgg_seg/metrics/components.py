"""Connected components of masks."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import generate_binary_structure, label

from lgg_seg.metrics.arrays import Bools


def largest_component(mask: Bools, connectivity: int | None = None) -> Bools:
    """Largest connected component, of equals the first; an empty mask stays empty.

    Args:
        mask: bool (H, W) or (D, H, W).
        connectivity: 1 joins pixels that share a face alone; None also those that share a corner (8 or 26 neighbours).
    """
    labels, count = label(mask, generate_binary_structure(mask.ndim, connectivity or mask.ndim))
    return np.asarray(labels == 1 + np.bincount(labels[mask])[1:].argmax()) if count > 1 else mask
