"""A row a configuration: its mean with an interval, its difference to the best, how often it has which rank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from lgg_seg.comparison.tables import SegmentationTable
from lgg_seg.reporting.html.style import INK, MUTED, RULE, WIDTH, Look, badge, new_figure, wrapped
from lgg_seg.reporting.leaderboard import difference, headline, holm_p

ROW, LINE = 0.42, 0.15  # inches: of a row, and of each further line of its name
NAME = 46  # characters of a name's line
FADE = LinearSegmentedColormap.from_list("fade", ["#f6f8fa", "#0060a8"])
MOST_WORDED = 12


def forest(table: SegmentationTable, looks: Sequence[Look]) -> Figure:
    """Mean patient Dice: interval as a bar, patients as faint dots, the means of several seeds as ticks."""
    figure, axes, rows = _rows(looks)
    axes.axvline(table.entries[0].metrics["patient/dice"]["mean"], color=MUTED, linewidth=0.8, linestyle=":")
    generator = np.random.default_rng(0)  # only spreads dots that would hide each other
    for k, (entry, look, y) in enumerate(zip(table.entries, looks, rows, strict=True)):
        dice = entry.metrics["patient/dice"]
        values = table.dice[:, k]
        height = y + generator.uniform(-0.075, 0.075, len(values))
        axes.scatter(values, height, s=9, color=look.colour, alpha=0.28, linewidths=0)
        if dice["ci95"]:
            axes.plot(dice["ci95"], [y, y], color=look.colour, linewidth=2.4, solid_capstyle="butt", zorder=4)
        if len(entry.seeds) > 1:
            seeds = list(entry.seed_dice.values())
            axes.scatter(seeds, [y - 0.1] * len(seeds), marker="|", s=36, color=INK, linewidths=1.1, zorder=5)
        badge(axes, dice["mean"], y, look)
        _words(axes, y, look, headline(entry).partition(", ")[0])
    axes.set(xlim=(-0.02, 1.02), xlabel="Dice of a patient's volume")
    return figure


def difference_forest(table: SegmentationTable, looks: Sequence[Look]) -> Figure:
    """Mean difference to the best with its interval; hollow where the data cannot separate the two."""
    figure, axes, rows = _rows(looks)
    by_name = {d.name: d for d in table.statistics.differences}
    axes.axvline(0, color=INK, linewidth=0.9)
    lowest = -0.02
    for entry, look, y in zip(table.entries, looks, rows, strict=True):
        found = by_name.get(entry.label)
        if found is None:
            badge(axes, 0, y, look)
            _words(axes, y, look, "the best: what the others are held against")
            continue
        low, high = found.ci95 or (found.mean, found.mean)
        lowest = min(lowest, low)
        worse = found.significance == "worse"
        axes.plot([low, high], [y, y], color=look.colour, linewidth=2.4, solid_capstyle="butt", zorder=4)
        axes.plot(
            found.mean, y, "o", markersize=7.5, color=look.colour, markerfacecolor=look.colour if worse else "white",
            markeredgewidth=1.6, zorder=5,
        )  # fmt: skip
        _words(axes, y, look, f"{difference(table, entry)}, p {_equals(holm_p(table, entry))}")
    highest = max([-lowest * 0.12, *(d.ci95[1] for d in by_name.values() if d.ci95)])
    axes.set(xlim=(lowest * 1.06, highest * 1.06 + 0.005), xlabel="difference of patient Dice to the best")
    return figure


def rank_map(table: SegmentationTable, looks: Sequence[Look]) -> Figure:
    """In how many of 100 resamples of the patients each configuration has each rank."""
    count = len(looks)
    worded = count <= MOST_WORDED
    figure, axes = new_figure(WIDTH, 0.9 + (0.36 if worded else 0.21) * count)
    axes.imshow(table.ranks, cmap=FADE, vmin=0, vmax=1, aspect="auto", interpolation="none")
    if worded:
        for row, rank in np.argwhere(table.ranks >= 0.005):
            share = table.ranks[row, rank]
            axes.text(rank, row, f"{share:.0%}", ha="center", va="center", color="white" if share > 0.5 else INK)
    names = [f"{look.number}  {wrapped(look.name, 30, 2 if worded else 1)}" for look in looks]
    axes.set_yticks(range(count), names, fontsize=9 if worded else 7.5)
    ticks = [rank for rank in range(count) if worded or rank == 0 or (rank + 1) % 5 == 0]
    axes.set_xticks(ticks, [str(rank + 1) for rank in ticks])
    axes.set(xlabel="rank by mean patient Dice")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for edge in range(count + 1):
        axes.axhline(edge - 0.5, color="white", linewidth=1.5)
        axes.axvline(edge - 0.5, color="white", linewidth=1.5)
    return figure


def _rows(looks: Sequence[Look]) -> tuple[Figure, Axes, list[float]]:
    """An empty figure with room for a row a look, and where each row's marks go; a unit of y is an inch."""
    extra = [LINE * wrapped(look.name, NAME).count("\n") for look in looks]
    ends = np.cumsum([ROW + more for more in extra])
    height = float(ends[-1])
    figure, axes = new_figure(WIDTH, height + 0.65)
    axes.set(ylim=(-height - 0.05, 0.02), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    for end in ends[:-1]:
        axes.axhline(-end - 0.01, color=RULE, linewidth=0.6)
    return figure, axes, [float(0.13 - end) for end in ends]


def _words(axes: Axes, y: float, look: Look, number: str) -> None:
    """The name above the marks on the left, its number on the right."""
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}  # a line or a dot must not run through a number
    place: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "bottom", "fontsize": 8.5, "bbox": behind}
    axes.text(0, y + 0.11, wrapped(look.name, NAME), ha="left", linespacing=1.1, **place)
    axes.text(1, y + 0.11, number, ha="right", color=MUTED, **place)


def _equals(p: str) -> str:
    return p if p.startswith("<") else f"= {p}"
