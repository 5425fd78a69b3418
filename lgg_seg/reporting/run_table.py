"""The result of a run as a table on the terminal."""

from collections.abc import Sequence
from functools import partial
from operator import itemgetter
from typing import Any

from rich.console import Console
from rich.table import Table

from lgg_seg.metrics.registry import PATIENT_METRICS
from lgg_seg.reporting.formatting import counted, interval, number
from lgg_seg.reporting.table import Column, rich_table

TARGETS = {"tumour": "does the slice show tumour?", "grade": "is the tumour of WHO grade III rather than II?"}
"""What a classifier decides, by `target`."""

SINGLE = (
    "pooled/dice", "pooled/iou", "pooled/recall", "pooled/precision", "tumour_slice/dice", "slice/dice",
    "empty_slice/false_positive_rate", "detection/recall", "detection/specificity", "detection/auroc", "lesion/f1",
    "calibration/ece", "loss",
)  # fmt: skip
"""Metrics without an interval."""


def result_table(result: dict[str, Any], title: str) -> Table:
    """`metrics.json` for people: the metrics with their intervals, then the single numbers."""
    titles, headline, names = ["metric", "value", "95 % interval"], "slice/auroc", list(result["metrics"])
    if result.get("task") != "classification":
        titles, headline = ["metric", "mean", "95 % interval", "median", "sd"], "patient/dice"
        names = [*(f"patient/{key}" for key in PATIENT_METRICS), *SINGLE]
    columns = [Column("", name, itemgetter(k), left=k == 0) for k, name in enumerate(titles)]
    rows = [_row(name, result["metrics"][name]) for name in names]
    table = rich_table(columns, rows, title, caption(result), lambda row: "bold" if row[0] == headline else None)
    if "patient/dice" in names:
        table.rows[len(PATIENT_METRICS) - 1].end_section = True
    return table


def _row(name: str, value: Any) -> list[str]:
    """Texts of a metric; a single number has no interval and no spread."""
    if not isinstance(value, dict):
        return [name, number(value), "", "", ""]
    numbers = [number(value[key]) for key in ("mean", "value", "median", "std") if key in value]
    return [name, numbers[0], interval(value["ci95"]), *numbers[1:]]


def caption(result: dict[str, Any]) -> str:
    """What the numbers are of, with every reservation a reader must know."""
    threshold = result["threshold"]
    patients, slices = counted(result["patients"], f"{result['split']} patient"), counted(result["slices"], "slice")
    lines = [
        f"{patients}, {slices}, protocol {result['protocol']}",
        f"threshold {threshold['value']:g} ({threshold['from']}), post-processing {result['postprocess']}"
        + (", test-time augmentation" if result.get("tta") else ""),
    ]
    if "target" in result:
        yes = f"{result['positive_slices']} of {result['slices']} slices: yes"
        lines.insert(0, f"{TARGETS[result['target']]} {yes}")
    if result["truncated"]:
        lines.append("TRUNCATED: evaluation.max_patients was set")
    if result.get("seen_patients"):
        lines.append(f"SEEN: {result['seen_patients']} of these patients were trained on or chose the checkpoint")
    return "\n".join(lines)


def subsets_table(results: Sequence[dict[str, Any]], title: str) -> Table:
    """A row for each `metrics.json` of one segmentation run: training and test patients as in study 000's table 2."""
    names = {"loss": "loss", "minibatch/iou": "IoU", "minibatch/dice": "Dice", "minibatch/recall": "recall"}
    columns = [Column("", "patients", lambda one: one["split"], left=True)]
    columns += [Column("", names[name], partial(_metric, name), number) for name in names]
    columns.append(Column("", "patient Dice", lambda one: one["metrics"]["patient/dice"]["mean"], number))
    return rich_table(columns, results, title, "IoU, Dice and recall are means over mini-batches")


def _metric(name: str, result: dict[str, Any]) -> float | None:
    value: float | None = result["metrics"].get(name)  # mini-batches are younger than some runs
    return value


def print_result(result: dict[str, Any], title: str) -> None:
    """Print the table to stdout."""
    Console().print(result_table(result, title))
