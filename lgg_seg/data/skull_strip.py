"""Skull stripping: the brain without skull, fat, eyes and face, by thresholds and morphology.

It is meant to be generous: a rim of bone costs a network little, a tumour cut away at the surface cannot be found.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from lgg_seg.metrics.morphology import largest_component

DARK, BRIGHT = 0.5, 1.9
"""Of the median intensity of the head, which is that of brain: bone, air and fluid are below, fat is above."""

BRIDGE, RIM = 0.07, 0.11
"""Of the head's radius: half the width of what joins brain and scalp, and what is given back for it."""

Mask = NDArray[np.bool_]
Grey = NDArray[np.uint8]


def brain_mask(images: Grey) -> Mask:
    """Where the brain is, bool (D, H, W), of a volume (D, H, W, C) uint8.

    1. The channels, each from its 10th to its 99th percentile, are averaged; Otsu's threshold finds the head.
    2. Tissue between `DARK` and `BRIGHT` times the head's median intensity is kept: the skull parts brain from scalp.
    3. In-plane erosion cuts what still bridges the skull; the largest component of the volume is the brain's core.
    4. Dilation gives back what erosion took and a rim; the convex hull in every slice fills what was left out.

    A blank volume has no brain; where no core is found, the whole head is kept.
    """
    intensity = _intensity(images)
    head = _head(intensity)
    if not head.any():
        return head
    radius = float(np.sqrt(head.sum(axis=(1, 2)).max() / np.pi))
    usual = float(np.median(intensity[head]))
    tissue = (intensity > DARK * usual) & (intensity < BRIGHT * usual)
    core = largest_component(_morph(cv2.MORPH_ERODE, tissue, BRIDGE * radius), connectivity=1)
    if not core.any():
        return head
    return _hulls(_morph(cv2.MORPH_DILATE, core, RIM * radius))


def _intensity(images: Grey) -> Grey:
    channels = np.moveaxis(images, -1, 0)
    total = np.zeros(images.shape[:-1], np.float32)
    for one in channels:
        # By counts: sorting so many pixels takes as long as all the rest.
        low, high = np.searchsorted(np.bincount(one.ravel()).cumsum(), [0.1 * one.size, 0.99 * one.size])
        total += ((np.arange(256, dtype=np.float32) - low) / max(int(high - low), 1)).clip(0, 1)[one]
    return np.asarray(total / len(channels) * 255, np.uint8)


def _head(intensity: Grey) -> Mask:
    """Otsu's threshold of the square root, in which bright fat is no class of its own."""
    root = np.asarray(np.sqrt(intensity / 255.0) * 255, np.uint8).reshape(len(intensity), -1)
    threshold, _ = cv2.threshold(root, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return (root > threshold).reshape(intensity.shape)


def _morph(operation: int, mask: Mask, radius: float) -> Mask:
    """A morphological operation with a disc of `radius` pixels on every slice."""
    reach = max(1, round(radius))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.stack([cv2.morphologyEx(one, operation, disc) for one in mask.astype(np.uint8)]) > 0


def _hulls(mask: Mask) -> Mask:
    filled = np.zeros(mask.shape, np.uint8)
    for hull, region in zip(filled, mask, strict=True):
        if region.any():
            points = cv2.findNonZero(region.astype(np.uint8))
            cv2.fillConvexPoly(hull, cv2.convexHull(points), color=1)
    return filled > 0
