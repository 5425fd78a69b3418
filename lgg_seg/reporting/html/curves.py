"""Validation Dice by epoch, and how often predicted probabilities are right."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lgg_seg.comparison.segmentation import SegmentationResult, SegmentationTable
from lgg_seg.metrics.calibration import CalibrationBins
from lgg_seg.reporting.html.drawing import MUTED, WIDTH, Style, badge, new_figure, spread

HEIGHT = 3.9
MIN_PIXELS = 50  # a bin with fewer says nothing of how often its probability is right


def learning_plot(table: SegmentationTable, styles: Sequence[Style]) -> Figure | None:
    """Validation Dice by epoch: the median over an entry's seeds and folds, and their range; None without histories."""
    figure, axes = new_figure(WIDTH, HEIGHT)
    ends = []
    for entry, style in reversed(list(zip(table.entries, styles, strict=True))):
        by_epoch = validation_dice(entry)
        if by_epoch.empty:
            continue
        middle = by_epoch.median(axis=1)
        if style.leading and by_epoch.shape[1] > 1:
            low, high = by_epoch.min(axis=1), by_epoch.max(axis=1)
            axes.fill_between(middle.index, low, high, color=style.colour, alpha=0.13, linewidth=0)
        line: dict[str, Any] = {"linewidth": 1.7} if style.leading else {"linewidth": 0.8, "alpha": 0.7}
        axes.plot(middle.index, middle, ".-" if len(middle) == 1 else "-", color=style.colour, **line)
        ends.append((float(middle.index[-1]), float(middle.iloc[-1]), style))
    if not ends:
        return None
    last = max(x for x, _, _ in ends)
    leading = [end for end in ends if end[2].leading]
    for (x, _, style), y in zip(leading, spread([y for _, y, _ in leading], 0.052), strict=True):
        badge(axes, x + 0.025 * max(last, 1), y, style)
    axes.set(xlabel="epoch", ylabel="Dice of the validation patients", ylim=(0, 1), xlim=(0, max(1, last) * 1.05))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    return figure


def validation_dice(entry: SegmentationResult) -> pd.DataFrame:
    """A row an epoch, a column a run; no columns without histories."""
    columns = [
        run.history.set_index("epoch")["val/dice"]
        for run in entry.runs
        if {"epoch", "val/dice"} <= set(run.history.columns)
    ]
    return pd.concat(columns, axis=1).sort_index() if columns else pd.DataFrame()


def reliability_plot(table: SegmentationTable, styles: Sequence[Style]) -> Figure | None:
    """How often a pixel of a predicted probability is tumour; an entry without bins of every run has no line.

    None where no entry has one.
    """
    figure, axes = new_figure(WIDTH, HEIGHT)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=":")
    for entry, style in reversed(list(zip(table.entries, styles, strict=True))):
        stored = [run.result["calibration_bins"] for run in entry.runs if "calibration_bins" in run.result]
        if len(stored) < len(entry.runs):
            continue
        total = reduce(add, map(CalibrationBins.of, stored))
        enough = total.pixels >= MIN_PIXELS
        x = total.probability_sum[enough] / total.pixels[enough]
        y = total.tumour_pixels[enough] / total.pixels[enough]
        width, size = (1.5, 4) if style.leading else (0.7, 2)
        axes.plot(x, y, "o-", color=style.colour, linewidth=width, markersize=size)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="predicted probability", ylabel="share of pixels that are tumour")
    axes.grid()
    return figure if len(axes.lines) > 1 else None
