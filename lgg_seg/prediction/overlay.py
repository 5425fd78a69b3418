"""Overlays: the outline of a mask over FLAIR, for one slice or a sheet of them, as RGB uint8 arrays."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lgg_seg.metrics.arrays import Bools, Ints
from lgg_seg.reporting.colours import PREDICTION_RGB as COLOUR
from lgg_seg.scans.scan import Scan

TINT = 0.22
SIDE, TILE = 512, 256  # pixels of a slice's longer side, by itself and on a sheet
COLUMNS, MAX_TILES, BAR = 4, 12, 34
WHITE_AT = 99  # percentile of the volume's FLAIR above its background that is drawn white

Picture = NDArray[np.uint8]


def window(flair: Picture) -> Picture:
    """FLAIR of a volume (D, H, W), brightened so that its brightest tissue is white."""
    lit = flair[flair > flair.min()]
    white = float(np.percentile(lit, WHITE_AT)) if lit.size else 1.0
    return np.asarray((flair.astype(np.float32) * (255 / white)).clip(0, 255), np.uint8)


def overlay(grey: Picture, mask: Bools, side: int = SIDE) -> Picture:
    """One slice (H, W), enlarged to `side` pixels, with its mask's outline, tinted inside."""
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
    grey = window(scan.flair)
    tiles = []
    for k in chosen_slices(mask):
        tiles.append(overlay(grey[k], mask[k], TILE))
        _write(tiles[-1], f"{scan.numbers[k]}", (7, 17), 0.45, 255)
    columns = min(COLUMNS, len(tiles))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    body = np.vstack([np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles), columns)])
    bar = np.zeros((BAR, body.shape[1], 3), np.uint8)
    _write(bar, title, (6, 13), 0.4, 235)
    with_tumour = int(mask.any(axis=(1, 2)).sum())
    summary = f"{int(mask.sum()):,} voxels in {with_tumour} of {len(mask)} slices" if with_tumour else "no tumour found"
    _write(bar, summary, (6, 28), 0.4, 170)
    return np.asarray(np.vstack([bar, body]), np.uint8)


def chosen_slices(mask: Bools) -> Sequence[int]:
    indices = np.flatnonzero(mask.any(axis=(1, 2)))
    if not indices.size:
        indices = np.arange(len(mask))
    count = min(MAX_TILES, len(indices))
    return [int(indices[round(k)]) for k in np.linspace(0, len(indices) - 1, count)]


def _write(picture: Picture, text: str, xy: tuple[int, int], size: float, grey: int) -> None:
    ascii_text = text.encode("ascii", "replace").decode()  # OpenCV's font has no other letters
    cv2.putText(picture, ascii_text, xy, cv2.FONT_HERSHEY_SIMPLEX, size, (grey, grey, grey), 1, cv2.LINE_AA)
