"""Loss, Dice and what chose the epoch, by epoch; and how often predicted probabilities are right."""

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lgg_seg.comparison.segmentation import SegmentationResult, SegmentationTable
from lgg_seg.metrics.calibration import CalibrationBins
from lgg_seg.reporting.figures import METRICS
from lgg_seg.reporting.html.drawing import MUTED, WIDTH, Style, badge, new_figure, spread
from lgg_seg.runs.monitor import monitor_of

HEIGHT = 3.9
MIN_PIXELS = 50  # a bin with fewer says nothing of how often its probability is right


def learning_plot(table: SegmentationTable, styles: Sequence[Style]) -> Figure | None:
    """Loss, Dice and what else chose an epoch, by epoch: of training patients dashed, of validation patients solid.

    A line is the median over an entry's seeds and folds, a band their range. None without histories.
    """
    chosen_by = monitored(table)
    names = list(dict.fromkeys(["loss", "dice", *chosen_by]))
    figure = Figure(figsize=(2 * WIDTH, HEIGHT))
    panels = figure.subplots(1, len(names))
    first, last = 1.0, 0.0
    for axes, name in zip(panels, names, strict=True):
        ends = []
        for entry, style in reversed(list(zip(table.entries, styles, strict=True))):
            validated = by_epoch(entry, f"val/{name}")
            if validated.empty:
                continue
            _curve(axes, validated, style, "-")
            if style.leading:
                _curve(axes, by_epoch(entry, f"train/{name}"), style, "--")
                middle = validated.median(axis=1)
                ends.append((float(middle.index[-1]), float(middle.iloc[-1]), style))
            first, last = min(first, float(validated.index[0])), max(last, float(validated.index[-1]))
        axes.set_ylim(0, None if name == "loss" else 1)
        low, high = axes.get_ylim()
        for (x, _, style), y in zip(ends, spread([y for _, y, _ in ends], 0.052 * (high - low)), strict=True):
            badge(axes, x + 0.03 * max(last, 1), y, style)
        label = "loss" if name == "loss" else f"mean {METRICS.get(name, name)}"
        axes.set(xlabel="epoch", ylabel=label, xlim=(first, max(2, last) * 1.05))
        if name in chosen_by:
            of_some = " of some" if len(chosen_by) > 1 else ""
            axes.set_title(f"chose the epoch{of_some}", loc="right", fontsize=8.5, fontweight="normal")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y")
    return figure if last else None


def monitored(table: SegmentationTable) -> list[str]:
    """The validation numbers by which the runs' epochs were chosen, such as `dice`."""
    runs = [run for entry in table.entries for run in entry.runs if not run.history.empty]
    columns = {monitor_of(run.epochs, run.config.get("trainer", {}).get("monitor")).column for run in runs}
    return sorted(column.partition("/")[2] for column in columns if "/" in column)


def _curve(axes: Axes, values: pd.DataFrame, style: Style, line: str) -> None:
    if values.empty:
        return
    middle, bold = values.median(axis=1), style.leading and line == "-"
    if bold and values.shape[1] > 1:
        low, high = values.min(axis=1), values.max(axis=1)
        axes.fill_between(middle.index, low, high, color=style.colour, alpha=0.13, linewidth=0)
    shape: dict[str, Any] = {"linewidth": 1.7} if bold else {"linewidth": 0.9, "alpha": 0.75}
    axes.plot(middle.index, middle, f".{line}" if len(middle) == 1 else line, color=style.colour, **shape)


def by_epoch(entry: SegmentationResult, column: str) -> pd.DataFrame:
    """A row an epoch, from 1, or a validation within one; a column a run. No columns without histories."""
    columns = [
        run.history.set_index(run.history["epoch"] + run.history.get("epoch_part", 1))[column]
        for run in entry.runs
        if {"epoch", column} <= set(run.history.columns)
    ]
    return pd.concat(columns, axis=1).sort_index() if columns else pd.DataFrame()


def reliability_plot(table: SegmentationTable, styles: Sequence[Style]) -> Figure | None:
    """How often a pixel of a predicted probability is tumour, of entries with bins of every run; None without any."""
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
