"""The recipe with one thing changed at a time, as a table: `python -m experiments.recipe`, in the folder of a checkout.

Each row is measured on the validation patients of `base`, and compared with it patient by patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import pandas as pd

from lgg_seg.comparison.runs import Run, find_runs, read_run
from lgg_seg.reporting.formatting import duration, number, one, with_interval
from lgg_seg.reporting.table import Column, markdown_table
from lgg_seg.statistics.bootstrap import Summary, summarise

HERE = Path(__file__).parent
AFTER_TRAINING = {"tta": "evaluation.tta", "postprocess": "evaluation.postprocess"}
SWITCHED_OFF = (None, False, "none")


@dataclass(frozen=True)
class Row:
    """What was changed and what came of it: `metrics.json`, and the gain in Dice over the patients of the recipe."""

    change: str
    metrics: dict[str, Any]
    gain: Summary
    seconds: float

    @property
    def dice(self) -> dict[str, Any]:
        """Mean, median and interval of the patients' Dice."""
        dice: dict[str, Any] = self.metrics["patient/dice"]
        return dice


COLUMNS = (
    Column("", "changed", attrgetter("change"), left=True),
    Column("", "Dice, mean", lambda row: row.dice["mean"], number),
    Column("", "median", lambda row: row.dice["median"], number),
    Column("", "pooled", lambda row: row.metrics["pooled/dice"], number),
    Column("", "minus the recipe's", text=lambda row: with_interval(row.gain.mean, row.gain.ci95, "{:+.3f}".format)),
    Column("", "HD95, median", lambda row: row.metrics["patient/hd95_px"]["median"], one),
    Column("", "lesion F1", lambda row: row.metrics["lesion/f1"], number),
    Column("", "training", attrgetter("seconds"), duration),
)


def rows() -> list[Row]:
    """The recipe, then its changes from the best down."""
    base = read_run(HERE / "base", HERE / "base")
    everything = [*find_runs([HERE]), *find_runs([HERE / "base" / "evaluations"])]
    found = [_row(run, base) for run in everything if run.place != base.place.resolve()]
    return [_row(base, base), *sorted(found, key=lambda row: -row.gain.mean)]


def _row(run: Run, base: Run) -> Row:
    result = run.result or {}
    settled = result if run.place != run.folder else {}
    words = [word for word in run.overrides if word not in base.overrides and not word.startswith("name=")]
    words += [f"{key}={settled[name]}" for name, key in AFTER_TRAINING.items() if settled.get(name) not in SWITCHED_OFF]
    gaps = _dice(run) - _dice(base)
    return Row(
        ", ".join(f"`{word}`" for word in words if not word.endswith("=none")) or "the recipe as it is",
        result["metrics"],
        summarise(gaps.to_numpy()),
        run.result["cost"]["train_seconds"],
    )


def _dice(run: Run) -> pd.Series[float]:
    assert run.patients is not None  # every run here has finished
    return run.patients.set_index("patient")["dice"]


if __name__ == "__main__":
    print(markdown_table(COLUMNS, rows()))
