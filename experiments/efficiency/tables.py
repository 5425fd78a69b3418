"""How good the recommended recipe is by the number of patients that it trains on."""

from functools import cache
from pathlib import Path

import matplotlib as mpl

from experiments.benchmark.tables import CPU
from lgg_seg.comparison.runs import find_runs
from lgg_seg.comparison.segmentation import SegmentationResult
from lgg_seg.comparison.tables import build_leaderboard
from lgg_seg.reporting.formatting import number, one, with_interval
from lgg_seg.reporting.html.costs import training_patients
from lgg_seg.reporting.html.drawing import PALETTE, RC, new_figure
from lgg_seg.reporting.table import ABSENT, Column, markdown_table
from lgg_seg.statistics.bootstrap import Summary, summarise

HERE = Path(__file__).parent
ALL = CPU / "unet_efficientnet_0"
"""The same fold with all its training patients."""


@cache
def results() -> list[SegmentationResult]:
    """The runs beside this file and `ALL`, those with fewest training patients first."""
    [table] = build_leaderboard(find_runs([HERE, ALL])).tables
    return sorted(table.entries, key=lambda entry: training_patients(entry) or 0)


def behind(entry: SegmentationResult) -> Summary:
    """A result's patient Dice minus that with all training patients, over the patients that both tested."""
    return summarise((entry.patients["dice"] - results()[-1].patients["dice"]).to_numpy())


def _behind(entry: SegmentationResult) -> str:
    gap = behind(entry)
    return ABSENT if entry is results()[-1] else with_interval(gap.mean, gap.ci95, "{:+.3f}".format)


COLUMNS = (
    Column("", "training patients", training_patients, "{:.0f}".format),
    Column("", "epochs", lambda entry: entry.runs[0].config["trainer"]["max_epochs"]),
    Column("", "patient Dice, mean (95 % interval)",
           text=lambda entry: with_interval(entry.score, entry.metrics["patient/dice"]["ci95"], number)),
    Column("", "minus all patients", text=_behind),
    Column("", "median", lambda entry: entry.metrics["patient/dice"]["median"], number),
    Column("", "pooled", lambda entry: entry.metrics["pooled/dice"], number),
    Column("", "HD95, median", lambda entry: entry.metrics["patient/hd95_px"]["median"], one),
    Column("", "lesion F1", lambda entry: entry.metrics["lesion/f1"], number),
)  # fmt: skip


def by_training_patients() -> str:
    """A row for each number of training patients."""
    return markdown_table(COLUMNS, results())


def draw() -> None:
    """Write `efficiency.png`: the mean with its interval by the number of training patients."""
    points = [(training_patients(entry) or 0, entry) for entry in results()]
    with mpl.rc_context(RC):
        figure, axes = new_figure(5.2, 3.1)
        for count, entry in points:
            axes.plot([count, count], entry.metrics["patient/dice"]["ci95"], color=PALETTE[0], alpha=0.55)
        axes.plot([count for count, _ in points], [entry.score for _, entry in points], "o-", color=PALETTE[0])
        axes.set(xlabel="patients trained on", ylabel="mean patient Dice", xlim=(0, None))
        axes.grid(axis="y")
        figure.savefig(HERE / "efficiency.png", dpi=110, facecolor="white")
