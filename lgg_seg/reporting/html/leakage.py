"""What a leak adds, drawn: each configuration in both tests, and beside it the difference."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lgg_seg.comparison.leakage import HEADLINE, LeakageTable, Sample
from lgg_seg.reporting import leakage as leakage_report
from lgg_seg.reporting.html.embed import Picture, svg
from lgg_seg.reporting.html.paths import without_paths
from lgg_seg.reporting.html.style import INK, MUTED, PALETTE, RULE, wrapped

WIDTH, ROW, FRAME = 11.5, 0.42, 0.95  # inches: of the figure, of a row, and of axes and legend
NAME = 34  # characters of a name
HONEST, LEAKY = PALETTE[0], PALETTE[1]


@dataclass(frozen=True)
class LeakageSection:
    """What the template shows of a table."""

    title: str
    finding: str
    head: list[str]
    rows: list[list[str]]
    picture: Picture


def leakage_section(table: LeakageTable) -> LeakageSection:
    """Describe and draw a table."""
    head, *rows = leakage_report.grid(table)
    picture = svg(
        leakage_plot(table),
        "",
        f"{HEADLINE} by patient and with the leak. "
        + "; ".join(f"{row[0]}: {row[2]}, with the leak {row[3]}, {row[4]} added" for row in rows),
        "Left: pooled Dice of the same slices, with 95 % intervals over patients. Right: what the leak adds. A line "
        "that crosses zero may be the luck of who was tested.",
    )
    return LeakageSection(leakage_report.title(table), leakage_report.finding(table), head, rows, picture)


def leakage_plot(table: LeakageTable) -> Figure:
    """Pooled Dice of every configuration in both tests, and the difference; the mean of several below a line."""
    lines = [(row.label, row.measures[HEADLINE]) for row in table.rows]
    several = len(lines) > 1
    if several:
        lines.append((f"mean of {len(lines)}", table.mean[HEADLINE]))
    figure = Figure(figsize=(WIDTH, FRAME + ROW * len(lines)))
    both, added = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    heights = [-k - (0.35 if several and k == len(lines) - 1 else 0.0) for k in range(len(lines))]
    for (_, arms), y in zip(lines, heights, strict=True):
        both.plot([arms.by_patient.value, arms.leaky.value], [y, y], color=RULE, linewidth=5, zorder=1)
        _interval(both, arms.by_patient, y + 0.11, HONEST, "o")
        _interval(both, arms.leaky, y - 0.11, LEAKY, "D")
        _interval(added, arms.added, y, INK, "o")
        added.annotate(f"{arms.added.value:+.3f}", (arms.added.value, y + 0.2), ha="center", fontsize=7.5, color=INK)
    if several:
        for axes in (both, added):
            axes.axhline((heights[-1] + heights[-2]) / 2, color=RULE, linewidth=0.8)
    added.axvline(0, color=MUTED, linewidth=0.9)
    both.set_yticks(heights, [wrapped(without_paths(name), NAME, 2) for name, _ in lines])
    both.set(xlabel=HEADLINE, ylim=(heights[-1] - 0.55, 0.6))
    added.set(xlabel="what the leak adds")
    for axes in (both, added):
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        axes.xaxis.set_major_locator(MaxNLocator(5))
    names = {"by patient": (HONEST, "o"), "with the leak": (LEAKY, "D")}
    handles = [both.plot([], [], marker, color=colour, label=name)[0] for name, (colour, marker) in names.items()]
    figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False)
    return figure


def _interval(axes: Axes, sample: Sample, y: float, colour: str, marker: str) -> None:
    if sample.estimate.ci95:
        axes.plot(sample.estimate.ci95, [y, y], color=colour, linewidth=2, solid_capstyle="butt", zorder=3)
    axes.plot(sample.value, y, marker, color=colour, markersize=6, markeredgecolor="white", zorder=4)
