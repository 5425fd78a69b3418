"""The page: everything of a leaderboard in one HTML file that needs no network."""

import base64
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import matplotlib as mpl
from markupsafe import Markup

from lgg_seg.comparison.classification import METHOD as CLASSIFIER_METHOD
from lgg_seg.comparison.failures import FAILED
from lgg_seg.comparison.leakage import HEADLINE, LeakageTable
from lgg_seg.comparison.tables import Leaderboard
from lgg_seg.messages import counted
from lgg_seg.reporting import leakage, metadata
from lgg_seg.reporting.columns import holm_p, metric_columns
from lgg_seg.reporting.formatting import three, with_spread
from lgg_seg.reporting.html.curves import MIN_PIXELS
from lgg_seg.reporting.html.drawing import RC, THEME, palette, svg, table_styles, themed
from lgg_seg.reporting.html.environment import environment, part
from lgg_seg.reporting.html.forests import leakage_plot
from lgg_seg.reporting.html.searches import search_section
from lgg_seg.reporting.html.sections import section
from lgg_seg.reporting.leaderboard import NO_RESULT, TO_CHOOSE, classifier_text_columns, title
from lgg_seg.reporting.table import Column, text_table
from lgg_seg.runs.folder import RunFolder
from lgg_seg.statistics.bootstrap import RESAMPLES
from lgg_seg.statistics.paired import METHOD
from lgg_seg.version import __version__

MAX_TABLES = 3  # that the title counts
SIGNIFICANCES = {
    "worse": ("worse", "worse"),
    "inseparable": ("cannot be told apart", "tie"),
    "contradictory": ("ranks and mean disagree", "mixed"),
}
"""Text and CSS class of the significance of a difference."""


def write_report(board: Leaderboard, path: Path, leaks: Sequence[LeakageTable] = ()) -> None:
    """Write the leaderboard as one HTML page: tables, figures, failures, methods, and where the runs are.

    Masks are read from the runs' folders and slices from their data sets; what is gone is left out, as the page says.
    """
    with mpl.rc_context(RC):
        text = render(board, path, leaks)
    RunFolder(path.parent).write_text(path.name, text)


def render(board: Leaderboard, path: Path, leaks: Sequence[LeakageTable]) -> str:
    """The page's text; `path` is where it will stand, as its links to the runs are relative."""
    colours = palette(board)
    javascript = part("page.js")
    templates = environment()
    templates.filters |= {"three": three, "themed": themed}
    headline, median, *others = metric_columns()
    groups: dict[str, list[Column]] = {}
    for column in others:
        groups.setdefault(column.group, []).append(column)
    leaking = f"{HEADLINE} by patient and with the leak. {' '.join(map(leakage.finding, leaks))}"
    return templates.get_template("template.html.j2").render(
        place=path.resolve().parent.name,
        title=_title(board),
        sections=[section(n, table, table_styles(table, colours)) for n, table in enumerate(board.tables, start=1)],
        headline=headline,
        median=median,
        groups=groups,
        holm_p=holm_p,
        with_spread=with_spread,
        classifiers=[
            (table, title(table), text_table(classifier_text_columns(), table.entries)) for table in board.classifiers
        ],
        classifier_method=CLASSIFIER_METHOD,
        leaks=leaks,
        leakage=leakage,
        leak_picture=svg(leakage_plot(leaks), leaking) if leaks else None,
        text_table=text_table,
        search=search_section(board.search) if board.search else None,
        unmeasured=[(one.label, one.status, one.run.reason or NO_RESULT) for one in board.unmeasured],
        significances=SIGNIFICANCES,
        runs=board.runs,
        days=sorted(map(metadata.ended, board.runs)),
        commits=sorted({metadata.commit(run) for run in board.runs}),
        warnings=metadata.warnings(board.runs),
        metadata=metadata,
        link=lambda folder: _link(folder, path),
        method=f"{METHOD} {TO_CHOOSE}",
        resamples=RESAMPLES,
        min_pixels=MIN_PIXELS,
        failed_below=FAILED,
        version=__version__,
        css=Markup(f"{THEME}\n{part('style.css')}"),
        javascript=Markup(javascript),
        javascript_hash=Markup(base64.b64encode(hashlib.sha256(javascript.encode()).digest()).decode()),
    )


def _link(folder: Path, page: Path) -> str | None:
    """The folder as a relative URL from the page; None where none leads there (another drive)."""
    try:
        relative = os.path.relpath(folder, page.resolve().parent)
    except ValueError:
        return None
    return quote(Path(relative).as_posix()) + "/"


def _title(board: Leaderboard) -> str:
    if not board.tables:
        count = sum(len(table.entries) for table in board.classifiers)
        return counted(count, "classifier") if count else "No run has a result yet"
    honest = [table for table in board.tables if not table.comparability.leaky] or list(board.tables)
    first, *others = [(len(table.entries), len(table.patients)) for table in honest[:MAX_TABLES]]
    counts = [f"{counted(first[0], 'configuration')} on {counted(first[1], 'patient')}"]
    counts += [f"{entries} on {patients}" for entries, patients in others]
    return ", ".join(counts) + (", …" if len(honest) > MAX_TABLES else "")
