"""The page: everything of a leaderboard in one HTML file that needs no network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

import lgg_seg
from lgg_seg.comparison.classifier_tables import METHOD as CLASSIFIER_METHOD
from lgg_seg.comparison.classifier_tables import ClassifierTable
from lgg_seg.comparison.failures import FAILED
from lgg_seg.comparison.leakage import LeakageTable
from lgg_seg.comparison.tables import Leaderboard
from lgg_seg.reporting import classifiers as lines
from lgg_seg.reporting import leakage as leakage_report
from lgg_seg.reporting.html import facts
from lgg_seg.reporting.html.leakage import leakage_section
from lgg_seg.reporting.html.paths import without_paths
from lgg_seg.reporting.html.sections import section
from lgg_seg.reporting.html.style import colours, configuration, drawing, looks
from lgg_seg.reporting.leaderboard import NO_RESULT, TO_CHOOSE
from lgg_seg.runs.folder import RunFolder
from lgg_seg.statistics.paired import METHOD

MOST_TABLES = 2  # whose patients the title counts


def write_report(
    board: Leaderboard, path: Path, classifiers: Sequence[ClassifierTable] = (), leaks: Sequence[LeakageTable] = ()
) -> None:
    """Write the leaderboard as one HTML page: tables, figures, failures, methods, and where the runs are.

    What a leak adds and classifiers stand in tables of their own below.

    Masks are read from the runs' folders and slices from their data trees; what is not there any more is left out, and
    the page says so.

    Raises:
        UserError: the page cannot be written.
    """
    folder = RunFolder(path.parent)
    text = render(board, path, classifiers, leaks)
    with folder.writing(path.name) as partial:
        partial.write_text(text, encoding="utf-8")


def render(
    board: Leaderboard, path: Path, classifiers: Sequence[ClassifierTable] = (), leaks: Sequence[LeakageTable] = ()
) -> str:
    """The page's text; `path` is where it will stand, as its links to the runs are relative."""
    palette = colours(board)
    with drawing():
        sections = [section(number, table, looks(table, palette)) for number, table in enumerate(board.tables, start=1)]
        leak_sections = [leakage_section(table) for table in leaks]
    style, script = _part("style.css"), _part("sort.js")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_part),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("template.html.j2").render(
        title=_title(board, classifiers),
        sections=sections,
        classifiers=[_classifiers(table) for table in classifiers],
        classifier_method=CLASSIFIER_METHOD,
        leaks=leak_sections,
        leak_heading=leakage_report.HEADING,
        leak_method=leakage_report.METHOD,
        unmeasured=[(one.label, one.run.state, one.run.reason or NO_RESULT) for one in board.unmeasured],
        runs=facts.run_lines(board, path),
        days=facts.days(board.runs) if board.runs else "",
        warnings=facts.warnings(board.runs) if board.runs else [],
        commits=sorted({facts.commit(run) for run in board.runs}),
        method=f"{METHOD} {TO_CHOOSE}",
        failed_below=FAILED,
        version=lgg_seg.__version__,
        style=Markup(style),
        script=Markup(script),
        script_hash=Markup(base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()),
    )


def _part(name: str) -> str:
    return (files("lgg_seg.reporting.html") / name).read_text(encoding="utf-8")


def _finalize(value: Any) -> Any:
    """Nothing that the runs say reaches the page with a path of the machine; our own markup is as it is."""
    return without_paths(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _classifiers(table: ClassifierTable) -> dict[str, Any]:
    head, *rows = lines.grid(table)
    return {
        "title": lines.title(table),
        "verdict": table.verdict,
        "reason": table.reason,
        "leaky": table.comparability.leaky,
        "head": head,
        "rows": rows,
    }


def _title(board: Leaderboard, classifiers: Sequence[ClassifierTable]) -> str:
    if not board.tables:
        count = sum(len(table.entries) for table in classifiers)
        return _counted(count, "classifier") if count else "No run has a result yet"
    honest = [table for table in board.tables if not table.comparability.leaky] or list(board.tables)
    count = len({configuration(entry) for table in honest for entry in table.entries})
    patients = " and ".join(str(len(table.patients)) for table in honest[:MOST_TABLES])
    more = ", …" if len(honest) > MOST_TABLES else ""
    return f"{_counted(count, 'configuration')}, {patients}{more} patient{'s' * (patients != '1')}"


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"
