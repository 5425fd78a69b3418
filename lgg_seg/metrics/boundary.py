"""Boundary complexity: irregularity of a tumour's boundary, independent of its size."""

from __future__ import annotations

import numpy as np

from lgg_seg.metrics.arrays import Bools


def boundary_irregularity(truth: Bools) -> float | None:
    """Boundary complexity: perimeter over that of the disc of the same area, mean over slices weighted by area.

    1 for a disc, 1.13 for a square (1.07 as estimated here), more for lobed outlines and for several parts. The
    perimeter is Crofton's, from lines in four directions; on a pixel grid it is within some 5 % of the true one in any
    orientation (Legland 2007).

    Args:
        truth: bool `(D, H, W)`.

    Returns:
        the complexity, or None without tumour.
    """
    area = truth.sum(axis=(1, 2))
    if not area.any():
        return None
    from skimage.measure import perimeter_crofton

    tumour = area > 0
    # Without a margin the edge of the slice would not count as boundary.
    perimeter = np.array([perimeter_crofton(np.pad(mask, 1), directions=4) for mask in truth[tumour]])
    return float(np.average(perimeter / (2 * np.sqrt(np.pi * area[tumour])), weights=area[tumour]))
