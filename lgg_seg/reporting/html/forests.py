"""A row for each configuration: mean, difference to the best, ranks, and Dice with and without leakage."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lgg_seg.comparison.leakage import HEADLINE, LeakageTable
from lgg_seg.comparison.segmentation import SegmentationTable
from lgg_seg.reporting.columns import difference, headline, holm_p
from lgg_seg.reporting.html.drawing import (
    INK,
    MAX_LARGE_ROWS,
    MUTED,
    PALETTE,
    PAPER,
    RULE,
    WIDTH,
    Style,
    badge,
    heatmap,
    new_figure,
    wrapped,
)
from lgg_seg.reporting.redaction import without_paths
from lgg_seg.statistics.bootstrap import Bootstrapped

ROW, LINE = 0.42, 0.15  # inches: of a row, and of each further line of its name
NAME = 46  # characters of a name's line
FADE = LinearSegmentedColormap.from_list("fade", ["#f6f8fa", "#0060a8"])
BAR: dict[str, Any] = {"linewidth": 2.4, "solid_capstyle": "butt", "zorder": 4}


def forest(table: SegmentationTable, styles: Sequence[Style]) -> Figure:
    """Mean patient Dice: interval as a bar, patients as faint dots, the means of several seeds as ticks."""
    figure, axes, rows = _rows(styles)
    axes.axvline(table.entries[0].metrics["patient/dice"]["mean"], color=MUTED, linewidth=0.8, linestyle=":")
    generator = np.random.default_rng(0)  # only spreads dots that would hide each other
    for k, (entry, style, y) in enumerate(zip(table.entries, styles, rows, strict=True)):
        dice = entry.metrics["patient/dice"]
        values = table.dice[:, k]
        height = y + generator.uniform(-0.075, 0.075, len(values))
        axes.scatter(values, height, s=9, color=style.colour, alpha=0.28, linewidths=0)
        if dice["ci95"]:
            axes.plot(dice["ci95"], [y, y], color=style.colour, **BAR)
        if len(entry.seeds) > 1:
            seeds = list(entry.seed_scores.values())
            axes.scatter(seeds, [y - 0.1] * len(seeds), marker="|", s=36, color=INK, linewidths=1.1, zorder=5)
        badge(axes, dice["mean"], y, style)
        _label(axes, y, style, headline(entry).partition(", ")[0])
    axes.set(xlim=(-0.02, 1.02), xlabel="Dice of a patient's volume")
    return figure


def difference_forest(table: SegmentationTable, styles: Sequence[Style]) -> Figure:
    """Mean difference to the best with its interval; hollow where the data cannot separate the two."""
    figure, axes, rows = _rows(styles)
    axes.axvline(0, color=INK, linewidth=0.9)
    badge(axes, 0, rows[0], styles[0])
    _label(axes, rows[0], styles[0], "the best")
    ends = [0.0]
    for entry, style, y in list(zip(table.entries, styles, rows, strict=True))[1:]:
        gap = entry.difference
        assert gap is not None  # only the best has none
        low, high = gap.ci95 or (gap.mean, gap.mean)
        ends += [low, high]
        axes.plot([low, high], [y, y], color=style.colour, **BAR)
        inside = style.colour if gap.significance == "worse" else PAPER
        axes.plot(
            gap.mean, y, "o", markersize=7.5, color=style.colour, markerfacecolor=inside, markeredgewidth=1.6, zorder=5
        )
        p = holm_p(entry)
        _label(axes, y, style, f"{difference(entry)}, p {p if p.startswith('<') else f'= {p}'}")
    lowest = min(-0.02, *ends)
    highest = max(-lowest * 0.12, *ends)
    axes.set(xlim=(lowest * 1.06, highest * 1.06 + 0.005), xlabel="difference of patient Dice to the best")
    return figure


def rank_map(table: SegmentationTable, styles: Sequence[Style]) -> Figure:
    """The share of resamples of the patients in which each configuration has each rank."""
    count = len(styles)
    large = count <= MAX_LARGE_ROWS
    figure, axes = new_figure(WIDTH, 0.9 + (0.36 if large else 0.21) * count)
    heatmap(axes, table.ranks, FADE, styles, _share if large else None)
    ticks = [rank for rank in range(count) if large or rank == 0 or (rank + 1) % 5 == 0]
    axes.set_xticks(ticks, [str(rank + 1) for rank in ticks])
    axes.set(xlabel="rank by mean patient Dice")
    return figure


def _share(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 else ""


def _rows(styles: Sequence[Style]) -> tuple[Figure, Axes, list[float]]:
    """An empty figure with room for a row a style, and where each row's marks go; a unit of y is an inch."""
    extra = [LINE * wrapped(style.name, NAME).count("\n") for style in styles]
    ends = np.cumsum([ROW + more for more in extra])
    height = float(ends[-1])
    figure, axes = new_figure(WIDTH, height + 0.65)
    axes.set(ylim=(-height - 0.05, 0.02), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    for end in ends[:-1]:
        axes.axhline(-end - 0.01, color=RULE, linewidth=0.6)
    return figure, axes, [float(0.13 - end) for end in ends]


def _label(axes: Axes, y: float, style: Style, number: str) -> None:
    """The name above the marks on the left, its number on the right."""
    behind = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8}  # a line or a dot must not run through a number
    place: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "bottom", "fontsize": 8.5, "bbox": behind}
    axes.text(0, y + 0.11, wrapped(style.name, NAME), ha="left", linespacing=1.1, **place)
    axes.text(1, y + 0.11, number, ha="right", color=MUTED, **place)


