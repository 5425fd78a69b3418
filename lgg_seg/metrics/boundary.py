"""How irregular a tumour's outline is, apart from how large it is."""

from __future__ import annotations

import numpy as np

from lgg_seg.metrics.arrays import Bools, Floats


def boundary_complexity(truth: Bools) -> float | None:
    """Perimeter over that of the disc of the same area, averaged over the slices with tumour, each weighing its area.

    1 for a disc, 1.13 for a square (1.07 as estimated here), more for lobed outlines and for several parts. The
    perimeter is Crofton's, from the crossings of four directions of lines, which on a pixel grid is within some 5 % of
    the true one whatever the orientation (Legland 2007).

    Args:
        truth: bool `(D, H, W)`.

    Returns:
        the complexity, or None where there is no tumour.
    """
    area = truth.sum(axis=(1, 2)).astype(np.float64)
    tumour = area > 0
    if not tumour.any():
        return None
    padded = np.pad(truth[tumour], ((0, 0), (1, 1), (1, 1)))
    perimeter = (
        np.pi
        / 8
        * (
            _crossings(padded[:, :, 1:], padded[:, :, :-1])
            + _crossings(padded[:, 1:], padded[:, :-1])
            + (
                _crossings(padded[:, 1:, 1:], padded[:, :-1, :-1]) + _crossings(padded[:, 1:, :-1], padded[:, :-1, 1:])
            )  # the lines of a diagonal lie 1/√2 apart
            / np.sqrt(2)
        )
    )
    ratio = perimeter / (2 * np.sqrt(np.pi * area[tumour]))
    return float(np.average(ratio, weights=area[tumour]))


def _crossings(one: Bools, other: Bools) -> Floats:
    """How often neighbours along a direction differ, by slice."""
    changes: Floats = (one != other).sum(axis=(1, 2)).astype(np.float64)
    return changes
