"""Lesion-wise detection: which tumours were found at all."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import label

from lgg_seg.metrics.arrays import Bools, check_masks, crop_to_union
from lgg_seg.metrics.counts import Counts

CONNECTIVITY = np.ones((3, 3, 3), dtype=np.bool_)
"""26-connectivity: voxels that share a face, an edge or a corner belong to one lesion."""


def lesion_counts(prediction: Bools, truth: Bools) -> Counts:
    """Count lesions found, missed and invented; `overlap.dice` of the result is the lesion-wise F1.

    A lesion is a 26-connected component of the volume. `tp`: true lesions with at least one predicted voxel; `fn`: true
    lesions without; `fp`: predicted components that overlap no true lesion. One predicted component that covers two
    true lesions finds both; two that lie in one true lesion find it once and neither is false. `tn` has no meaning for
    lesions and is 0.

    Args:
        prediction: bool `(D, H, W)`.
        truth: bool `(D, H, W)`.

    Raises:
        TypeError: if a mask is not boolean.
        ValueError: if the shapes differ.
    """
    check_masks(prediction, truth)
    prediction, truth = crop_to_union(prediction, truth)
    shared = prediction & truth
    true_components, true_lesions = label(truth, CONNECTIVITY)
    predicted_components, predicted_lesions = label(prediction, CONNECTIVITY)
    found = len(np.unique(true_components[shared]))
    overlapping = len(np.unique(predicted_components[shared]))
    return Counts(tp=found, fp=int(predicted_lesions) - overlapping, fn=int(true_lesions) - found, tn=0)
