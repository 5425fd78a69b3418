"""The recipe with one thing changed at a time, a table a search.

Each row is measured on the validation patients of its search's `base`, and compared
with it patient by patient.
"""

from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

from lgg_seg.comparison.runs import Run, find_runs, read_run
from lgg_seg.reporting.formatting import ABSENT, number, one, si, with_interval
from lgg_seg.reporting.table import Column, markdown_table
from lgg_seg.statistics.bootstrap import Summary, summarise

HERE = Path(__file__).parent
SEARCHES = ("h100", "cpu")
AFTER_TRAINING = {"tta": "evaluation.tta", "postprocess": "evaluation.postprocess"}
SWITCHED_OFF = (None, False, "none")


@dataclass(frozen=True)
class Row:
    """What was changed, the content of `metrics.json`, and the patients' Dice minus the recipe's."""

    change: str
    result: dict[str, Any]
    gain: Summary

    @property
    def metrics(self) -> dict[str, Any]:
        """The numbers by name."""
        metrics: dict[str, Any] = self.result["metrics"]
        return metrics

    @property
    def gained(self) -> str:
        """The gain with its interval; a dash for the recipe itself."""
        return with_interval(self.gain.mean, self.gain.ci95, "{:+.3f}".format) if self.gain.std else ABSENT

    @property
    def flops(self) -> float:
        """FLOPs to predict a slice."""
        return float(self.result["cost"]["flops_per_slice"] * (2 if self.result["tta"] else 1))


COLUMNS = (
    Column("", "changed", attrgetter("change"), left=True),
    Column("", "Dice, mean", lambda row: row.metrics["patient/dice"]["mean"], number),
    Column("", "median", lambda row: row.metrics["patient/dice"]["median"], number),
    Column("", "pooled", lambda row: row.metrics["pooled/dice"], number),
    Column("", "minus the recipe's", text=attrgetter("gained")),
    Column("", "recall", lambda row: row.metrics["patient/recall"]["mean"], number),
    Column("", "HD95, median", lambda row: row.metrics["patient/hd95_px"]["median"], one),
    Column("", "lesion F1", lambda row: row.metrics["lesion/f1"], number),
    Column("", "FLOPs a slice", attrgetter("flops"), si),
)


def rows(search: str) -> list[Row]:
    """The recipe of a search, then its changes from the best down."""
    base_folder = HERE / search / "base"
    base = read_run(base_folder, base_folder)
    changed = [run for run in find_runs([HERE / search]) if run.folder.name != "base"]
    evaluations = base_folder / "evaluations"
    evaluated = find_runs([evaluations]) if evaluations.exists() else []
    return [_row(base, base), *sorted((_row(run, base) for run in changed + evaluated), key=lambda r: -r.gain.mean)]


def _row(run: Run, base: Run) -> Row:
    assert run.result is not None, f"{run.place}: {run.reason}"
    words = [word for word in run.overrides if word not in base.overrides and not word.startswith("name=")]
    if run.place != run.folder:  # an evaluation of the recipe, after its training
        chosen = {key: run.result[name] for name, key in AFTER_TRAINING.items()}
        words += [f"{key}={value}".lower() for key, value in chosen.items() if value not in SWITCHED_OFF]
    change = ", ".join(f"`{word}`" for word in words) or "the recipe as it is"
    gaps = run.patients.set_index("patient")["dice"] - base.patients.set_index("patient")["dice"]
    return Row(change, run.result, summarise(gaps.to_numpy()))


def search(name: str) -> str:
    """The table of one of the `SEARCHES`."""
    return markdown_table(COLUMNS, rows(name))
