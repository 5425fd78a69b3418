"""Where configurations fail: groups of patients, slices without tumour, and every patient by himself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lgg_seg.comparison.failures import FAILED, Stratum, by_difficulty
from lgg_seg.comparison.tables import SegmentationTable
from lgg_seg.reporting.html.style import INK, MUTED, OTHERS, RULE, Look, badge, new_figure, wrapped
from lgg_seg.statistics.bootstrap import summarise

SMALL, WIDE = 3.75, 12.1
AROUND_FAILED = LinearSegmentedColormap.from_list(
    "around_failed", [(0, "#8c2d04"), (FAILED - 0.12, "#f4a261"), (FAILED, "#fbf6ef"), (0.8, "#6baed6"), (1, "#08457e")]
)
"""Orange where a patient failed, blue where not, nearly white between: apart for the colour-blind, too."""

FALSE_POSITIVES = "empty_slice/false_positive_rate"


def stratum_plot(table: SegmentationTable, looks: Sequence[Look], groups: Sequence[Stratum]) -> Figure:
    """Mean patient Dice in the groups of one stratum; intervals for the configurations with a colour."""
    rows = {name: row for row, name in enumerate(table.patients)}
    leading = [k for k, look in enumerate(looks) if look.leading]
    step = 0.17
    lines = len(leading) + (len(leading) < len(looks))  # all others share one
    room = max(0.5, step * lines + 0.22)
    figure, axes = new_figure(SMALL, room * len(groups) + 0.75)
    for g, group in enumerate(groups):
        middle = -room * (g + 0.5)
        members = [rows[name] for name in group.patients]
        rest = [group.dice[k] for k, look in enumerate(looks) if not look.leading]
        axes.scatter(rest, [middle - step * (lines - 1) / 2] * len(rest), s=14, color=OTHERS, alpha=0.5, linewidths=0)
        for place, k in enumerate(leading):
            y = middle + step * ((lines - 1) / 2 - place)
            interval = summarise(table.dice[members, k]).ci95
            if interval:
                axes.plot(interval, [y, y], color=looks[k].colour, linewidth=1.4, alpha=0.55)
            badge(axes, group.dice[k], y, looks[k], 5)
        if g:
            axes.axhline(-room * g, color=RULE, linewidth=0.7)
    names = [f"{wrapped(group.group, 18, 2)}\nn = {len(group.patients)}" for group in groups]
    axes.set_yticks([-room * (g + 0.5) for g in range(len(groups))], names)
    axes.set(xlim=(-0.02, 1.02), ylim=(-room * len(groups), 0), xlabel="mean patient Dice")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    return figure


def false_positive_plot(table: SegmentationTable, looks: Sequence[Look]) -> Figure | None:
    """On what share of the slices without tumour something is marked; None where there is no such slice."""
    known = [(e.metrics[FALSE_POSITIVES], look) for e, look in zip(table.entries, looks, strict=True)]
    shown = [(rate, look) for rate, look in known if rate is not None]
    if not shown:
        return None
    step = 0.3 if len(shown) <= 12 else 0.19
    figure, axes = new_figure(SMALL, step * len(shown) + 0.75)
    highest = max(rate for rate, _ in shown)
    for row, (rate, look) in enumerate(shown):
        axes.barh(-row, rate, height=0.55, color=look.colour, alpha=0.85)
        axes.text(rate, -row, f" {rate:.1%}", va="center", fontsize=8 if step > 0.2 else 6.5, color=INK)
    axes.set_yticks([-row for row in range(len(shown))], [str(look.number) for _, look in shown])
    most = max(0.02, highest)
    axes.set_xticks([float(tick) for tick in MaxNLocator(4).tick_values(0, most) if tick <= 1])
    axes.set(xlim=(0, 1.22 * most), ylim=(-len(shown) + 0.4, 0.6), xlabel="share of slices without tumour")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}" if highest >= 0.05 else f"{value:.1%}")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    return figure


def patient_map(table: SegmentationTable, looks: Sequence[Look]) -> Figure:
    """Dice of every patient (a column, the hardest on the left) with every configuration (a row, the best on top)."""
    order = [table.patients.index(name) for name in by_difficulty(table)]
    values = table.dice[order].T
    count, patients = values.shape
    worded = patients <= 24 and count <= 12
    row = 0.34 if count <= 12 else 0.2
    figure, axes = new_figure(WIDE, row * count + 1.75)
    image = axes.imshow(values, cmap=AROUND_FAILED, vmin=0, vmax=1, aspect="auto", interpolation="none")
    if worded:
        for k, p in np.ndindex(values.shape):
            dark = values[k, p] < 0.2 or values[k, p] > 0.8
            axes.text(p, k, f"{values[k, p]:.2f}", ha="center", va="center", fontsize=7.5,
                      color="white" if dark else INK)  # fmt: skip
    names = [f"{look.number}  {wrapped(look.name, 30, 2 if count <= 12 else 1)}" for look in looks]
    axes.set_yticks(range(count), names, fontsize=8.5 if count <= 12 else 7)
    shown = [_short(table.patients[i]) for i in order]
    size = 8 if patients <= 40 else 6 if patients <= 120 else 3
    axes.set_xticks(range(patients), shown, rotation=90, fontsize=size)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for edge in range(count + 1):
        axes.axhline(edge - 0.5, color="white", linewidth=1.2)
    if patients <= 150:
        for edge in range(patients + 1):
            axes.axvline(edge - 0.5, color="white", linewidth=0.6)
    bar = figure.colorbar(image, ax=axes, fraction=0.02, pad=0.01, ticks=[0, FAILED, 1])
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelcolor=MUTED)
    return figure


def _short(patient: str) -> str:
    """`CS_4941` for `TCGA_CS_4941_19960909`."""
    parts = patient.split("_")
    return "_".join(parts[1:3]) if parts[0] == "TCGA" and len(parts) == 4 else patient[:24]
