"""Pictures of what was found: the contour over FLAIR, a slice or a sheet of them. RGB uint8 arrays."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lgg_seg.metrics.arrays import Bools, Ints
from lgg_seg.prediction.scan import Scan

COLOUR = (216, 27, 96)  # the magenta of predictions in every figure here
TINT = 0.22
SIDE, TILE = 512, 256  # pixels of a slice's longer side, by itself and on a sheet
COLUMNS, MOST_TILES, BAR = 4, 12, 34
WHITE_AT = 99  # percentile of the volume's FLAIR above its background that is drawn white

Picture = NDArray[np.uint8]


def window(flair: Picture) -> Picture:
    """FLAIR of a volume (D, H, W), brightened so that its brightest tissue is white."""
    lit = flair[flair > flair.min()]
    white = float(np.percentile(lit, WHITE_AT)) if lit.size else 1.0
    return np.asarray((flair.astype(np.float32) * (255 / white)).clip(0, 255), np.uint8)


def overlay(grey: Picture, mask: Bools, side: int = SIDE) -> Picture:
    """One slice (H, W) with its mask's outline, tinted inside; its longer side has `side` pixels or its own number.

    The outline is drawn on the enlarged picture, where half a pixel of the slice can be seen.
    """
    picture = enlarged(np.repeat(grey[..., None], 3, axis=-1), side)
    inside = enlarged_mask(mask, picture.shape)
    tinted = picture[inside] * (1 - TINT) + np.array(COLOUR, np.float32) * TINT
    picture[inside] = tinted.round().astype(np.uint8)
    cv2.drawContours(picture, outlines(inside), -1, COLOUR, max(1, side // 256), cv2.LINE_AA)
    return picture


def enlarged(picture: Picture, side: int) -> Picture:
    """A slice (H, W, 3) whose longer side has `side` pixels, or its own number where that is more."""
    scale = max(1.0, side / max(picture.shape[:2]))
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def enlarged_mask(mask: Bools, shape: tuple[int, ...]) -> Bools:
    """A mask (H, W) on a picture of that `shape`, with smooth borders."""
    smooth = cv2.resize(mask.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(smooth >= 0.5)


def outlines(mask: Bools) -> Sequence[Ints]:
    """The outlines of a mask (H, W), each (n, 1, 2) as x and y; a hole has one, too."""
    borders, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    return [np.asarray(border) for border in borders]


def sheet(scan: Scan, mask: Bools, title: str) -> Picture:
    """Up to twelve slices of a volume, evenly among those with tumour, or among all where there is none."""
    shown = chosen_slices(mask)
    grey = window(scan.flair)
    tiles = [_labelled(overlay(grey[k], mask[k], TILE), f"{scan.numbers[k]}") for k in shown]
    columns = min(COLUMNS, len(tiles))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles), columns)]
    body = np.vstack(rows)
    bar = np.zeros((BAR, body.shape[1], 3), np.uint8)
    lines = (title, _found(mask))
    for place, line in enumerate(lines):
        _write(bar, line, (6, 13 + 15 * place), 0.4, (235, 235, 235) if place == 0 else (170, 170, 170))
    return np.asarray(np.vstack([bar, body]), np.uint8)


def chosen_slices(mask: Bools) -> Sequence[int]:
    """Places in the volume of what `sheet` shows."""
    places = np.flatnonzero(mask.any(axis=(1, 2)))
    if not places.size:
        places = np.arange(len(mask))
    count = min(MOST_TILES, len(places))
    return [int(places[round(k)]) for k in np.linspace(0, len(places) - 1, count)]


def _found(mask: Bools) -> str:
    slices = int(mask.any(axis=(1, 2)).sum())
    return f"{int(mask.sum()):,} voxels in {slices} of {len(mask)} slices" if slices else "no tumour found"


def _labelled(picture: Picture, text: str) -> Picture:
    _write(picture, text, (7, 17), 0.45, (255, 255, 255))
    return picture


def _write(picture: Picture, text: str, place: tuple[int, int], size: float, colour: tuple[int, int, int]) -> None:
    readable = text.encode("ascii", "replace").decode()  # OpenCV's font has no other letters
    cv2.putText(picture, readable, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
