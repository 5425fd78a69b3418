"""The leaderboard's table as the page shows it: cells in groups, the best of each column marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lgg_seg.comparison.results import SegmentationResult
from lgg_seg.comparison.tables import SegmentationTable
from lgg_seg.reporting.columns import Column, columns
from lgg_seg.reporting.formatting import ABSENT, three, with_spread
from lgg_seg.reporting.html.style import Look
from lgg_seg.reporting.leaderboard import cell, difference, holm_p

STANDINGS = {
    "worse": ("clearly worse", "worse"),
    "inseparable": ("cannot be told apart", "tie"),
    "contradictory": ("ranks and mean disagree", "mixed"),
}


@dataclass(frozen=True)
class Cell:
    """A number in words; `value` is what it sorts by, `best` whether no other of its column is better."""

    text: str
    value: float | None = None
    best: bool = False


@dataclass(frozen=True)
class Interval:
    """Where mean and 95 % interval lie on the axis that a column's bars share, in per cent of its width."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class GridRow:
    """An entry."""

    look: Look
    dice: Cell
    interval_text: str
    interval: Interval | None
    beside: tuple[Cell, ...]
    difference: Cell
    difference_interval: str
    p: Cell
    first: Cell
    standing: tuple[str, str] | None
    cells: tuple[Cell, ...]
    seeds: Cell
    folds: Cell
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """`beside` are the columns beside the headline; `groups` are (title, columns) over `cells`, in their order."""

    beside: tuple[Column, ...]
    groups: tuple[tuple[str, tuple[Column, ...]], ...]
    rows: tuple[GridRow, ...]

    @property
    def columns(self) -> list[Column]:
        """Of the cells."""
        return [column for _, columns in self.groups for column in columns]


def grid(table: SegmentationTable, looks: Sequence[Look]) -> Grid:
    """The table's cells. The headline stands by itself, before the comparison with the best."""
    headline, median, *others = columns()
    members: dict[str, list[Column]] = {}
    for column in others:
        members.setdefault(column.group, []).append(column)
    groups = tuple((title, tuple(group)) for title, group in members.items())
    ordered = (headline, median, *(column for _, group in groups for column in group))
    best = {column.key: _best(column, table.entries) for column in ordered}
    axis = _axis(table.entries)
    rows = (_row(table, rank, look, ordered, best, axis) for rank, look in enumerate(looks))
    return Grid((median,), groups, tuple(rows))


def _best(column: Column, entries: Sequence[SegmentationResult]) -> float | None:
    """The best value; None where nothing is better or worse: one entry, all alike, or a number without a better."""
    values = [value for value in map(column.value, entries) if value is not None]
    if not column.better or len(set(values)) < 2:
        return None
    return max(values, key=lambda value: column.better * value)


def _axis(entries: Sequence[SegmentationResult]) -> tuple[float, float]:
    ends = [end for entry in entries for end in entry.metrics["patient/dice"]["ci95"] or ()]
    return (min(ends), max(ends)) if ends else (0.0, 1.0)


def _row(
    table: SegmentationTable,
    rank: int,
    look: Look,
    ordered: Sequence[Column],
    best: dict[str, float | None],
    axis: tuple[float, float],
) -> GridRow:
    entry = table.entries[rank]
    dice = entry.metrics["patient/dice"]
    found = table.difference(entry)
    mean, _, interval = difference(table, entry).partition(" ")
    first = float(table.ranks[rank, 0])

    def number(column: Column) -> Cell:
        value = column.value(entry)
        return Cell(cell(column, entry), value, value is not None and value == best[column.key])

    headline, median, *cells = map(number, ordered)
    return GridRow(
        look=look,
        dice=headline,
        interval_text=f"{three(dice['ci95'][0])} to {three(dice['ci95'][1])}" if dice["ci95"] else "",
        interval=Interval(*(_place(end, axis) for end in (dice["mean"], *dice["ci95"]))) if dice["ci95"] else None,
        beside=(median,),
        difference=Cell(mean, found.mean if found else 0.0),
        difference_interval=interval.strip("()"),
        p=Cell(holm_p(table, entry), found.p_holm if found else None),
        first=Cell(f"{first:.0%}" if len(table.entries) > 1 else ABSENT, first),
        standing=STANDINGS[found.significance] if found else None,
        cells=tuple(cells),
        seeds=Cell(with_spread(len(entry.seeds), entry.seed_spread), len(entry.seeds)),
        folds=Cell(str(entry.folds), entry.folds),
        notes=entry.notes,
    )


def _place(value: float, axis: tuple[float, float]) -> float:
    low, high = axis
    return 50.0 if high == low else round(100 * (value - low) / (high - low), 2)
