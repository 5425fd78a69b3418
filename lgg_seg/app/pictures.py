"""A slice as it is drawn: a sequence in grey, outlines, the probability in colours. RGB uint8 arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import cv2
import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from lgg_seg.data.kaggle.images import SEQUENCES
from lgg_seg.inference.runner import Probability
from lgg_seg.metrics.arrays import Bools, Ints
from lgg_seg.prediction.overlay import enlarged, enlarged_mask, outlines, window

Picture = NDArray[np.uint8]
Shown = Literal["FLAIR", "pre-contrast", "post-contrast", "all three"]
SHOWN: tuple[Shown, ...] = get_args(Shown)

PREDICTION, TRUTH = (255, 92, 158), (86, 214, 152)
"""The magenta and green of every figure here, lightened for a dark ground. Lines differ in their style, too, for eyes
that tell the two apart badly."""

SIDE = 768  # pixels of a picture's longer side, on which lines are drawn finer than a pixel of the slice
WIDTH = 2
_DASH, _GAP = 14, 9  # steps along the outline of a mask that was given
COLOURS = "plasma"  # even to the eye and to the colour-blind, and no grey in it
FAINTEST = 0.05
"""Probability below which nothing is coloured: the anatomy stays in sight."""
_OPACITY = 0.7


def background(images: NDArray[np.uint8], shown: Shown) -> Picture:
    """A volume's slices (D, H, W, 3) in grey or, of all three sequences, as red, green and blue: the same shape.

    Each sequence is brightened over the whole volume, so that slices compare.
    """
    if shown == "all three":
        return np.stack([window(images[..., channel]) for channel in range(3)], axis=-1)
    return np.repeat(window(images[..., SEQUENCES.index(shown)])[..., None], 3, axis=-1)


def outlined(picture: Picture, prediction: Bools | None, truth: Bools | None) -> Picture:
    """A slice (H, W, 3), enlarged, with the outlines (H, W) of what was found, solid, and of what was given, dashed."""
    drawn = enlarged(picture, SIDE)
    if prediction is not None:
        _line(drawn, outlines(enlarged_mask(prediction, drawn.shape)), PREDICTION, closed=True)
    if truth is not None:  # last: where the two agree, the other is seen between the dashes
        for border in outlines(enlarged_mask(truth, drawn.shape)):
            _line(drawn, _dashes(border), TRUTH, closed=False)
    return drawn


def heated(picture: Picture, probability: Probability) -> Picture:
    """A slice (H, W, 3), enlarged, with P(tumour) (H, W) of `FAINTEST` and more in colours over it."""
    drawn = enlarged(picture, SIDE)
    size = (drawn.shape[1], drawn.shape[0])
    smooth = cv2.resize(np.asarray(probability, np.float32), size, interpolation=cv2.INTER_LINEAR)
    hot = smooth >= FAINTEST
    colours = np.asarray(mpl.colormaps[COLOURS](smooth[hot])[:, :3] * 255)
    drawn[hot] = (drawn[hot] * (1 - _OPACITY) + colours * _OPACITY).round().astype(np.uint8)
    return drawn


def _dashes(border: Ints) -> Sequence[Ints]:
    return [border[k : k + _DASH] for k in range(0, len(border), _DASH + _GAP)]


def _line(picture: Picture, pieces: Sequence[Ints], colour: tuple[int, int, int], *, closed: bool) -> None:
    """With a thin dark edge, so that it stands out on bright tissue too."""
    points = [piece.astype(np.int32) for piece in pieces]
    cv2.polylines(picture, points, closed, (0, 0, 0), WIDTH + 2, cv2.LINE_AA)
    cv2.polylines(picture, points, closed, colour, WIDTH, cv2.LINE_AA)
