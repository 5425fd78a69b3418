"""Boundary irregularity in one slice: angular standard deviation (ASD) and margin fluctuation (MF).

Both are of the distances from a tumour's centroid to its outline, divided by their mean, as in Buda 2019 (Computers in
Biology and Medicine 109) after Georgiou 2007 (European Radiology 17). The papers leave open what is chosen here: the
outline is the outer one of the largest component, without holes; standard deviations are of a population; angles start
at the direction of the columns; an angular bin without outline is left out; the moving average closes around the
outline.
"""

import cv2
import numpy as np
from scipy.ndimage import uniform_filter1d

from lgg_seg.metrics.arrays import Bools, Floats

BINS = 10  # equal angular bins of ASD
WINDOW = 0.1  # length of MF's moving average, as a share of the outline


def outline(component: Bools) -> Floats:
    """Outline: pixels on the outer border of a connected component, in order around it, (n, 2) rows and columns.

    Where the component is one pixel wide, the outline runs back over the same pixels.
    """
    found, _ = cv2.findContours(component.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(found[0][:, 0, ::-1], dtype=np.float64)


def angular_standard_deviation(border: Floats, centre: Floats) -> float | None:
    """ASD: mean over angular bins of the SD of the scaled distances from `centre`; 0 for a circle, None for a pixel.

    Of a `border` (n, 2), rows and columns around the outline, and `centre` (2,).
    """
    distances = scaled_distances(border, centre)
    if distances is None:
        return None
    offsets = border - centre
    turn = np.arctan2(offsets[:, 0], offsets[:, 1]) / (2 * np.pi) % 1
    bins = (turn * BINS).astype(np.int64) % BINS
    return float(np.mean([distances[bins == k].std() for k in np.unique(bins)]))


def margin_fluctuation(border: Floats, centre: Floats) -> float | None:
    """MF: SD of the scaled distances minus their moving average over a tenth of the outline; 0 for a circle.

    The window is the odd number of pixels nearest to a tenth of the outline's, so that it has a middle. Where it holds
    a single pixel (outlines below 20) there is no value. Of a `border` in order around the outline, as for ASD.
    """
    distances = scaled_distances(border, centre)
    window = 2 * int(WINDOW * len(border) / 2) + 1
    if distances is None or window == 1:
        return None
    return float((distances - uniform_filter1d(distances, window, mode="wrap")).std())


def scaled_distances(border: Floats, centre: Floats) -> Floats | None:
    """Distances (n,) from `centre`, divided by their mean; None where that is 0."""
    distances = np.linalg.norm(border - centre, axis=1)
    mean = distances.mean()
    return distances / mean if mean > 0 else None
