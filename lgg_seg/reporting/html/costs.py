"""Patient Dice against what it costs: parameters, operations, time, training patients."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from lgg_seg.comparison.segmentation import SegmentationResult, SegmentationTable
from lgg_seg.reporting.columns import metric_columns
from lgg_seg.reporting.html.drawing import INK, OTHERS, PALETTE, WIDTH, Style, badge, new_figure, wrapped
from lgg_seg.reporting.redaction import without_paths
from lgg_seg.reporting.table import Column

COSTS = ("parameters", "flops_per_slice", "train_seconds", "latency_ms")
SIZE = "data.train_patients"
MAX_TICKS = 5
MAX_INTERVALS = 8  # configurations whose intervals are drawn against a cost; more would hide each other


def varying_costs(table: SegmentationTable) -> list[Column]:
    """The costs known of every entry in which two of them differ."""
    varying = []
    for column in metric_columns():
        values = {column.value(entry) for entry in table.entries} if column.key in COSTS else set()
        if len(values) > 1 and all(value is not None and value > 0 for value in values):
            varying.append(column)
    return varying


def pareto(costs: Sequence[float], scores: Sequence[float]) -> list[int]:
    """Places of those that no other beats in both, from the cheapest; each one dearer has a higher score."""
    front: list[int] = []
    for i in sorted(range(len(costs)), key=lambda i: (costs[i], -scores[i])):
        if not front or scores[i] > scores[front[-1]]:
            front.append(i)
    return front


def cost_plot(table: SegmentationTable, styles: Sequence[Style], cost: Column) -> Figure:
    """Mean patient Dice with its interval against one cost on a logarithmic axis; the Pareto front as a staircase."""
    figure, axes = new_figure(5.2, 3.1)
    x = [cost.value(entry) or 0.0 for entry in table.entries]
    dice = [entry.metrics["patient/dice"] for entry in table.entries]
    y = [float(one["mean"]) for one in dice]
    intervals = [one["ci95"] or () if len(styles) <= MAX_INTERVALS else () for one in dice]
    front = pareto(x, y)
    low, high = min(x) / 1.35, max(x) * 1.35
    steps = [*(x[i] for i in front), high], [*(y[i] for i in front), y[front[-1]]]
    axes.step(*steps, where="post", color=INK, linewidth=1, linestyle=(0, (4, 2)), zorder=2)
    for style, at, mean, interval in zip(styles, x, y, intervals, strict=True):
        axes.plot([at] * len(interval), interval, color=style.colour, linewidth=1.2, alpha=0.45, zorder=1)
        badge(axes, at, mean, style)
    margin = 0.08 * max(max(y) - min(y), 0.02)
    ends = [*y, *(end for interval in intervals for end in interval)]
    axes.set(xlim=(low, high), ylim=(min(ends) - margin, max(ends) + margin))
    unit, text = _time_axis(max(x)) if cost.key == "train_seconds" else (1.0, cost.format)
    _log_axis(axes, [unit * tick for tick in _ticks(low / unit, high / unit)], text)
    axes.set(xlabel=cost.title, ylabel="mean patient Dice")
    return figure


def training_patients(entry: SegmentationResult) -> float | None:
    """How many patients a run of the entry was trained on: the median over its folds; None where no run recorded it."""
    counts = [len(run.provenance["split"]["train"]) for run in entry.runs if "split" in run.provenance]
    return median(counts) if counts else None


def size_plot(table: SegmentationTable) -> Figure | None:
    """Mean patient Dice by training patients, a line for each of the other settings; None with one number of them."""
    configured = {str(entry.runs[0].config.get("data", {}).get("train_patients")) for entry in table.entries}
    lines: dict[str, list[tuple[float, SegmentationResult]]] = defaultdict(list)
    for entry in table.entries:
        count = training_patients(entry)
        if count is not None:
            rest = [f"{key.rpartition('.')[2]} {value}" for key, value in entry.settings.items() if key != SIZE]
            lines[without_paths(", ".join(rest))].append((count, entry))
    counts = sorted({count for points in lines.values() for count, _ in points})
    if len(configured) < 2 or len(counts) < 2:
        return None
    figure, axes = new_figure(WIDTH, 3.9)
    for number, (name, points) in enumerate(lines.items()):
        colour = PALETTE[number] if number < len(PALETTE) else OTHERS
        points.sort(key=lambda point: point[0])
        x = [count for count, _ in points]
        dice = [entry.metrics["patient/dice"] for _, entry in points]
        label = wrapped(name, 48) if name else None
        axes.plot(x, [one["mean"] for one in dice], "o-", color=colour, linewidth=1.7, markersize=5, label=label)
        for at, one in zip(x, dice, strict=True):
            if one["ci95"]:
                axes.plot([at, at], one["ci95"], color=colour, linewidth=1.3, alpha=0.55)
    _log_axis(axes, counts, "{:g}".format)
    axes.set(xlabel="patients trained on", ylabel="mean patient Dice")
    if any(lines):
        axes.legend(frameon=False, fontsize=8, loc="lower right")
    return figure


def _log_axis(axes: Axes, ticks: Sequence[float], text: Callable[[float], str]) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))
    axes.grid(axis="y")


def _time_axis(longest: float) -> tuple[float, Callable[[float], str]]:
    """Seconds in the unit in which `duration` writes the longest time, and what a tick says: 1.5 min, which is no 2."""
    unit, name = (1.0, "s") if longest < 90 else (60.0, "min") if longest < 5400 else (3600.0, "h")
    return unit, lambda seconds: f"{seconds / unit:g} {name}"


def _ticks(low: float, high: float) -> list[float]:
    """Round values between, as many as there is room for."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for parts in ((1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        ticks = [part * 10.0**decade for decade in decades for part in parts if low <= part * 10.0**decade <= high]
        if len(ticks) <= MAX_TICKS:
            return ticks
    return ticks[:: len(ticks) // MAX_TICKS + 1]
