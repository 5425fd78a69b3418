"""Figures of a run. Each function takes plain numbers or arrays and gives a matplotlib figure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, StrMethodFormatter

from lgg_seg.metrics.arrays import Bools, Floats
from lgg_seg.metrics.curves import THRESHOLDS, PixelCurves
from lgg_seg.reporting.colours import PREDICTION, TRUTH
from lgg_seg.reporting.formatting import number
from lgg_seg.runs.monitor import LAST, Monitor, epoch_of, epochs_done, monitor_of

GREY = "#7a7a7a"
METRICS = {"dice": "patient Dice", "iou": "patient IoU", "recall": "patient recall", "auroc": "slice AUROC"}
"""Titles of the metrics of an epoch; another has its name."""

MAX_EXTREMES = 4  # best and worst patients whose slices are drawn
NEAR = 12  # pixels around the contours in an enlarged part of a slice
MIN_SIDE = 96  # pixels of such a part's side, at least: a tumour without its surroundings tells nothing
LEGEND = "truth blue and dashed, prediction orange"
CHARACTERS = 13  # of a heading in an inch
SIDE = 2.25  # inches of a slice's longer side in a grid
T = TypeVar("T")


@dataclass(frozen=True)
class Panel:
    """One slice to be drawn: FLAIR uint8 (H, W), truth and prediction bool (H, W)."""

    title: str
    flair: npt.NDArray[np.uint8]
    truth: Bools
    prediction: Bools


def write_png(figure: Figure, file: str | Path | BinaryIO, dpi: int) -> None:
    """Write a figure as PNG, compressed in half the time that matplotlib's default takes, and about a sixth larger."""
    figure.savefig(file, dpi=dpi, format="png", pil_kwargs={"compress_level": 1})


def learning_curves(history: Sequence[Mapping[str, float]], title: str, monitor: Monitor | None = None) -> Figure:
    """Loss, every metric and the learning rate by epoch, from the rows of `history.csv`, with the best by `monitor`.

    By default that is the metric which compares the run with others; where nobody validated, the last epoch is marked.
    """
    monitor = monitor or monitor_of(history)
    best, epochs = max(history, key=monitor.score), [epochs_done(row) for row in history]
    names = list(dict.fromkeys(["loss", *(column.partition("/")[2] for column in history[0] if "/" in column)]))
    figure = Figure(figsize=(3.4 * (len(names) + 1), 3.6))
    *panels, rate = figure.subplots(1, len(names) + 1)
    place(figure, left=0.6, right=0.15, top=0.7, across=0.7)
    for axes, name in zip(panels, names, strict=True):
        for subset, colour in (("train", GREY), ("val", PREDICTION)):
            column = f"{subset}/{name}"
            if all(column in row for row in history):
                axes.plot(epochs, [row[column] for row in history], ".-", label=subset, color=colour, clip_on=False)
        heading = METRICS.get(name, name)
        if monitor.column == f"val/{name}":
            heading += f": best {best[monitor.column]:.3f}, epoch {epoch_of(best)}"
            axes.title.set_fontweight("bold")
        axes.set(title=heading, xlabel="epoch", ylim=(0, None if name == "loss" else 1))
        axes.axvline(epochs_done(best), color=PREDICTION, linewidth=0.8, linestyle=":")
        axes.legend(frameon=False)
    rate.plot(epochs, [row["lr"] for row in history], ".-", color="#3b6fb6")
    rate.set(title="learning rate", xlabel="epoch", ylim=(0, None))
    for axes in (*panels, rate):
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        if len(history) == 1:  # else the axis has room for hundredths of an epoch alone
            axes.set_xlim(epochs[0] - 1, epochs[0] + 1)
    kept = "the last epoch" if monitor == LAST else f"the best epoch by {monitor.title}"
    return _finished(figure, f"{title}; dotted: {kept}")


