"""Patient Dice in groups of patients, and of every patient."""

from collections.abc import Sequence

from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from lgg_seg.comparison.failures import FAILED, Stratum, by_difficulty
from lgg_seg.comparison.segmentation import SegmentationTable
from lgg_seg.reporting.html.drawing import (
    MAX_LARGE_ROWS,
    MUTED,
    OTHERS,
    RULE,
    Style,
    badge,
    heatmap,
    new_figure,
    wrapped,
)
from lgg_seg.statistics.bootstrap import summarise

AROUND_FAILED = LinearSegmentedColormap.from_list(
    "around_failed", [(0, "#8c2d04"), (FAILED - 0.12, "#f4a261"), (FAILED, "#fbf6ef"), (0.8, "#6baed6"), (1, "#08457e")]
)
"""Orange where a patient failed, blue where not, nearly white between: apart for the colour-blind, too."""


def stratum_plot(table: SegmentationTable, styles: Sequence[Style], groups: Sequence[Stratum]) -> Figure:
    """Mean patient Dice in the groups of one stratum; intervals for the configurations with a colour."""
    rows = {name: row for row, name in enumerate(table.patients)}
    leading = [k for k, style in enumerate(styles) if style.leading]
    step = 0.17
    lines = len(leading) + (len(leading) < len(styles))  # all others share one
    room = max(0.5, step * lines + 0.22)
    figure, axes = new_figure(3.75, room * len(groups) + 0.75)
    for g, group in enumerate(groups):
        middle = -room * (g + 0.5)
        members = [rows[name] for name in group.patients]
        rest = [group.dice[k] for k, style in enumerate(styles) if not style.leading]
        axes.scatter(rest, [middle - step * (lines - 1) / 2] * len(rest), s=14, color=OTHERS, alpha=0.5, linewidths=0)
        for place, k in enumerate(leading):
            y = middle + step * ((lines - 1) / 2 - place)
            interval = summarise(table.dice[members, k]).ci95
            if interval:
                axes.plot(interval, [y, y], color=styles[k].colour, linewidth=1.4, alpha=0.55)
            badge(axes, group.dice[k], y, styles[k], 5)
        if g:
            axes.axhline(-room * g, color=RULE, linewidth=0.7)
    names = [f"{wrapped(group.group, 18, 2)}\nn = {len(group.patients)}" for group in groups]
    axes.set_yticks([-room * (g + 0.5) for g in range(len(groups))], names)
    axes.set(xlim=(-0.02, 1.02), ylim=(-room * len(groups), 0), xlabel="mean patient Dice")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    return figure


def patient_map(table: SegmentationTable, styles: Sequence[Style]) -> Figure:
    """Dice of every patient (a column, the hardest on the left) with every configuration (a row, the best on top)."""
    order = [table.patients.index(name) for name in by_difficulty(table)]
    values = table.dice[order].T
    count, patients = values.shape
    large = count <= MAX_LARGE_ROWS
    figure, axes = new_figure(12.1, (0.34 if large else 0.2) * count + 1.75)
    image = heatmap(axes, values, AROUND_FAILED, styles, "{:.2f}".format if large and patients <= 24 else None)
    size = 8 if patients <= 40 else 6 if patients <= 120 else 3
    axes.set_xticks(range(patients), [short_name(table.patients[i]) for i in order], rotation=90, fontsize=size)
    bar = figure.colorbar(image, ax=axes, fraction=0.02, pad=0.01, ticks=[0, FAILED, 1])
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelcolor=MUTED)
    return figure


def short_name(patient: str) -> str:
    """`CS_4941` for `TCGA_CS_4941_19960909`."""
    parts = patient.split("_")
    return "_".join(parts[1:3]) if parts[0] == "TCGA" and len(parts) == 4 else patient[:24]
