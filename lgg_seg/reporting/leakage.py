"""What a leak adds, as a terminal shows it, as rows of `leak.csv`, and as a part of `leaderboard.md`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

from lgg_seg.comparison.leakage import HEADLINE, MEASURES, LeakageTable, ProtocolPair
from lgg_seg.reporting.formatting import three, with_interval

HEADING = "What the leak adds"
METHOD = (
    "Each configuration was trained with everything equal but the split: by patient, so that those tested were new to "
    "it, and by slice, so that it was trained on other slices of theirs. Only slices tested both ways are counted: the "
    "same patients, the same slices. Both trainings have as many slices, but the leaky one has them of more patients, "
    "so that what it adds is knowing these patients and having met more of them: an upper bound of the former. "
    "Intervals are 95 % percentile intervals of 10,000 resamples of whole patients, the same ones on either side; "
    "seeds trained both ways are averaged, and how much one training differs from the next is not in the intervals. "
    "Dice is that of all voxels together (pooled), and the mean over the slices with tumour."
)


def print_leakage(tables: Sequence[LeakageTable]) -> None:
    """Print every table with its finding to stdout."""
    console = Console()
    for table in tables:
        shown = Grid(title=f"{HEADING}. {title(table)}", title_justify="left")
        shown.add_column(HEADLINE, overflow="fold")
        for name in ("by patient", "with the leak", "the leak adds (95 %)"):
            shown.add_column(name, justify="right", no_wrap=True)
        for name, _, measures in _lines(table):
            arms = measures[HEADLINE]
            shown.add_row(name, three(arms.by_patient.value), three(arms.leaky.value), _added(arms))
        console.print(shown)
        console.print(finding(table), highlight=False)
        console.print()


def leakage_markdown(tables: Sequence[LeakageTable]) -> str:
    """The part of `leaderboard.md`; nothing without any."""
    if not tables:
        return ""
    parts = [f"\n# {HEADING}"]
    for table in tables:
        head, *rows = grid(table)
        lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
        parts += [f"## {title(table)}", finding(table), "\n".join(f"| {' | '.join(line)} |" for line in lines)]
    return "\n\n".join([*parts, METHOD]) + "\n"


def leakage_rows(tables: Sequence[LeakageTable]) -> list[dict[str, Any]]:
    """Rows of `leak.csv`: a configuration each, then the mean of its table."""
    return [
        {
            "table": number,
            "configuration": name,
            "patients": len(table.patients),
            "slices": len(table.slices),
            "steps_by_patient": steps[0] if steps else None,
            "steps_leaky": steps[1] if steps else None,
        }
        | {key: value for measure, arms in measures.items() for key, value in _numbers(measure, arms)}
        for number, table in enumerate(tables, start=1)
        for name, steps, measures in _lines(table)
    ]


def _numbers(measure: str, arms: ProtocolPair) -> Iterator[tuple[str, float | None]]:
    stem = measure.lower().replace(" ", "_").replace("-", "_")
    for arm, sample in (("by_patient", arms.by_patient), ("leaky", arms.leaky), ("added", arms.added)):
        low, high = sample.estimate.ci95 or (None, None)
        yield from ((f"{stem}_{arm}", sample.value), (f"{stem}_{arm}_low", low), (f"{stem}_{arm}_high", high))


def title(table: LeakageTable) -> str:
    """What was tested both ways."""
    patients, slices = len(table.patients), len(table.slices)
    return f"The same {_number(slices, 'slice')} of {_number(patients, 'patient')}, tested by patient and with the leak"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def finding(table: LeakageTable) -> str:
    """What the table says of pooled Dice, in a sentence."""
    several = len(table.rows) > 1
    arms = (table.mean if several else table.rows[0].measures)[HEADLINE]
    who = f"{len(table.rows)} configurations score on average" if several else f"{table.rows[0].label} scores"
    added = arms.added.estimate
    low, high = added.ci95 or (float("-inf"), float("inf"))
    weight = (
        "more than the luck of who was tested"
        if low > 0
        else "less, beyond the luck of who was tested"
        if high < 0
        else "which the luck of who was tested could explain"
    )
    seeds = {len(row.seeds) for row in table.rows}
    single = " One seed each: how much training itself varies is not in the interval." if seeds == {1} else ""
    return (
        f"{who} {three(arms.by_patient.value)} {HEADLINE} on patients new to {'them' if several else 'it'}, and "
        f"{three(arms.leaky.value)} on the same slices after training on others of the same patients. The leak adds "
        f"{_added(arms)}: {weight}.{single}"
    )


def grid(table: LeakageTable) -> list[list[str]]:
    """The table in words: a head, a row a configuration, and the mean of several."""
    head = ["configuration", "steps"]
    for measure in MEASURES:
        head += [f"{measure} by patient", f"{measure} with the leak", "the leak adds"]
    rows = [
        [
            name,
            (str(steps[0]) if steps[0] == steps[1] else f"{steps[0]} / {steps[1]}") if steps else "",
            *(text for measure in MEASURES for text in _cells(of[measure])),
        ]
        for name, steps, of in _lines(table)
    ]
    return [head, *rows]


def _lines(table: LeakageTable) -> Iterator[tuple[str, tuple[int, int] | None, dict[str, ProtocolPair]]]:
    for row in table.rows:
        yield row.label, row.steps, row.measures
    if len(table.rows) > 1:
        yield f"mean of {len(table.rows)}", None, table.mean


def _cells(arms: ProtocolPair) -> list[str]:
    return [
        *(with_interval(one.estimate.value, one.estimate.ci95) for one in (arms.by_patient, arms.leaky)),
        _added(arms),
    ]


def _added(arms: ProtocolPair) -> str:
    return with_interval(arms.added.value, arms.added.estimate.ci95, "{:+.3f}".format)
