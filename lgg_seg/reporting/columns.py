"""The columns of a leaderboard: where each number is found, what it is called, how it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lgg_seg.comparison.results import SegmentationResult
from lgg_seg.comparison.tables import Leaderboard, SegmentationTable, Unmeasured
from lgg_seg.metrics.registry import PATIENT_METRICS, PatientMetric
from lgg_seg.reporting.formatting import duration, one, si, three

Row = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """`key` in `leaderboard.csv`, `title` for people with its unit, `text` from the number to its words.

    `group` heads it in the HTML page. `better` is +1 where larger is better, -1 where smaller is, 0 where neither.
    """

    group: str
    key: str
    title: str
    value: Callable[[SegmentationResult], float | None]
    text: Callable[[float], str]
    better: int = 0


def _metric(name: str, part: str | None = None) -> Callable[[SegmentationResult], float | None]:
    def value(entry: SegmentationResult) -> float | None:
        found = entry.metrics[name]
        number: float | None = found if part is None or found is None else found[part]
        return number

    return value


def _cost(name: str) -> Callable[[SegmentationResult], float | None]:
    return lambda entry: entry.cost.get(name)


def _validation(entry: SegmentationResult) -> float | None:
    """The best validation Dice of each run's epochs, averaged: what a configuration may be chosen by."""
    best = [
        run.history["val/dice"].max() for run in entry.runs if run.history is not None and "val/dice" in run.history
    ]
    return float(np.mean(best)) if best else None


def _patient_mean(metric: PatientMetric) -> Column:
    return Column(
        metric.group,
        f"patient_{metric.key}",
        ", ".join(filter(None, (metric.title, metric.unit))),
        _metric(f"patient/{metric.key}", "mean"),
        lambda value: format(value, metric.format),
        1 if metric.direction == "max" else -1,
    )


POOLED, SLICES, PROBABILITIES, COST = "all voxels pooled", "slices", "lesions, probabilities", "cost"

_VOXELS_AND_SLICES = (
    Column(POOLED, "pooled_dice", "pooled Dice = F1", _metric("pooled/dice"), three, 1),
    Column(POOLED, "pooled_iou", "pooled IoU", _metric("pooled/iou"), three, 1),
    Column(POOLED, "pooled_recall", "pooled recall", _metric("pooled/recall"), three, 1),
    Column(POOLED, "pooled_precision", "pooled precision", _metric("pooled/precision"), three, 1),
    Column(POOLED, "pooled_accuracy", "pooled accuracy", _metric("pooled/accuracy"), lambda value: f"{value:.4f}", 1),
    Column(SLICES, "tumour_slice_dice", "tumour-slice Dice", _metric("tumour_slice/dice"), three, 1),
)
_OTHERS = (
    Column(SLICES, "detection_auroc", "slice detection AUROC", _metric("detection/auroc"), three, 1),
    Column(
        SLICES,
        "empty_slice_false_positive_rate",
        "empty slices marked",
        _metric("empty_slice/false_positive_rate"),
        three,
        -1,
    ),
    Column(PROBABILITIES, "lesion_f1", "lesion F1", _metric("lesion/f1"), three, 1),
    Column(PROBABILITIES, "calibration_ece", "ECE", _metric("calibration/ece"), lambda value: f"{value:.4f}", -1),
    Column("what chose the epoch", "validation_dice", "validation Dice", _validation, three, 1),
    Column(COST, "parameters", "parameters", _cost("parameters"), si),
    Column(COST, "flops_per_slice", "FLOPs a slice", _cost("flops_per_slice"), si, -1),
    Column(COST, "checkpoint_bytes", "checkpoint, B", _cost("checkpoint_bytes"), si, -1),
    Column(COST, "train_seconds", "training a run", _cost("train_seconds"), duration, -1),
    Column(COST, "slices_per_second", "tested slices/s", _cost("slices_per_second"), one, 1),
    Column(COST, "latency_ms", "latency, ms", _cost("latency_ms"), one, -1),
    Column(COST, "peak_memory_bytes", "peak memory, B", _cost("peak_memory_bytes"), si, -1),
)


def columns() -> tuple[Column, ...]:
    """All columns of the leaderboard in their order: mean and median patient Dice come first."""
    means = {key: _patient_mean(metric) for key, metric in PATIENT_METRICS.items() if metric.in_leaderboard}
    dice = means.pop("dice")
    median = Column(dice.group, "patient_dice_median", "median", _metric("patient/dice", "median"), dice.text, 1)
    return (dice, median, *_VOXELS_AND_SLICES, *means.values(), *_OTHERS)


def rows(board: Leaderboard) -> list[Row]:
    """`leaderboard.csv`: a row an entry, table by table, then a row a run without a result."""
    named = [
        *(entry.settings for table in board.tables for entry in table.entries),
        *(u.settings for u in board.unmeasured),
    ]
    keys = list(dict.fromkeys(key for settings in named for key in settings))
    measured = [
        _entry_row(number, rank, table, entry, keys)
        for number, table in enumerate(board.tables, start=1)
        for rank, entry in enumerate(table.entries, start=1)
    ]
    return [*measured, *(_unmeasured_row(one, keys) for one in board.unmeasured)]


def _entry_row(number: int, rank: int, table: SegmentationTable, entry: SegmentationResult, keys: list[str]) -> Row:
    dice = entry.metrics["patient/dice"]
    low, high = dice["ci95"] or (None, None)
    difference = table.difference(entry)
    return {
        "table": number,
        "rank": rank,
        "configuration": entry.label,
        **{key: entry.settings.get(key) for key in keys},
        "protocol": entry.comparability.protocol.split_protocol,
        "patients": len(entry.comparability.patients),
        "folds": entry.folds,
        "seeds": len(entry.seeds),
        "status": "finished",
        "patient_dice_low": low,
        "patient_dice_high": high,
        "seed_sd": entry.seed_spread,
        "difference_to_best": difference.mean if difference else 0.0,
        "difference_low": difference.ci95[0] if difference and difference.ci95 else None,
        "difference_high": difference.ci95[1] if difference and difference.ci95 else None,
        "wilcoxon_p": difference.p_value if difference else None,
        "holm_p": difference.p_holm if difference else None,
        "share_of_first_ranks": float(table.ranks[rank - 1, 0]),
        **{column.key: column.value(entry) for column in columns()},
        "notes": "; ".join(entry.notes) or None,
    }


def _unmeasured_row(one: Unmeasured, keys: list[str]) -> Row:
    return {
        "configuration": one.label,
        **{key: one.settings.get(key) for key in keys},
        "status": one.run.state,
        "notes": one.run.reason,
    }
