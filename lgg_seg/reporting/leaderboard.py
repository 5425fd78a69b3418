"""The leaderboard on the terminal, as CSV for programs, and as Markdown for a paper's supplement."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from operator import attrgetter, itemgetter
from typing import Any

from rich.console import Console

from lgg_seg.comparison.classification import METHOD as CLASSIFIER_METHOD
from lgg_seg.comparison.classification import ClassifierTable
from lgg_seg.comparison.failures import FAILED, failed_by_all, strata
from lgg_seg.comparison.results import ComparisonTable
from lgg_seg.comparison.segmentation import SegmentationTable
from lgg_seg.comparison.tables import Leaderboard
from lgg_seg.messages import counted_patients
from lgg_seg.reporting.columns import ESTIMATES, classifier_columns, estimated, metric_columns, segmentation_columns
from lgg_seg.reporting.formatting import number, three
from lgg_seg.reporting.metadata import times_apart
from lgg_seg.reporting.run_table import TARGETS
from lgg_seg.reporting.table import Column, csv_rows, fitting_table, markdown_table, select
from lgg_seg.statistics.bootstrap import RESAMPLES
from lgg_seg.statistics.paired import METHOD

ON_TERMINAL = ("patient_dice_median", "pooled_dice", "pooled_iou", "patient_hd95_px", "detection_auroc", "parameters")
CLASSIFIERS_ON_TERMINAL = {"slice/accuracy": "accuracy", "slice/f1": "F1", "patient/auroc": "patient AUROC"}
TO_CHOOSE = (
    "A table of test patients is to be read and not to choose by: whoever picks a configuration by its rank there has "
    "tuned it on the test. Choose by validation patients, and report what stands in that configuration's row."
)
FIRST = f"the share of {RESAMPLES:,} resamples of the patients in which a configuration has the highest mean"
NO_RESULT = "no result yet"
Table = ComparisonTable[Any]

_UNMEASURED = (
    Column("", "run", attrgetter("label")),
    Column("", "state", attrgetter("status")),
    Column("", "reason", lambda one: one.run.reason or NO_RESULT),
)


def print_leaderboard(board: Leaderboard) -> None:
    """Print the tables of segmentation networks with their verdicts, then the runs without a result, to stdout."""
    console = Console()
    columns = segmentation_columns()
    chosen = select(columns, "rank", "configuration", "validation_dice", "patient_dice")
    for table in board.tables:
        shown = chosen if table.chosen_by_validation else _always(columns, table)
        _print_table(console, table, shown, select(columns, *ON_TERMINAL))
    for one in board.unmeasured:
        style = "yellow" if one.status == "finished" else "red"
        console.print(f"{one.status}: {one.label}: {one.run.reason or NO_RESULT}", style=style, markup=False)


def _always(columns: Sequence[Column], table: SegmentationTable) -> list[Column]:
    """What stands on the terminal however narrow it is: p beside another, and first ranks where they say anything."""
    first = select(columns, "share_of_first_ranks") if table.tells_ranks else []
    return [
        *select(columns, "rank", "configuration", "patient_dice", *(["holm_p"] if len(table.entries) > 1 else [])),
        *(replace(column, title="first") for column in first),  # to be narrow
        *select(columns, *_seeds(table)),
    ]


def _seeds(table: Table) -> list[str]:
    """The column of seeds, unless the caveats say that all have one."""
    return ["seeds"] if len(table.entries) == 1 or len(table.single_seeded) < len(table.entries) else []


def print_classifiers(tables: Sequence[ClassifierTable]) -> None:
    """Print the tables of classifiers with their verdicts to stdout."""
    console = Console()
    optional = [Column("", title, estimated(name), number) for name, title in CLASSIFIERS_ON_TERMINAL.items()]
    for table in tables:
        keys = ("rank", "configuration", "slice_auroc", "holm_p", *_seeds(table))
        always = select(classifier_columns(), *keys)
        _print_table(console, table, always, optional)


def _print_table(console: Console, table: Table, always: Sequence[Column], optional: Sequence[Column]) -> None:
    content = (table.entries, title(table), table.reason or None, lambda entry: "bold" if entry.rank == 1 else None)
    console.print(fitting_table(console, always, optional, *content))
    for who, note in table.notes:
        console.print(f"note: {who}: {note}", style="yellow", markup=False)
    console.print(table.verdict, highlight=False, markup=False)
    if table.caveats:
        console.print(table.caveats, highlight=False, markup=False)
    if any(column.key == "share_of_first_ranks" for column in always):
        console.print(f"first: {FIRST}.", highlight=False, markup=False)
    console.print()


def title(table: Table) -> str:
    """What was asked of classifiers, who was measured, and how."""
    protocol = table.comparability.protocol
    patients = counted_patients(len(table.patients), protocol.subset)
    return ", ".join(
        [
            f"classifiers: {TARGETS[protocol.target]} {patients}" if protocol.target else patients,
            f"protocol {protocol.split_protocol}",
            f"threshold {protocol.threshold}",
            *([] if protocol.target else [f"post-processing {protocol.postprocess}"]),
            *(["test-time augmentation"] if protocol.tta == "on" else []),
            *(["TRUNCATED"] if protocol.truncated else []),
        ]
    )


def table_heading(table: Table) -> str:
    return title(table)[:1].upper() + title(table)[1:]


def rows(board: Leaderboard) -> list[dict[str, Any]]:
    """`leaderboard.csv`: a row an entry, table by table; runs without a result come before classifiers."""
    settings = _settings([*(entry for table in board.tables for entry in table.entries), *board.unmeasured])
    of_classifiers = _settings(entry for table in board.classifiers for entry in table.entries)
    columns, count = segmentation_columns(settings), len(board.tables)
    return [
        *_numbered(board.tables, columns, first=1),
        *csv_rows(select(columns, "configuration", *settings, "status", "notes"), board.unmeasured),
        *_numbered(board.classifiers, classifier_columns(of_classifiers), first=count + 1),
    ]


def _settings(rows: Iterable[Any]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row.settings))


def _numbered(tables: Sequence[Table], columns: Sequence[Column], first: int) -> list[dict[str, Any]]:
    numbered = enumerate(tables, start=first)
    return [{"table": number} | row for number, table in numbered for row in csv_rows(columns, table.entries)]


def markdown(board: Leaderboard) -> str:
    """`leaderboard.md`, without what a leak adds and without classifiers."""
    columns = segmentation_columns()
    metrics = [column.key for column in metric_columns() if column.key != "patient_dice"]
    parts = ["# Leaderboard"]
    for table in board.tables:
        ranks = ["share_of_first_ranks"] if table.tells_ranks else []
        first = ("rank", "configuration", "patient_dice", "difference_to_best", "holm_p", *ranks)
        shown = select(columns, *first, *metrics, "seeds", "folds", "status")
        parts += _section(table, shown)
        if failed := failed_by_all(table):
            parts.append(f"Every configuration fails (Dice below {FAILED}) on {', '.join(failed)}.")
        parts.append(_strata(table))
    if board.unmeasured:
        parts += ["## Without a result", markdown_table(_UNMEASURED, board.unmeasured)]
    ranked = [f"Ranked first: {FIRST}."] if any(table.tells_ranks for table in board.tables) else []
    return "\n\n".join([*parts, "## How differences are tested", METHOD, *ranked, TO_CHOOSE]) + "\n"


def classifiers_markdown(tables: Sequence[ClassifierTable]) -> str:
    """The classifiers' part of `leaderboard.md`; nothing without any."""
    parts = [part for table in tables for part in _section(table, classifier_text_columns())]
    method = ["## How differences between classifiers are tested", CLASSIFIER_METHOD]
    return "\n\n".join(["\n# Classifiers", *parts, *method]) + "\n" if tables else ""


def classifier_text_columns() -> list[Column]:
    """The columns of a table of classifiers for people."""
    estimates = [name.replace("/", "_") for name in ESTIMATES]
    first = ("rank", "configuration", "slice_auroc", "difference_to_best", "holm_p")
    return select(classifier_columns(), *first, *estimates, "parameters", "train_seconds", "seeds", "folds", "status")


def _section(table: Table, columns: Sequence[Column]) -> list[str]:
    apart = [f"**Apart: {table.reason}.**"] if table.reason else []
    found = " ".join(filter(None, (table.verdict, table.caveats)))
    times = list(filter(None, [times_apart(table.runs)]))
    return [f"## {table_heading(table)}", *apart, found, *times, markdown_table(columns, table.entries)]


def _strata(table: SegmentationTable) -> str:
    titles = ["mean patient Dice by", "group", "patients", *(entry.label for entry in table.entries)]
    columns = [Column("", title, itemgetter(k), str if k < 3 else three) for k, title in enumerate(titles)]
    rows = [(one.stratum.replace("_", " "), one.group, len(one.patients), *one.dice) for one in strata(table)]
    return markdown_table(columns, rows)
