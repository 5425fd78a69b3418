"""The measured leakage: each configuration in both tests, and beside it the difference."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lgg_seg.comparison.leakage import HEADLINE, LeakageTable
from lgg_seg.reporting.html.drawing import INK, MUTED, PALETTE, RULE, wrapped
from lgg_seg.reporting.redaction import without_paths
from lgg_seg.statistics.bootstrap import Bootstrapped

WIDTH, ROW, FRAME = 11.5, 0.42, 0.95  # inches: of the figure, of a row, and of axes and legend
BY_PATIENT, LEAKY = PALETTE[0], PALETTE[1]


def leakage_plot(table: LeakageTable) -> Figure:
    """Pooled Dice of every configuration in both tests, and the difference; the mean of several below a line."""
    rows = [(line.label, line.measures[HEADLINE]) for line in table.lines]
    heights = [-float(k) for k in range(len(rows))]
    if len(rows) > 1:
        heights[-1] -= 0.35
    figure = Figure(figsize=(WIDTH, FRAME + ROW * len(rows)))
    both, added = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    for (_, pair), y in zip(rows, heights, strict=True):
        both.plot([pair.by_patient.value, pair.leaky.value], [y, y], color=RULE, linewidth=5, zorder=1)
        _interval(both, pair.by_patient, y + 0.11, BY_PATIENT, "o")
        _interval(both, pair.leaky, y - 0.11, LEAKY, "D")
        _interval(added, pair.added, y, INK, "o")
        added.annotate(f"{pair.added.value:+.3f}", (pair.added.value, y + 0.2), ha="center", fontsize=7.5, color=INK)
    added.axvline(0, color=MUTED, linewidth=0.9)
    both.set_yticks(heights, [wrapped(without_paths(name), 34, 2) for name, _ in rows])
    both.set(xlabel=HEADLINE, ylim=(heights[-1] - 0.55, 0.6))
    added.set(xlabel="what the leak adds")
    for axes in (both, added):
        if len(rows) > 1:
            axes.axhline((heights[-1] + heights[-2]) / 2, color=RULE, linewidth=0.8)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        axes.xaxis.set_major_locator(MaxNLocator(5))
    names = {"by patient": (BY_PATIENT, "o"), "with the leak": (LEAKY, "D")}
    handles = [both.plot([], [], marker, color=colour, label=name)[0] for name, (colour, marker) in names.items()]
    figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False)
    return figure


def _interval(axes: Axes, sample: Bootstrapped, y: float, colour: str, marker: str) -> None:
    if sample.estimate.ci95:
        axes.plot(sample.estimate.ci95, [y, y], color=colour, linewidth=2, solid_capstyle="butt", zorder=3)
    axes.plot(sample.value, y, marker, color=colour, markersize=6, markeredgecolor="white", zorder=4)
