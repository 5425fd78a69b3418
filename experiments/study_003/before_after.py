"""Study 003's table 1, before and after fine-tuning, beside the same numbers of four runs.

`python -m experiments.study_003.before_after [folder=FOLDER]`, in the folder of a checkout. The folder holds the runs
`segmentation_before`, `segmentation`, `classifier_frozen` and `classifier_finetuned`; by default it is this one.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from lgg_seg.cli.arguments import Argument, arguments_of
from lgg_seg.cli.console import command
from lgg_seg.reporting.formatting import with_interval
from lgg_seg.reporting.table import Column, markdown_table
from lgg_seg.runs.folder import RunFolder

SEGMENTATION, CLASSIFIER = ("segmentation_before", "segmentation"), ("classifier_frozen", "classifier_finetuned")


@dataclass(frozen=True)
class Row:
    """A row of the study's table: the runs before and after, the metric's name here, and the published pair."""

    title: str
    runs: tuple[str, str]
    metric: str
    published: tuple[float, float]

    def measured(self, folder: Path) -> list[str]:
        """The metric before and after, with its interval where it has one."""
        return [_text(RunFolder(folder / run).read_json("metrics.json")["metrics"][self.metric]) for run in self.runs]


ROWS = (
    Row("segmentation loss", SEGMENTATION, "loss", (0.0497, 0.0374)),
    Row("classification loss", CLASSIFIER, "loss", (0.3523, 0.2689)),
    Row("Dice of patients", SEGMENTATION, "patient/dice", (0.0711, 0.3854)),
    Row("accuracy of slices", CLASSIFIER, "slice/accuracy", (0.8804, 0.8763)),
    Row("AUROC of slices", CLASSIFIER, "slice/auroc", (0.9543, 0.9502)),
)


def _text(metric: Any) -> str:
    if not isinstance(metric, dict):
        return with_interval(metric, None)
    return with_interval(metric["mean"] if "mean" in metric else metric["value"], metric["ci95"])


def before_after(
    folder: Annotated[Path, Argument("the folder of the four runs")] = Path(__file__).parent,
) -> str:
    """Put the study's numbers before and after fine-tuning beside those of four runs, as one Markdown table."""
    rows = [(row, row.measured(folder)) for row in ROWS]
    columns = (
        Column("", "", lambda one: one[0].title),
        Column("", "published: before", lambda one: f"{one[0].published[0]:.4f}"),
        Column("", "after", lambda one: f"{one[0].published[1]:.4f}"),
        Column("", "ours: before", lambda one: one[1][0]),
        Column("", "after", lambda one: one[1][1]),
    )
    return markdown_table(columns, rows)


@command
@arguments_of(before_after, "experiments.study_003.before_after [key=value …]")
def main(given: dict[str, Any]) -> int:
    """Print the table."""
    print(before_after(**given))
    return 0


if __name__ == "__main__":
    sys.exit(main())
