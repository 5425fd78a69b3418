"""Kinds of error of a segmented slice, as study 001 shows them (figures 8 to 10, 15 and 16), by measured quantities."""

from typing import Final, NamedTuple

import numpy as np
from scipy.ndimage import label

from lgg_seg.metrics.arrays import Bools, check_masks

CONNECTIVITY: Final = np.ones((3, 3), np.bool_)  # of a slice's parts: pixels that share an edge or a corner
MISSED, FALSE_ALARM, SPLIT, LEAKED, SHORT = KINDS = (
    "missed tumour", "false alarm", "split tumour", "leaked border", "border cut short",
)  # fmt: skip


class SliceError(NamedTuple):
    """The kind of a slice's error, and how many pixels are wrong in that way."""

    kind: str
    pixels: int


def slice_error(prediction: Bools, truth: Bools) -> SliceError | None:
    """The first kind that a slice's masks, bool `(H, W)`, belong to; None for none.

    - `missed tumour`: no pixel of the tumour is predicted. Its pixels are the tumour's.
    - `false alarm`: something is predicted where there is no tumour.
    - `split tumour`: of a tumour in several 8-connected parts, a part has no predicted pixel. Its pixels are theirs.
    - `leaked border`: what is predicted beyond the tumour, but connected to it, is more than half as large as it.
    - `border cut short`: more than half of the tumour is not predicted.
    """
    check_masks(prediction, truth)
    area, found = int(truth.sum()), int((prediction & truth).sum())
    if not area:
        return SliceError(FALSE_ALARM, int(prediction.sum())) if prediction.any() else None
    if not found:
        return SliceError(MISSED, area)
    missed_parts = area - _touched(truth, prediction)
    if missed_parts:
        return SliceError(SPLIT, missed_parts)
    leaked = _touched(prediction, truth) - found
    if leaked > area / 2:
        return SliceError(LEAKED, leaked)
    return SliceError(SHORT, area - found) if area - found > area / 2 else None


def _touched(mask: Bools, other: Bools) -> int:
    """Pixels of the components of `mask` that share a pixel with `other`."""
    components, _ = label(mask, CONNECTIVITY)
    return int(np.isin(components, np.unique(components[mask & other])).sum())
