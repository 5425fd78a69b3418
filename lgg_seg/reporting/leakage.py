"""What a leak adds: on the terminal, as rows of `leak.csv`, and as a part of `leaderboard.md`."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from rich.console import Console

from lgg_seg.comparison.leakage import HEADLINE, MEASURES, LeakageRow, LeakageTable
from lgg_seg.messages import counted
from lgg_seg.reporting.formatting import three, with_interval
from lgg_seg.reporting.table import Column, Function, bounds, csv_rows, markdown_table, rich_table
from lgg_seg.statistics.bootstrap import Bootstrapped

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
    columns = (
        Column("", HEADLINE, attrgetter("label"), left=True),
        Column("", "by patient", lambda line: line.measures[HEADLINE].by_patient.value, three),
        Column("", "with the leak", lambda line: line.measures[HEADLINE].leaky.value, three),
        Column("", "the leak adds (95 %)", lambda line: line.measures[HEADLINE].added, _added),
    )
    for table in tables:
        console.print(rich_table(columns, table.lines, f"{HEADING}. {title(table)}"))
        console.print(finding(table), highlight=False, markup=False)
        console.print()


def leakage_markdown(tables: Sequence[LeakageTable]) -> str:
    """The part of `leaderboard.md`; nothing without any."""
    parts = [
        part
        for table in tables
        for part in (f"## {title(table)}", finding(table), markdown_table(leakage_columns(table), table.lines))
    ]
    return "\n\n".join([f"\n# {HEADING}", *parts, METHOD]) + "\n" if tables else ""


def leakage_rows(tables: Sequence[LeakageTable]) -> list[dict[str, Any]]:
    """Rows of `leak.csv`: a configuration each, then the mean of its table."""
    numbered = enumerate(tables, start=1)
    return [{"table": k} | row for k, table in numbered for row in csv_rows(leakage_columns(table), table.lines)]


def leakage_columns(table: LeakageTable) -> list[Column]:
    """Columns over the table's lines: of each measure the value under either split, and the difference."""
    columns = [
        Column("configuration", "configuration", attrgetter("label"), left=True),
        Column("patients", None, lambda _: len(table.patients)),
        Column("slices", None, lambda _: len(table.slices)),
        Column("steps_by_patient", None, lambda line: line.steps[0] if line.steps else None),
        Column("steps_leaky", None, lambda line: line.steps[1] if line.steps else None),
        Column("", "steps", text=lambda line: " / ".join(map(str, dict.fromkeys(line.steps or ())))),
    ]
    for measure in MEASURES:
        key = measure.lower().replace(" ", "_").replace("-", "_")
        columns += [
            *_sample_columns(f"{key}_by_patient", f"{measure} by patient", _interval, measure, "by_patient"),
            *_sample_columns(f"{key}_leaky", f"{measure} with the leak", _interval, measure, "leaky"),
            *_sample_columns(f"{key}_added", "the leak adds", _added, measure, "added"),
        ]
    return columns


def _sample_columns(key: str, heading: str, text: Function, measure: str, attribute: str) -> list[Column]:
    def sample(line: LeakageRow) -> Any:
        return getattr(line.measures[measure], attribute)

    column = Column(key, heading, lambda line: sample(line).value, text=lambda line: text(sample(line)))
    return [column, *bounds(key, lambda line: sample(line).estimate.ci95)]


def title(table: LeakageTable) -> str:
    """What was tested both ways."""
    patients, slices = len(table.patients), len(table.slices)
    return f"The same {counted(slices, 'slice')} of {counted(patients, 'patient')}, tested by patient and with the leak"


def finding(table: LeakageTable) -> str:
    """What the table says of pooled Dice, in a sentence."""
    several = len(table.rows) > 1
    pair = table.lines[-1].measures[HEADLINE]
    subject = f"{len(table.rows)} configurations score on average" if several else f"{table.rows[0].label} scores"
    low, high = pair.added.estimate.ci95 or (float("-inf"), float("inf"))
    weight = (
        "more than the luck of who was tested"
        if low > 0
        else "less, beyond the luck of who was tested"
        if high < 0
        else "which the luck of who was tested could explain"
    )
    one_seed = all(len(row.seeds) == 1 for row in table.rows)
    single = " One seed each: how much training itself varies is not in the interval." if one_seed else ""
    return (
        f"{subject} {three(pair.by_patient.value)} {HEADLINE} on patients new to {'them' if several else 'it'}, and "
        f"{three(pair.leaky.value)} on the same slices after training on others of the same patients. The leak adds "
        f"{_added(pair.added)}: {weight}.{single}"
    )


def _interval(sample: Bootstrapped) -> str:
    return with_interval(sample.value, sample.estimate.ci95)


def _added(sample: Bootstrapped) -> str:
    return with_interval(sample.value, sample.estimate.ci95, "{:+.3f}".format)
