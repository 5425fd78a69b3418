"""The result of a run as a table on the terminal."""

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


def print_result(result: dict[str, Any], title: str) -> None:
    """Print the table to stdout."""
    Console().print(result_table(result, title))
