"""Tables of classifiers as a terminal shows them, as rows of `leaderboard.csv`, and as a part of `leaderboard.md`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

from lgg_seg.comparison.classifier_results import HEADLINE, ClassifierResult
from lgg_seg.comparison.classifier_tables import METHOD, AreaDifference, ClassifierTable
from lgg_seg.reporting.formatting import ABSENT, duration, number, p_value, si, with_interval, with_spread
from lgg_seg.reporting.leaderboard import fitting
from lgg_seg.reporting.run_classification import QUESTIONS
from lgg_seg.statistics.bootstrap import Estimate

ON_TERMINAL = {"slice/accuracy": "accuracy", "slice/f1": "F1", "patient/auroc": "patient AUROC"}
COLUMNS = (
    "slice/accuracy",
    "slice/f1",
    "slice/average_precision",
    "slice/recall",
    "slice/specificity",
    "slice/precision",
    "slice/brier",
    "patient/auroc",
    "patient/accuracy",
    "patient/f1",
)
COSTS = ("parameters", "flops_per_slice", "train_seconds", "slices_per_second", "latency_ms")


def print_classifiers(tables: Sequence[ClassifierTable]) -> None:
    """Print every table with its verdict to stdout."""
    console = Console()
    for table in tables:
        console.print(fitting(partial(_terminal_grid, table), list(ON_TERMINAL), console))
        console.print(table.verdict, highlight=False)
        console.print()


def _terminal_grid(table: ClassifierTable, shown: list[str]) -> Grid:
    grid = Grid(title=title(table), caption=table.reason or None, title_justify="left", caption_justify="left")
    for name in ("", "classifier", "slice AUROC (95 %)", "Holm p", "seeds ± SD", *(ON_TERMINAL[key] for key in shown)):
        wraps = name == "classifier"
        grid.add_column(name, justify="left" if wraps else "right", no_wrap=not wraps, overflow="fold")
    for rank, (entry, difference) in enumerate(_lines(table), start=1):
        told = (str(rank), entry.label, interval(entry.estimates[HEADLINE]), holm_p(difference), seeds(entry))
        values = (number(entry.estimates[key].value) for key in shown)
        grid.add_row(*told, *values, style="bold" if rank == 1 else None)
    return grid


def title(table: ClassifierTable) -> str:
    """What was asked, who was measured, and how."""
    protocol = table.comparability.protocol
    parts = [
        f"classifiers: {QUESTIONS[table.target]} {len(table.comparability.patients)} {protocol.subset} patients",
        f"protocol {protocol.split_protocol}",
        f"threshold {protocol.threshold}",
    ]
    return ", ".join(parts + (["TRUNCATED"] if protocol.truncated else []))


def interval(estimate: Estimate) -> str:
    """A value with its interval, as far as they are known."""
    return with_interval(estimate.value, estimate.ci95)


def holm_p(difference: AreaDifference | None) -> str:
    """The corrected p of the difference to the best; a dash for the best."""
    return p_value(difference.p_holm if difference else None)


def seeds(entry: ClassifierResult) -> str:
    """How many seeds, and the standard deviation of their ROC area where there are several."""
    return with_spread(len(entry.seeds), entry.seed_spread)


def classifiers_markdown(tables: Sequence[ClassifierTable]) -> str:
    """The classifiers' part of `leaderboard.md`; nothing without any."""
    if not tables:
        return ""
    parts = ["\n# Classifiers"]
    for table in tables:
        parts += [f"## {title(table)[:1].upper()}{title(table)[1:]}"]
        head, *rows = grid(table)
        lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
        parts += [*([f"**Apart: {table.reason}.**"] if table.reason else []), table.verdict]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    return "\n\n".join([*parts, "## How differences between classifiers are tested", METHOD]) + "\n"


def grid(table: ClassifierTable) -> list[list[str]]:
    """The table in words: a head, and a row an entry."""
    head = ["", "classifier", "slice AUROC (95 %)", "difference to best (95 %)", "Holm p", *COLUMNS]
    head += ["parameters", "training a run", "seeds ± SD", "folds"]
    rows = [head]
    for rank, (entry, difference) in enumerate(_lines(table), start=1):
        gap = Estimate(difference.mean, difference.ci95) if difference else None
        rows.append(
            [
                str(rank),
                entry.label,
                interval(entry.estimates[HEADLINE]),
                ABSENT if gap is None else interval(gap),
                holm_p(difference),
                *(interval(entry.estimates[name]) for name in COLUMNS),
                si(entry.cost["parameters"] or 0),
                duration(entry.cost["train_seconds"] or 0),
                seeds(entry),
                str(_folds(entry)),
            ]
        )
    return rows


def classifier_rows(tables: Sequence[ClassifierTable], first: int) -> list[dict[str, Any]]:
    """Rows of `leaderboard.csv`, an entry each; the tables are numbered from `first`."""
    return [
        _row(number_, rank, table, entry, difference)
        for number_, table in enumerate(tables, start=first)
        for rank, (entry, difference) in enumerate(_lines(table), start=1)
    ]


def _row(
    table_number: int, rank: int, table: ClassifierTable, entry: ClassifierResult, difference: AreaDifference | None
) -> dict[str, Any]:
    low, high = entry.estimates[HEADLINE].ci95 or (None, None)
    gap_low, gap_high = (difference.ci95 if difference else None) or (None, None)
    return {
        "table": table_number,
        "rank": rank,
        "configuration": entry.label,
        "target": table.target,
        **entry.settings,
        "protocol": table.comparability.protocol.split_protocol,
        "patients": len(table.comparability.patients),
        "folds": _folds(entry),
        "seeds": len(entry.seeds),
        "status": "finished",
        "seed_sd": entry.seed_spread,
        "slice_auroc_low": low,
        "slice_auroc_high": high,
        "difference_to_best": difference.mean if difference else 0.0,
        "difference_low": gap_low,
        "difference_high": gap_high,
        "bootstrap_p": difference.p_value if difference else None,
        "holm_p": difference.p_holm if difference else None,
        **{name.replace("/", "_"): entry.estimates[name].value for name in (HEADLINE, *COLUMNS)},
        **{name: entry.cost.get(name) for name in COSTS},
        "notes": "; ".join(entry.notes) or None,
    }


def _lines(table: ClassifierTable) -> list[tuple[ClassifierResult, AreaDifference | None]]:
    return list(zip(table.entries, (None, *table.differences), strict=True))


def _folds(entry: ClassifierResult) -> int:
    return len(next(iter(entry.seeds.values())))
