"""A patient's slice with the most tumour, with the contours of the best configurations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from lgg_seg.comparison.runs import Run
from lgg_seg.comparison.segmentation import SegmentationResult, SegmentationTable
from lgg_seg.data.kaggle.images import FLAIR, read_mask, read_slice
from lgg_seg.data.kaggle.listing import Pair, list_dataset
from lgg_seg.errors import UserError
from lgg_seg.metrics.arrays import Bools
from lgg_seg.reporting.figures import MIN_SIDE, NEAR, Panel, draw, square_around
from lgg_seg.reporting.html.drawing import Style
from lgg_seg.runs.masks import read_masks

MAX_ENTRIES = 3
SIDE = 2.2  # inches of a tile
MARGIN = 6  # pixels around the head
MIN_HEAD = 12  # grey values above this are head, not air
Grey = NDArray[np.uint8]
Pairs = Callable[[Path], Mapping[tuple[str, int], Pair]]


@dataclass(frozen=True)
class SlicePanels:
    """A slice: the truth on the whole head, then a panel for each entry, cut to `frame` (x, y, side)."""

    panels: tuple[Panel, ...]
    frame: tuple[int, int, int]
    background: bool  # whether FLAIR was found


def with_masks(table: SegmentationTable) -> list[int]:
    """Places of the best entries all of whose runs hold masks."""
    places = [k for k, entry in enumerate(table.entries) if all((r.place / "masks.npz").is_file() for r in entry.runs)]
    return places[:MAX_ENTRIES]


def pairs_at(root: Path) -> dict[tuple[str, int], Pair]:
    """The slices at a dataset root by patient and number."""
    return {(one.patient, one.number): one for one in list_dataset(root).pairs}


def slice_panels(
    table: SegmentationTable, styles: Sequence[Style], places: Sequence[int], patient: str, pairs: Pairs
) -> SlicePanels:
    """One patient's panels of the entries at `places`."""
    runs = [_first_run(table.entries[k], patient) for k in places]
    masks = [read_masks(run.place / "masks.npz", patient) for run in runs]
    truth = masks[0].truth
    if any(not np.array_equal(one.truth, truth) for one in masks):
        raise UserError(f"The masks of {patient} in {runs[0].place} and another run differ; measure both again.")
    areas = truth.sum(axis=(1, 2))
    row = int((areas if areas.any() else masks[0].prediction.sum(axis=(1, 2))).argmax())
    number = int(masks[0].numbers[row])
    flair = _flair(runs[0], patient, number, truth[row], pairs)
    predictions = [one.prediction[row] for one in masks]
    grey = np.zeros(truth.shape[1:], np.uint8) if flair is None else flair
    near = square_around(np.logical_or.reduce([truth[row], *predictions]), NEAR, MIN_SIDE)
    visible = grey > MIN_HEAD
    visible[near] = True
    head = square_around(visible, MARGIN)
    panels = [Panel(f"truth, slice {number}", grey[head], truth[row][head], np.zeros_like(truth[row][head]))]
    for k, run, prediction in zip(places, runs, predictions, strict=True):
        dice = run.patients.set_index("patient")["dice"][patient]
        panels.append(Panel(f"{styles[k].number}  Dice {dice:.3f}", grey[near], truth[row][near], prediction[near]))
    frame = (near[1].start - head[1].start, near[0].start - head[0].start, near[0].stop - near[0].start)
    return SlicePanels(tuple(panels), frame, flair is not None)


def tile(panel: Panel, frame: tuple[int, int, int] | None = None) -> Figure:
    """One panel without margins; `frame` is drawn on it."""
    figure = Figure(figsize=(SIDE, SIDE))
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    draw(axes, panel)
    axes.set_axis_off()
    if frame:
        x, y, side = frame
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), side, side, fill=False, edgecolor="white", linewidth=0.9))
    return figure


def _first_run(entry: SegmentationResult, patient: str) -> Run:
    """The run of the entry's first seed that measured the patient."""
    runs = next(iter(entry.seeds.values()))
    return next(run for run in runs if patient in set(run.patients["patient"]))


def _flair(run: Run, patient: str, number: int, truth: Bools, pairs: Pairs) -> Grey | None:
    """The slice from the run's data set; None where it is gone, or holds another slice than the one measured."""
    data = run.config.get("data", {})
    try:
        pair = pairs(Path(data["root"]))[patient, number]
        mask = read_mask(pair.mask, data.get("mask_threshold")).astype(bool)
        image, _ = read_slice(pair.image)
    except (KeyError, UserError, OSError):  # unknown, gone, damaged, or without permission
        return None
    same = image.shape[:2] == truth.shape and np.array_equal(mask, truth)
    return np.ascontiguousarray(image[..., FLAIR]) if same else None
