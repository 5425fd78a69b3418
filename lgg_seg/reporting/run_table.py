"""The result of a run as a table on the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from lgg_seg.metrics.registry import PATIENT_METRICS
from lgg_seg.reporting.formatting import number
from lgg_seg.reporting.run_classification import classification_table

SINGLE = (
    "pooled/dice",
    "pooled/iou",
    "pooled/recall",
    "pooled/precision",
    "tumour_slice/dice",
    "slice/dice",
    "empty_slice/false_positive_rate",
    "detection/recall",
    "detection/specificity",
    "detection/auroc",
    "lesion/f1",
    "calibration/ece",
    "loss",
)


def result_table(result: dict[str, Any], title: str) -> Table:
    """`metrics.json` for people: the patient metrics with their intervals, then the single numbers."""
    metrics = result["metrics"]
    table = Table(title=title, caption=caption(result), title_justify="left", caption_justify="left")
    for column in ("metric", "mean", "95 % interval", "median", "sd"):
        table.add_column(column, justify="left" if column == "metric" else "right")
    for key in PATIENT_METRICS:
        summary = metrics[f"patient/{key}"]
        table.add_row(
            f"patient/{key}",
            number(summary["mean"]),
            " to ".join(map(number, summary["ci95"])) if summary["ci95"] else "-",  # one patient has none
            number(summary["median"]),
            number(summary["std"]),
            style="bold" if key == "dice" else None,
        )
    table.add_section()
    for name in SINGLE:
        table.add_row(name, number(metrics[name]))
    return table


def caption(result: dict[str, Any]) -> str:
    """What the numbers are of, with every reservation a reader must know."""
    threshold = result["threshold"]
    parts = [
        f"{result['patients']} {result['split']} patients, {result['slices']} slices, protocol {result['protocol']}",
        f"threshold {threshold['value']:g} ({threshold['from']}), post-processing {result['postprocess']}",
    ]
    if result["truncated"]:
        parts.append("TRUNCATED: not all patients were tested")
    if result.get("seen_patients"):
        parts.append(f"SEEN: {result['seen_patients']} of these patients were trained on or chose the checkpoint")
    return "\n".join(parts)


def print_result(result: dict[str, Any], title: str) -> None:
    """Print the table to stdout."""
    classifies = result.get("task") == "classification"
    table = classification_table(result, title, caption(result)) if classifies else result_table(result, title)
    Console().print(table)
