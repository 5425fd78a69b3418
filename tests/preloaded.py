"""What most commands do at their start, done once in the process that the tests' commands are forked from."""

from __future__ import annotations

import gc
import io

import numpy as np

from lgg_seg.config.overrides import check_overrides
from lgg_seg.metrics.curves import THRESHOLDS, PixelCurves
from lgg_seg.reporting.figures import Panel, learning_curves, operating_figure, panel_grid, write_png

check_overrides([], sweep=False)  # finds Hydra's plugins, and builds the tables of its parser

# Fonts are read once, words measured once, the parser of formulas is built once, and what draws contours is imported.
fall = np.linspace(1, 0, 9)
row = {f"{subset}/{name}": 0.5 for subset in ("train", "val") for name in ("loss", "dice", "iou", "recall")}
square = np.pad(np.ones((8, 8), bool), 4)
for figure in (
    panel_grid({"a row": [Panel("a slice", square.astype(np.uint8), square, square)]}, "a run"),
    learning_curves([{"epoch": 0, "lr": 1e-3, **row}], "a run"),
    operating_figure(PixelCurves(fall, 1 - fall, 1 - fall, fall), np.full(len(THRESHOLDS), 0.5), 0.5, "a run"),
):
    write_png(figure, io.BytesIO(), 150)

gc.freeze()  # what is here stays, so no forked process need look at it for garbage
