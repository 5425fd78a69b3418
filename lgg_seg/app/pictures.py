"""Pictures of a slice (RGB uint8 arrays) and their legends (HTML): a sequence, outlines, the probability in colours."""

from collections.abc import Sequence
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from lgg_seg.data.kaggle.images import SEQUENCES
from lgg_seg.inference.runner import Probability
from lgg_seg.metrics.arrays import Bools, Floats32, Ints
from lgg_seg.prediction.overlay import enlarged, enlarged_mask, outlines, window
from lgg_seg.reporting.colours import OVERLAP_RGB as OVERLAP
from lgg_seg.reporting.colours import PREDICTION_RGB as PREDICTION
from lgg_seg.reporting.colours import TRUTH_RGB as TRUTH

Picture = NDArray[np.uint8]
SequenceChoice = Literal["FLAIR", "pre-contrast", "post-contrast", "all three"]
SEQUENCE_CHOICES: tuple[SequenceChoice, ...] = get_args(SequenceChoice)

SIDE = 768  # pixels of a picture's longer side, on which lines are drawn finer than a pixel of the slice
WIDTH = 2
_DASH, _GAP = 14, 9  # steps along the outline of the ground truth
COLOURS = cv2.COLORMAP_PLASMA  # even to the eye and to the colour-blind, and no grey in it
MIN_COLOURED = 0.05  # probability below which nothing is coloured: the anatomy stays visible
OPACITY = 0.7
FALSE, MISSED = PREDICTION, TRUTH  # of an error map, beside what was found
_LEGEND = "font-size:.85rem;line-height:1.6;display:flex;flex-wrap:wrap;align-items:center;gap:0 .6em"


def background(images: NDArray[np.uint8], sequence: SequenceChoice) -> Picture:
    """A volume's slices (D, H, W, 3) in grey or, of all sequences, in colours, brightened over the whole volume."""
    if sequence == "all three":
        return np.stack([window(images[..., channel]) for channel in range(3)], axis=-1)
    return np.repeat(window(images[..., SEQUENCES.index(sequence)])[..., None], 3, axis=-1)


def outlined(picture: Picture, prediction: Bools | None, truth: Bools | None) -> Picture:
    """A slice (H, W, 3), enlarged, with the outlines of two masks (H, W): prediction solid, ground truth dashed."""
    drawn = enlarged(picture, SIDE)
    if prediction is not None:
        _draw(drawn, outlines(enlarged_mask(prediction, drawn.shape)), PREDICTION, closed=True)
    if truth is not None:  # last: where the two agree, the prediction is visible between the dashes
        for outline in outlines(enlarged_mask(truth, drawn.shape)):
            dashes = [outline[k : k + _DASH] for k in range(0, len(outline), _DASH + _GAP)]
            _draw(drawn, dashes, TRUTH, closed=False)
    return drawn


def windowed(picture: Picture, window: tuple[int, int]) -> Picture:
    """A slice whose grey values from the lower end of `window` to the upper one fill the range from black to white."""
    low, high = window
    scaled = (picture.astype(np.float32) - low) * (255 / max(1, high - low))
    return np.asarray(scaled.clip(0, 255), np.uint8)


def errors(picture: Picture, prediction: Bools, truth: Bools, opacity: float = OPACITY) -> Picture:
    """A slice (H, W, 3), enlarged, with colours over what was found, what is too much, and what was missed."""
    drawn = enlarged(picture, SIDE)
    found, true = (enlarged_mask(mask, drawn.shape) for mask in (prediction, truth))
    for mask, colour in ((found & true, OVERLAP), (found & ~true, FALSE), (true & ~found, MISSED)):
        drawn[mask] = (drawn[mask] * (1 - opacity) + np.array(colour) * opacity).astype(np.uint8)
    return drawn


def heated(picture: Picture, probability: Probability, opacity: float = OPACITY) -> Picture:
    """A slice (H, W, 3), enlarged, with P(tumour) (H, W) of `MIN_COLOURED` and more in colours over it."""
    drawn = enlarged(picture, SIDE)
    size = (drawn.shape[1], drawn.shape[0])
    smooth = np.asarray(cv2.resize(probability, size, interpolation=cv2.INTER_LINEAR), np.float32)
    hot = smooth >= MIN_COLOURED
    drawn[hot] = cv2.addWeighted(drawn, 1 - opacity, colours(smooth), opacity, 0)[hot]
    return drawn


def colours(probability: Floats32) -> Picture:
    """The colours (H, W, 3) of probabilities (H, W)."""
    levels = np.minimum(probability * 256, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(cv2.applyColorMap(levels, COLOURS), cv2.COLOR_BGR2RGB), np.uint8)


def outline_legend(rule: str, *, truth: bool, in_slice: bool) -> str:
    """The legend of outlines: by a rule (`P ≥ 0.50`), and of ground truth, where the volume and this slice have any."""
    parts = [_line("solid", PREDICTION), f"<span>prediction, {rule}</span>"]
    if truth:
        name = "ground truth" if in_slice else "ground truth (none for this slice)"
        parts += [_line("dashed", TRUTH), f"<span>{name}</span>"]
    return f'<div style="{_LEGEND}">{"".join(parts)}</div>'


def error_legend() -> str:
    named = ((OVERLAP, "found"), (FALSE, "too much"), (MISSED, "missed"))
    parts = [f'<span style="flex:0 0 1em;height:1em;background:rgb{colour}"></span>{name}' for colour, name in named]
    return f'<div style="{_LEGEND}">{"".join(parts)}</div>'


def heat_legend(highest: float) -> str:
    """The legend of probabilities, with the `highest` of the slice."""
    (shades,) = colours(np.linspace(MIN_COLOURED, 1, 9, dtype=np.float32)[None])
    stops = ",".join(f"rgb({r},{g},{b})" for r, g, b in shades)
    bar = f"flex:0 1 9em;height:.8em;border-radius:2px;background:linear-gradient(90deg,{stops})"
    return (
        f'<div style="{_LEGEND}"><span>P(tumour)</span><span>{MIN_COLOURED:g}</span><span style="{bar}"></span>'
        f"<span>1</span><span>highest here: {highest:.2f}</span></div>"
    )


def _draw(picture: Picture, lines: Sequence[Ints], colour: tuple[int, int, int], *, closed: bool) -> None:
    """Lines with a thin dark edge, so that they stand out on bright tissue too."""
    points = [line.astype(np.int32) for line in lines]
    cv2.polylines(picture, points, closed, (0, 0, 0), WIDTH + 2, cv2.LINE_AA)
    cv2.polylines(picture, points, closed, colour, WIDTH, cv2.LINE_AA)


def _line(style: str, colour: tuple[int, int, int]) -> str:
    return f'<span style="flex:0 0 2.2em;border-top:3px {style} rgb{colour}"></span>'
