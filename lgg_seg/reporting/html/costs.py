"""Patient Dice against what it costs, with the configurations that no other one beats in both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from lgg_seg.comparison.tables import SegmentationTable
from lgg_seg.reporting.formatting import duration, one, si
from lgg_seg.reporting.html.style import INK, Look, badge, new_figure

WIDTH = 5.2
MOST_TICKS = 5


@dataclass(frozen=True)
class Cost:
    """A cost of a result with its name for people, the text of a value, and in what its values are round."""

    key: str
    title: str
    text: Callable[[float], str]
    unit: Callable[[float], float] = lambda _: 1.0


_MINUTE, _HOUR = 60.0, 3600.0


def _time_unit(most: float) -> float:
    """Seconds, minutes or hours, as `duration` writes the longest."""
    return 1.0 if most < 1.5 * _MINUTE else _MINUTE if most < 1.5 * _HOUR else _HOUR


COSTS = (
    Cost("parameters", "parameters", si),
    Cost("flops_per_slice", "operations a slice, FLOPs", si),
    Cost("train_seconds", "training of one run", duration, _time_unit),
    Cost("latency_ms", "latency of one slice, ms", one),
)


def varying_costs(table: SegmentationTable) -> list[Cost]:
    """The costs known of every entry in which two of them differ; the same for all tells nothing."""
    found = []
    for cost in COSTS:
        values = {entry.cost.get(cost.key) for entry in table.entries}
        if len(values) > 1 and all(value is not None and value > 0 for value in values):
            found.append(cost)
    return found


def pareto(costs: Sequence[float], scores: Sequence[float]) -> list[int]:
    """Who is beaten by no other in both, from the cheapest to the dearest: each one dearer has a higher score."""
    front: list[int] = []
    for i in sorted(range(len(costs)), key=lambda i: (costs[i], -scores[i])):
        if not front or scores[i] > scores[front[-1]]:
            front.append(i)
    return front


def cost_plot(table: SegmentationTable, looks: Sequence[Look], cost: Cost) -> Figure:
    """Mean patient Dice with its interval against one cost on a logarithmic axis; the Pareto front as a staircase."""
    figure, axes = new_figure(WIDTH, 3.1)
    x = [float(entry.cost[cost.key] or 0) for entry in table.entries]
    y = [float(entry.metrics["patient/dice"]["mean"]) for entry in table.entries]
    front = pareto(x, y)
    axes.set_xscale("log")
    low, high = min(x) / 1.35, max(x) * 1.35
    steps_x, steps_y = [*(x[i] for i in front), high], [*(y[i] for i in front), y[front[-1]]]
    axes.step(steps_x, steps_y, where="post", color=INK, linewidth=1, linestyle=(0, (4, 2)), zorder=2)
    few = len(looks) <= 8
    for entry, look, at, mean in zip(table.entries, looks, x, y, strict=True):
        if few and entry.metrics["patient/dice"]["ci95"]:
            interval = entry.metrics["patient/dice"]["ci95"]
            axes.plot([at, at], interval, color=look.colour, linewidth=1.2, alpha=0.45, zorder=1)
        badge(axes, at, mean, look)
    margin = 0.08 * max(max(y) - min(y), 0.02)
    ends = [end for e in table.entries for end in e.metrics["patient/dice"]["ci95"] or ()] if few else []
    axes.set(xlim=(low, high), ylim=(min(y + ends) - margin, max(y + ends) + margin))
    unit = cost.unit(max(x))
    axes.xaxis.set_major_locator(FixedLocator([unit * tick for tick in _ticks(low / unit, high / unit)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: cost.text(value)))
    axes.grid(axis="y")
    axes.set(xlabel=cost.title, ylabel="mean patient Dice")
    return figure


def _ticks(low: float, high: float) -> list[float]:
    """Round values between, as many as there is room for."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for parts in ((1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        found = [part * 10.0**decade for decade in decades for part in parts if low <= part * 10.0**decade <= high]
        if len(found) <= MOST_TICKS:
            return found
    return found[:: len(found) // MOST_TICKS + 1]
