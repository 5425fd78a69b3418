"""The leaderboard as a terminal shows it, as CSV for programs, and as Markdown for a paper's supplement."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from rich.console import Console
from rich.table import Table as Grid

from lgg_seg.comparison.failures import FAILED, failed_by_all, strata
from lgg_seg.comparison.results import SegmentationResult
from lgg_seg.comparison.tables import Leaderboard, SegmentationTable
from lgg_seg.reporting.columns import Column, columns
from lgg_seg.reporting.formatting import ABSENT, p_value, three, with_interval, with_spread
from lgg_seg.statistics.paired import METHOD

ON_TERMINAL = ("patient_dice_median", "pooled_dice", "pooled_iou", "patient_hd95_px", "detection_auroc", "parameters")
TO_CHOOSE = (
    "The tables are ranked by test patients, to be read and not to choose by: whoever picks a configuration by its "
    "rank here has tuned it on the test. Choose by validation Dice, and report what stands in that row."
)
NO_RESULT = "no result yet"

T = TypeVar("T")


def print_leaderboard(board: Leaderboard) -> None:
    """Print every table with its verdict, then the runs without a result, to stdout."""
    console = Console()
    for table in board.tables:
        shown = [column for column in columns() if column.key in ON_TERMINAL]
        console.print(fitting(partial(_grid, table), shown, console))
        for entry in table.entries:
            for note in entry.notes:
                console.print(f"note: {entry.label}: {note}", style="yellow", markup=False)
        console.print(table.verdict, highlight=False)
        console.print()
    for one in board.unmeasured:
        console.print(f"{one.run.state}: {one.label}: {one.run.reason or NO_RESULT}", style="red", markup=False)


def fitting(build: Callable[[list[T]], Grid], columns: Sequence[T], console: Console) -> Grid:
    """The grid with as many of the columns as the terminal is wide; `leaderboard.csv` has all."""
    unbounded = console.options.update(width=1000)
    for count in range(len(columns), 0, -1):
        grid = build(list(columns[:count]))
        if console.measure(grid, options=unbounded).maximum <= console.width:
            return grid
    return build([])


def _grid(table: SegmentationTable, shown: list[Column]) -> Grid:
    grid = Grid(title=title(table), caption=table.reason or None, title_justify="left", caption_justify="left")
    names = ("", "configuration", "patient Dice (95 %)", "Holm p", "first", "seeds ± SD")
    for name in (*names, *(column.title for column in shown)):
        wraps = name == "configuration"
        grid.add_column(name, justify="left" if wraps else "right", no_wrap=not wraps, overflow="fold")
    for rank, entry in enumerate(table.entries):
        told = (headline(entry), holm_p(table, entry), f"{table.ranks[rank, 0]:.0%}")
        grid.add_row(
            str(rank + 1),
            entry.label,
            *told,
            with_spread(len(entry.seeds), entry.seed_spread),
            *(cell(column, entry) for column in shown),
            style="bold" if rank == 0 else None,
        )
    return grid


def title(table: SegmentationTable) -> str:
    """Who was measured, and how."""
    protocol = table.comparability.protocol
    parts = [
        f"{len(table.comparability.patients)} {protocol.subset} patients",
        f"protocol {protocol.split_protocol}",
        f"threshold {protocol.threshold}",
        f"post-processing {protocol.postprocess}",
    ]
    return ", ".join(parts + (["TRUNCATED"] if protocol.truncated else []))


def headline(entry: SegmentationResult) -> str:
    """Mean patient Dice with its interval."""
    dice = entry.metrics["patient/dice"]
    return with_interval(dice["mean"], dice["ci95"])


def holm_p(table: SegmentationTable, entry: SegmentationResult) -> str:
    """The corrected p of the difference to the best; a dash for the best."""
    found = table.difference(entry)
    return p_value(found.p_holm if found else None)


def cell(column: Column, entry: SegmentationResult) -> str:
    """One number of an entry in words."""
    value = column.value(entry)
    return ABSENT if value is None else column.text(value)


def markdown(board: Leaderboard) -> str:
    """`leaderboard.md`."""
    parts = ["# Leaderboard"]
    for table in board.tables:
        parts += [f"## {_capital(title(table))}", *([f"**Apart: {table.reason}.**"] if table.reason else [])]
        parts += [table.verdict, _grid_lines(table), *_failures(table), _strata_lines(table)]
    if board.unmeasured:
        rows = [[one.label, one.run.state, one.run.reason or NO_RESULT] for one in board.unmeasured]
        parts += ["## Without a result", _lines(["run", "state", "reason"], rows)]
    parts += ["## How differences are tested", METHOD, TO_CHOOSE]
    return "\n\n".join(parts) + "\n"


def _grid_lines(table: SegmentationTable) -> str:
    head = ["", "configuration", "patient Dice (95 %)", "difference to best (95 %)", "Holm p", "ranked first"]
    extra = [column for column in columns() if column.key != "patient_dice"]
    rows = [
        [
            str(rank + 1),
            entry.label,
            headline(entry),
            difference(table, entry),
            holm_p(table, entry),
            f"{table.ranks[rank, 0]:.0%}",
            *(cell(column, entry) for column in extra),
            with_spread(len(entry.seeds), entry.seed_spread),
            str(entry.folds),
            "; ".join(("finished", *entry.notes)),
        ]
        for rank, entry in enumerate(table.entries)
    ]
    return _lines([*head, *(column.title for column in extra), "seeds ± SD", "folds", "status"], rows)


def difference(table: SegmentationTable, entry: SegmentationResult) -> str:
    """Mean difference of patient Dice to the best with its interval; a dash for the best."""
    found = table.difference(entry)
    return with_interval(found.mean, found.ci95) if found else ABSENT


def _failures(table: SegmentationTable) -> list[str]:
    failed = failed_by_all(table)
    return [f"Every configuration fails (Dice below {FAILED}) on {', '.join(failed)}."] if failed else []


def _strata_lines(table: SegmentationTable) -> str:
    rows = [
        [one.stratum.replace("_", " "), one.group, str(len(one.patients)), *map(three, one.dice)]
        for one in strata(table)
    ]
    return _lines(["mean patient Dice by", "group", "patients", *(entry.label for entry in table.entries)], rows)


def _lines(head: list[str], rows: list[list[str]]) -> str:
    cells = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_plain(text) for text in row) + " |" for row in cells)


def _plain(text: str) -> str:
    """Text in a cell: neither Markdown's bars nor HTML, which Markdown lets through."""
    return html.escape(text, quote=False).replace("|", "\\|").replace("\n", " ")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