def lr_curve(rates: Floats, losses: Floats, smoothed: Floats, suggestion: float | None, title: str) -> Figure:
    """The loss (N,) of each learning rate (N,) of a finder, as it was and smoothed; the `suggestion` is dotted.

    The axis of the loss ends a little above its start: where the training diverges, it says nothing more.
    """
    figure = Figure(figsize=(6.4, 4))
    axes = figure.subplots()
    place(figure, left=0.65, right=0.2, top=0.45)
    axes.plot(rates, losses, ".", color=GREY, markersize=3, label="a step")
    axes.plot(rates, smoothed, color=PREDICTION, label="smoothed")
    if suggestion is not None:
        label = f"fastest fall: {suggestion:.2g}"
        axes.axvline(suggestion, color=PREDICTION, linewidth=0.8, linestyle=":", label=label)
    low, high = float(losses.min()), float(smoothed[: smoothed.argmin() + 1].max())
    margin = 0.3 * (high - low) or 1.0
    axes.set(xscale="log", xlabel="learning rate, logarithmic", ylabel="training loss")
    axes.set_ylim(max(0, low - margin), high + margin)
    axes.legend(frameon=False)
    return _finished(figure, title)


def operating_figure(curves: PixelCurves | None, dice: Floats, threshold: float, title: str) -> Figure:
    """Pixel ROC, precision against recall, and mean patient Dice `(201,)` by threshold; the dots are the `threshold`.

    The ROC's false positive rate has a logarithmic axis: with so rare a class all of interest happens near 0.
    """
    figure = Figure(figsize=(11, 3.6))
    left, middle, right = figure.subplots(1, 3)
    place(figure, left=0.65, right=0.2, top=0.7, across=0.65)
    left.set(title="pixel ROC", xlabel="false positive rate, logarithmic", ylabel="true positive rate", ylim=(0, 1.02))
    middle.set(title="pixel precision and recall", xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
    if curves is None:
        for axes in (left, middle):
            axes.text(0.5, 0.5, "all pixels are of one class", ha="center", transform=axes.transAxes, color=GREY)
    else:
        left.plot(curves.false_positive_rate, curves.recall, color=PREDICTION)
        left.set(title=f"pixel ROC: AUROC {number(curves.auroc)}", xscale="log", xlim=(1e-6, 1))
        # Few ticks in plain text: matplotlib's own take as long as the rest of the figure.
        left.xaxis.set_major_locator(FixedLocator([10.0**power for power in (-6, -4, -2, 0)]))
        left.xaxis.set_minor_locator(NullLocator())
        left.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        middle.plot(curves.recall, curves.precision, color=PREDICTION)
        middle.set_title(f"pixel precision and recall: AP {number(curves.average_precision)}")
        passing = int((curves.threshold >= threshold).sum())
        if passing:
            at = passing - 1
            left.plot(curves.false_positive_rate[at], curves.recall[at], "o", color=PREDICTION)
            middle.plot(curves.recall[at], curves.precision[at], "o", color=PREDICTION)
    right.plot(THRESHOLDS, dice, color=PREDICTION)
    right.axvline(threshold, color=GREY, linewidth=0.8, linestyle=":")
    right.set(title="mean patient Dice", xlabel="threshold", ylim=(0, 1.02), xlim=(0, 1))
    return _finished(figure, f"{title}; dots and dotted line: threshold {threshold:g}")


def place(figure: Figure, *, left: float, right: float, top: float, across: float = 0.0) -> None:
    """Set the margins around a row of axes, and the gaps `across` between them, in inches.

    `layout="constrained"` would find them by measuring every text twice, which takes longer than to draw the figure.
    """
    width, height = figure.get_size_inches()
    grid = figure.axes[0].get_gridspec()
    assert grid is not None, "the axes are those of `figure.subplots`"
    panel_width = (width - left - right - across * (grid.ncols - 1)) / grid.ncols
    figure.subplots_adjust(left / width, 0.55 / height, 1 - right / width, 1 - top / height, across / panel_width)


def _finished(figure: Figure, title: str) -> Figure:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, x=0.01, ha="left", fontsize="medium", wrap=True)
    return figure


