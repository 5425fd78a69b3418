"""Curves: validation Dice by epoch, Dice by the number of training patients, and the reliability of probabilities."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import reduce
from operator import add
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from lgg_seg.comparison.results import SegmentationResult
from lgg_seg.comparison.runs import Run
from lgg_seg.comparison.tables import SegmentationTable
from lgg_seg.metrics.calibration import CalibrationBins
from lgg_seg.reporting.html.paths import without_paths
from lgg_seg.reporting.html.style import MUTED, OTHERS, PALETTE, WIDTH, Look, badge, new_figure, spread, wrapped

SIZE = "data.train_patients"
HEIGHT = 3.9
ENOUGH_PIXELS = 50
"""A bin with fewer says nothing of how often its probability is right."""


def learning_plot(table: SegmentationTable, looks: Sequence[Look]) -> Figure | None:
    """Validation Dice by epoch: the median over an entry's seeds and folds, and their range; None without histories."""
    figure, axes = new_figure(WIDTH, HEIGHT)
    ends = []
    for entry, look in reversed(list(zip(table.entries, looks, strict=True))):
        by_epoch = validation_dice(entry)
        if by_epoch.empty:
            continue
        middle = by_epoch.median(axis=1)
        if look.leading and by_epoch.shape[1] > 1:
            axes.fill_between(
                middle.index, by_epoch.min(axis=1), by_epoch.max(axis=1), color=look.colour, alpha=0.13, linewidth=0
            )
        style: dict[str, Any] = {"linewidth": 1.7} if look.leading else {"linewidth": 0.8, "alpha": 0.7}
        axes.plot(middle.index, middle, ".-" if len(middle) == 1 else "-", color=look.colour, **style)
        ends.append((float(middle.index[-1]), float(middle.iloc[-1]), look))
    if not ends:
        return None
    last = max(x for x, _, _ in ends)
    shown = [end for end in ends if end[2].leading]
    for (x, _, look), y in zip(shown, spread([y for _, y, _ in shown], 0.052), strict=True):
        badge(axes, x + 0.025 * max(last, 1), y, look)
    axes.set(xlabel="epoch", ylabel="Dice of the validation patients", ylim=(0, 1), xlim=(0, max(1, last) * 1.05))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    return figure


def validation_dice(entry: SegmentationResult) -> pd.DataFrame:
    """A row an epoch, a column a run; no columns without histories."""
    columns = [
        run.history.set_index("epoch")["val/dice"]
        for run in entry.runs
        if run.history is not None and {"epoch", "val/dice"} <= set(run.history.columns)
    ]
    return pd.concat(columns, axis=1).sort_index() if columns else pd.DataFrame()


def training_patients(entry: SegmentationResult) -> float | None:
    """How many patients a run of the entry was trained on: the median over its folds; None where no record says it."""
    known = [len(run.provenance["split"]["train"]) for run in entry.runs if "split" in run.provenance]
    return median(known) if known else None


def size_plot(table: SegmentationTable) -> Figure | None:
    """Mean patient Dice by the number of training patients, a line for each of the remaining settings.

    None unless the entries were asked for different numbers and at least two are known.
    """
    asked = {str(entry.runs[0].config.get("data", {}).get("train_patients")) for entry in table.entries}
    lines: dict[str, list[tuple[float, SegmentationResult]]] = defaultdict(list)
    for entry in table.entries:
        count = training_patients(entry)
        if count is not None:
            rest = [f"{key.rpartition('.')[2]} {value}" for key, value in entry.settings.items() if key != SIZE]
            lines[without_paths(", ".join(rest))].append((count, entry))
    counts = sorted({count for points in lines.values() for count, _ in points})
    if len(asked) < 2 or len(counts) < 2:
        return None
    figure, axes = new_figure(WIDTH, HEIGHT)
    for number, (name, points) in enumerate(lines.items()):
        colour = PALETTE[number] if number < len(PALETTE) else OTHERS
        points.sort(key=lambda point: point[0])
        shift = 1 + 0.012 * (number - (len(lines) - 1) / 2)  # intervals of two lines side by side, not on each other
        x = [count * shift for count, _ in points]
        dice = [entry.metrics["patient/dice"] for _, entry in points]
        axes.plot(x, [one["mean"] for one in dice], "o-", color=colour, linewidth=1.7, markersize=5,
                  label=wrapped(name, 48) if name else None)  # fmt: skip
        for at, one in zip(x, dice, strict=True):
            if one["ci95"]:
                axes.plot([at, at], one["ci95"], color=colour, linewidth=1.3, alpha=0.55)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(counts))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set(xlabel="patients trained on", ylabel="mean patient Dice")
    axes.grid(axis="y")
    if any(lines):
        axes.legend(frameon=False, fontsize=8, loc="lower right")
    return figure


def reliability_plot(table: SegmentationTable, looks: Sequence[Look]) -> Figure | None:
    """How often a pixel of a predicted probability is tumour; None where no entry's runs recorded it."""
    figure, axes = new_figure(WIDTH, HEIGHT)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=":")
    drawn = False
    for entry, look in reversed(list(zip(table.entries, looks, strict=True))):
        bins = [_bins(run) for run in entry.runs]
        known = [one for one in bins if one is not None]
        if not known or len(known) < len(bins):
            continue
        total = reduce(add, known)
        enough = total.pixels >= ENOUGH_PIXELS
        x = total.probability_sum[enough] / total.pixels[enough]
        y = total.tumour_pixels[enough] / total.pixels[enough]
        style: dict[str, Any] = (
            {"linewidth": 1.5, "markersize": 4} if look.leading else {"linewidth": 0.7, "markersize": 2}
        )
        axes.plot(x, y, "o-", color=look.colour, **style)
        drawn = True
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="predicted probability", ylabel="share of pixels that are tumour")
    axes.grid()
    return figure if drawn else None


def _bins(run: Run) -> CalibrationBins | None:
    stored = (run.result or {}).get("calibration_bins")
    return None if stored is None else CalibrationBins(**{name: np.array(values) for name, values in stored.items()})
