"""Connected components and boundaries of masks: largest component, lesion-wise detection, boundary irregularity."""

import numpy as np
from scipy.ndimage import generate_binary_structure, label

from lgg_seg.metrics.arrays import Bools, check_masks, crop_to_union
from lgg_seg.metrics.overlap import Counts

CONNECTIVITY = np.ones((3, 3, 3), dtype=np.bool_)  # 26 neighbours: voxels that share a corner are of one lesion


def largest_component(mask: Bools, connectivity: int | None = None) -> Bools:
    """Largest connected component, of equals the first; an empty mask stays empty.

    Args:
        mask: bool `(H, W)` or `(D, H, W)`.
        connectivity: 1 joins pixels that share a face alone; None also those that share a corner (8 or 26 neighbours).
    """
    labels, count = label(mask, generate_binary_structure(mask.ndim, connectivity or mask.ndim))
    return np.asarray(labels == 1 + np.bincount(labels[mask])[1:].argmax()) if count > 1 else mask


def lesion_counts(prediction: Bools, truth: Bools) -> Counts:
    """Lesions of bool `(D, H, W)` that are detected, missed and false; `overlap.dice` of them is the lesion-wise F1.

    A lesion is a 26-connected component of the volume. `tp`: true lesions with at least one predicted voxel; `fn`: true
    lesions without; `fp`: predicted components that overlap no true lesion. One predicted component that covers two
    true lesions detects both; two that lie in one true lesion detect it once and neither is false. `tn` has no meaning
    for lesions and is 0.
    """
    check_masks(prediction, truth)
    prediction, truth = crop_to_union(prediction, truth)
    overlap = prediction & truth
    true_components, true_lesions = label(truth, CONNECTIVITY)
    predicted_components, predicted_lesions = label(prediction, CONNECTIVITY)
    detected = len(np.unique(true_components[overlap]))
    overlapping = len(np.unique(predicted_components[overlap]))
    return Counts(tp=detected, fp=int(predicted_lesions) - overlapping, fn=int(true_lesions) - detected, tn=0)


def boundary_irregularity(truth: Bools) -> float | None:
    """Perimeter over that of the disc of the same area, mean over the slices of `(D, H, W)` weighted by area.

    1 for a disc, 1.13 for a square (1.07 as estimated here), more for lobed outlines and for several components. The
    perimeter is Crofton's, from lines in four directions; on a pixel grid it is within some 5 % of the true one in any
    orientation (Legland 2007). None without tumour.
    """
    area = truth.sum(axis=(1, 2))
    if not area.any():
        return None
    from skimage.measure import perimeter_crofton  # slow to import, which no command line must wait for

    tumour = area > 0
    # Without a margin the edge of the slice would not count as boundary.
    perimeter = np.array([perimeter_crofton(np.pad(mask, 1), directions=4) for mask in truth[tumour]])
    return float(np.average(perimeter / (2 * np.sqrt(np.pi * area[tumour])), weights=area[tumour]))
