"""What the figures share: fonts, greys, and a colour for each configuration that it keeps in every one of them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lgg_seg.comparison.results import SegmentationResult
from lgg_seg.comparison.tables import Leaderboard, SegmentationTable
from lgg_seg.reporting.html.paths import without_paths

INK, MUTED, RULE = "#1b2430", "#5a6675", "#d8dee6"
PALETTE = ("#0060a8", "#c8500a", "#00806a", "#a8328f", "#8a6d00", "#3b3fb8", "#a3243b", "#4d7a1e")
"""Distinct for the colour-blind as far as eight can be, and dark enough for a white number on them."""

OTHERS = "#8b95a1"
"""Of every configuration after the best eight: nobody can tell thirty colours apart, so the number must."""

WIDTH = 6.0
"""Inches (576 px in the page) of a figure that shares a row with another."""

_STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],  # ships with matplotlib: the same layout on every machine
    "font.size": 9,
    "text.parse_math": False,  # a label is what it says, dollars and all
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "lgg_seg",  # the same runs make the same page
    "figure.constrained_layout.use": True,
}


@contextmanager
def drawing() -> Iterator[None]:
    """Draw and save every figure of the page inside: text is laid out when a figure is saved."""
    with mpl.rc_context(_STYLE):
        yield


@dataclass(frozen=True)
class Look:
    """How an entry of a table appears: `number` is its rank, `name` its label without paths."""

    number: int
    name: str
    colour: str

    @property
    def leading(self) -> bool:
        """Whether it has a colour of its own."""
        return self.colour != OTHERS


Configuration = tuple[tuple[str, str], ...]


def configuration(entry: SegmentationResult) -> Configuration:
    """What an entry was asked for: the same in every table in which it stands, where its label may be shorter."""
    return tuple(entry.settings.items())


def colours(board: Leaderboard) -> dict[Configuration, str]:
    """A colour for each configuration, the best of the first table first."""
    found = dict.fromkeys(configuration(entry) for table in board.tables for entry in table.entries)
    return {one: PALETTE[i] if i < len(PALETTE) else OTHERS for i, one in enumerate(found)}


def looks(table: SegmentationTable, by_configuration: dict[Configuration, str]) -> list[Look]:
    """Of the table's entries, in their order."""
    return [
        Look(number, without_paths(entry.label), by_configuration[configuration(entry)])
        for number, entry in enumerate(table.entries, start=1)
    ]


def wrapped(text: str, width: int, lines: int = 3) -> str:
    """At most so many lines of so many characters, with an ellipsis where more is cut off."""
    return "\n".join(textwrap.wrap(text, width, max_lines=lines, placeholder=" …"))


def badge(axes: Axes, x: float, y: float, look: Look, size: float = 6.5) -> None:
    """The entry's number on its colour; where a line or a point needs telling apart without colour."""
    axes.annotate(
        str(look.number),
        (x, y),
        ha="center",
        va="center",
        fontsize=size,
        fontweight="bold",
        color="white",
        zorder=6 - look.number / 1000,
        annotation_clip=False,
        bbox={"boxstyle": "circle,pad=0.28", "facecolor": look.colour, "edgecolor": "white", "linewidth": 0.8},
    )


def spread(values: Sequence[float], gap: float) -> list[float]:
    """Positions near the values, in their order, no two nearer than `gap`."""
    order = np.argsort(values, kind="stable")
    placed = np.asarray(values, dtype=np.float64)[order]
    for _ in range(10 * len(placed)):  # neighbours too near push each other apart by half of what is missing
        for i in range(1, len(placed)):
            missing = gap - (placed[i] - placed[i - 1])
            if missing > 1e-12:
                placed[i - 1] -= missing / 2
                placed[i] += missing / 2
    found = np.empty_like(placed)
    found[order] = placed
    return [float(value) for value in found]


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of one plot, inches."""
    figure = Figure(figsize=(width, height))
    return figure, figure.subplots()
