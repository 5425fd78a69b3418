"""Small volumes to measure: smooth random blobs, and masks drawn as text."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from lgg_seg.metrics.arrays import Bools, Floats32


def blobs(seed: int, shape: tuple[int, ...] = (6, 14, 12), share: float = 0.15) -> Bools:
    """Random blobs that fill about `share` of the volume."""
    field = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 1.2)
    mask: Bools = field > np.quantile(field, 1 - share)
    return mask


def probabilities(seed: int, truth: Bools) -> Floats32:
    """Probabilities that know something of the truth; every third lies on an edge of the threshold grid."""
    generator = np.random.default_rng(seed)
    logits = generator.standard_normal(truth.shape) * 2 + np.where(truth, 1.5, -1.5)
    smooth = (1 / (1 + np.exp(-logits))).astype(np.float32)
    on_edge = (np.rint(smooth * 200) / 200).astype(np.float32)
    return np.where(generator.random(truth.shape) < 1 / 3, on_edge, smooth)


def drawn(*slices: str) -> Bools:
    """A volume from text: slices of rows separated by `/`, `#` for tumour."""
    return np.array([[[pixel == "#" for pixel in row] for row in one.split("/")] for one in slices])
