"""One table of the leaderboard as a section of the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lgg_seg.comparison.tables import SegmentationTable
from lgg_seg.reporting.html import figures
from lgg_seg.reporting.html.embed import Picture
from lgg_seg.reporting.html.failures import FailedPatient, failed, pictures
from lgg_seg.reporting.html.grid import Grid, grid
from lgg_seg.reporting.html.style import Look
from lgg_seg.reporting.leaderboard import title

GLANCE = 480
"""Characters of a verdict that can be read at once."""


@dataclass(frozen=True)
class Figures:
    """Everything drawn of a table; see the functions of `figures` and `failures`."""

    distances: list[Picture]
    costs: list[Picture]
    over_data: Picture | None
    learning: list[Picture]
    groups: list[Picture]
    failed: list[FailedPatient]
    everyone: Picture
    pictures: dict[str, tuple[Picture, ...]]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """What the template shows of a table. A leaky one has no figures: they would invite belief."""

    number: int
    heading: str
    leaky: bool
    reason: str
    summary: str
    verdict: str
    looks: tuple[Look, ...]
    grid: Grid
    figures: Figures | None

    @property
    def several(self) -> bool:
        """Whether there are two configurations to tell apart."""
        return len(self.looks) > 1


def section(number: int, table: SegmentationTable, looks: Sequence[Look]) -> Section:
    """Describe and draw a table."""
    leaky = table.comparability.leaky
    words = title(table)
    return Section(
        number=number,
        heading=words[:1].upper() + words[1:],
        leaky=leaky,
        reason=table.reason.removeprefix("LEAKS: "),
        summary=_summary(table),
        verdict=table.verdict,
        looks=tuple(looks),
        grid=grid(table, looks),
        figures=None if leaky else _figures(table, looks),
    )


def _figures(table: SegmentationTable, looks: Sequence[Look]) -> Figures:
    shown, notes = pictures(table, looks)
    return Figures(
        distances=figures.distances(table, looks),
        costs=figures.against_cost(table, looks),
        over_data=figures.over_data(table),
        learning=figures.learning(table, looks),
        groups=figures.groups_of_patients(table, looks),
        failed=failed(table),
        everyone=figures.everyone(table, looks),
        pictures=shown,
        notes=notes,
    )


def _summary(table: SegmentationTable) -> str:
    """The verdict in numbers of configurations, where naming them takes more than a glance; else nothing."""
    if len(table.verdict) <= GLANCE:
        return ""
    standings = Counter(d.significance for d in table.statistics.differences)
    counts = (
        (standings["inseparable"], "cannot be told apart from it"),
        (standings["worse"], "clearly worse"),
        (standings["contradictory"], "worse by mean and better by ranks"),
    )
    counted = ", ".join(f"{count} {words}" for count, words in counts if count)
    best = f"{table.statistics.best} has the highest mean ({table.statistics.mean:.3f})"
    return f"{best}. Of the {len(table.entries) - 1} others: {counted}."