def extremes(ordered: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    """The first few of an order and, beginning with the last, its last few; none is among both."""
    count = min(MAX_EXTREMES, max(1, len(ordered) // 2))
    return ordered[:count], ordered[::-1][:count] if len(ordered) > 1 else ()


def panel_grid(panels: Mapping[str, Sequence[Panel]], title: str) -> Figure:
    """Rows of slices with contours: truth blue and dashed, prediction orange. The keys are the rows' titles."""
    width = 2.5 * max(len(row) for row in panels.values()) + 0.4
    heading = [line for part in (title, LEGEND) for line in wrap(part, round(CHARACTERS * width))]
    above = 0.63 + 0.16 * len(heading)
    height = 2.7 * len(panels) - 0.35 + above
    figure = Figure(figsize=(width, height))
    # In inches from the top left corner. Axes for every slice would take as long to make as all else to draw.
    axes = figure.add_axes((0, 0, 1, 1))
    for k, (name, row) in enumerate(panels.items()):
        top = above + 2.7 * k
        axes.text(0.25, top + SIDE / 2, name, rotation="vertical", ha="center", va="center")
        for column, panel in enumerate(row):
            rows, columns = panel.truth.shape
            pixel, left = SIDE / max(rows, columns), 0.45 + 2.5 * column
            draw(axes, panel, left + (SIDE - pixel * columns) / 2, top + (SIDE - pixel * rows) / 2, pixel)
            axes.text(left + SIDE / 2, top - 0.06, panel.title, ha="center", va="bottom", fontsize="small")
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    figure.suptitle("\n".join(heading), x=0.01, ha="left", fontsize="small")
    return figure


def square_around(mask: Bools, margin: int, min_side: int = 0) -> tuple[slice, slice]:
    """The square around a mask, of at least that side, within the slice; all of the slice for an empty mask."""
    if not mask.any():
        mask = np.ones_like(mask)
    spans = [np.flatnonzero(mask.any(axis=axis))[[0, -1]] for axis in (1, 0)]
    side = min(max(*(int(last - first) + 1 + 2 * margin for first, last in spans), min_side), *mask.shape)
    starts = [int(first + last + 1 - side) // 2 for first, last in spans]
    rows, columns = (min(max(0, start), length - side) for start, length in zip(starts, mask.shape, strict=True))
    return slice(rows, rows + side), slice(columns, columns + side)


def draw(axes: Axes, panel: Panel, left: float = -0.5, top: float = -0.5, pixel: float = 1.0) -> None:
    """One slice with both contours: where its corner is in the axes' data, and how large a pixel."""
    rows, columns = panel.truth.shape
    extent = (left, left + pixel * columns, top + pixel * rows, top)
    axes.imshow(panel.flair, cmap="gray", vmin=0, vmax=max(1, int(panel.flair.max())), extent=extent)
    # A pixel's middle, and at either end the slice's edge, which closes the contour of a mask that reaches it.
    x, y = (np.r_[0, np.arange(length) + 0.5, length] * pixel for length in (columns, rows))
    # Truth last: where the two agree, the prediction shows between its dashes.
    for mask, colour, line in ((panel.prediction, PREDICTION, "solid"), (panel.truth, TRUTH, "dashed")):
        if mask.any():
            padded = np.pad(mask, 1)
            axes.contour(left + x, top + y, padded, levels=[0.5], colors=colour, linewidths=1.2, linestyles=line)


def roc_axes(axes: Axes, title: str) -> None:
    """Axes of a ROC curve with the diagonal of chance."""
    axes.plot([0, 1], [0, 1], color="#b0b0b0", linewidth=0.8, linestyle=":")
    axes.set(title=title, xlabel="false positive rate", ylabel="true positive rate")
    axes.spines[["top", "right"]].set_visible(False)