def leakage_plot(tables: Sequence[LeakageTable]) -> Figure:
    """Pooled Dice of every configuration in both tests, and the difference: a part for each set of slices."""
    lines = [table.lines for table in tables]
    heights = [len(of_table) + 0.9 for of_table in lines]
    figure = Figure(figsize=(11.5, 0.6 + 0.38 * sum(heights)))
    grid = figure.subplots(len(tables), 2, sharex="col", squeeze=False, height_ratios=heights, width_ratios=[3, 2])
    for (both, added), table, rows in zip(grid, tables, lines, strict=True):
        for k, line in enumerate(rows):
            pair, y = line.measures[HEADLINE], -float(k)
            both.plot([pair.by_patient.value, pair.leaky.value], [y, y], color=RULE, linewidth=5, zorder=1)
            _interval(both, pair.by_patient, y + 0.11, PALETTE[0], "o")
            _interval(both, pair.leaky, y - 0.11, PALETTE[1], "D")
            _interval(added, pair.added, y, INK, "o")
            text = f"{pair.added.value:+.3f}"
            added.annotate(text, (pair.added.value, y + 0.18), ha="center", va="bottom", fontsize=7.5, color=INK)
        names = [wrapped(without_paths(line.label), 40, 2) for line in rows]
        both.set_yticks([-float(k) for k in range(len(rows))], names)
        steps = [count for row in table.rows for count in row.steps or ()]
        ends = " to ".join(f"{count:,}" for count in dict.fromkeys((min(steps), max(steps)))) if steps else ""
        trained = f", {ends} optimizer steps" if steps else ""
        both.set_title(f"{len(table.slices):,} slices of {len(table.patients)} patients{trained}")
        added.axvline(0, color=MUTED, linewidth=0.9)
        for axes in (both, added):
            axes.set_ylim(-len(rows) + 0.45, 0.62)
            if len(rows) > 1:
                axes.axhline(-len(rows) + 1.5, color=RULE, linewidth=0.8)
            axes.tick_params(axis="y", length=0, labelleft=axes is both)
            axes.grid(axis="x")
            axes.xaxis.set_major_locator(MaxNLocator(5))
        added.set_yticks([])
    grid[-1, 0].set_xlabel(HEADLINE)
    grid[-1, 1].set_xlabel("what the leak adds")
    marks = {"by patient": (PALETTE[0], "o"), "with the leak": (PALETTE[1], "D")}
    handles = [grid[0, 0].plot([], [], marker, color=colour, label=name)[0] for name, (colour, marker) in marks.items()]
    figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False)
    return figure


def _interval(axes: Axes, sample: Bootstrapped, y: float, colour: str, marker: str) -> None:
    if sample.estimate.ci95:
        axes.plot(sample.estimate.ci95, [y, y], color=colour, linewidth=2, solid_capstyle="butt", zorder=3)
    axes.plot(sample.value, y, marker, color=colour, markersize=6, markeredgecolor=PAPER, zorder=4)
