"""The columns of the leaderboard, for segmentation networks and for classifiers, in the order of `leaderboard.csv`."""

from collections.abc import Callable, Iterable
from operator import attrgetter

import numpy as np

from lgg_seg.comparison.classification import HEADLINE, ClassifierResult
from lgg_seg.comparison.segmentation import SegmentationResult
from lgg_seg.metrics.registry import PATIENT_METRICS, PatientMetric
from lgg_seg.reporting.formatting import (
    ABSENT,
    byte_size,
    duration,
    one,
    p_value,
    si,
    three,
    with_interval,
    with_spread,
)
from lgg_seg.reporting.table import Column, Function, bounds, select

Result = SegmentationResult | ClassifierResult

POOLED, SLICES, PROBABILITIES, COST = "all voxels pooled", "slices", "lesions, probabilities", "cost"


def headline(entry: SegmentationResult) -> str:
    """Mean patient Dice with its interval."""
    dice = entry.metrics["patient/dice"]
    return with_interval(dice["mean"], dice["ci95"])


def difference(entry: Result) -> str:
    """Mean difference to the best with its interval; a dash for the best."""
    return with_interval(entry.difference.mean, entry.difference.ci95) if entry.difference else ABSENT


def holm_p(entry: Result) -> str:
    """The corrected p of the difference to the best; a dash for the best."""
    return p_value(entry.difference.p_holm if entry.difference else None)


def _item(attribute: str, key: str) -> Function:
    return lambda entry: getattr(entry, attribute).get(key)


def _patient_metric(metric: PatientMetric, statistic: str = "mean") -> Column:
    def value(entry: SegmentationResult) -> float | None:
        summary = entry.metrics[f"patient/{metric.key}"]
        return None if summary is None else summary[statistic]

    key, title = f"patient_{metric.key}", f"mean {', '.join(filter(None, (metric.title, metric.unit)))}"
    if statistic != "mean":
        key, title = f"{key}_{statistic}", statistic
    better = 1 if metric.direction == "max" else -1
    return Column(key, title, value, f"{{:{metric.format}}}".format, group=metric.group, better=better)


def _validation_dice(entry: SegmentationResult) -> float | None:
    """The best validation Dice of each run's epochs, averaged: what a configuration may be chosen by."""
    histories = [run.history for run in entry.runs if "val/dice" in run.history]
    return float(np.mean([history["val/dice"].max() for history in histories])) if histories else None


def _metric(group: str, name: str, title: str, text: Callable[[float], str] = three, better: int = 1) -> Column:
    return Column(name.replace("/", "_"), title, _item("metrics", name), text, group=group, better=better)


def _cost(key: str, title: str, text: Callable[[float], str], better: int = -1) -> Column:
    return Column(key, title, _item("cost", key), text, group=COST, better=better)


_VOXELS_AND_SLICES = (
    _metric(POOLED, "pooled/dice", "pooled Dice = F1"),
    _metric(POOLED, "pooled/iou", "pooled IoU"),
    _metric(POOLED, "pooled/recall", "pooled recall"),
    _metric(POOLED, "pooled/precision", "pooled precision"),
    _metric(POOLED, "pooled/accuracy", "pooled accuracy", "{:.4f}".format),
    _metric(SLICES, "tumour_slice/dice", "tumour-slice Dice"),
)
_OTHERS = (
    _metric(SLICES, "detection/auroc", "slice detection AUROC"),
    _metric(SLICES, "empty_slice/false_positive_rate", "empty slices marked", better=-1),
    _metric(PROBABILITIES, "lesion/f1", "lesion F1"),
    _metric(PROBABILITIES, "calibration/ece", "ECE", "{:.4f}".format, better=-1),
    Column("validation_dice", "validation Dice", _validation_dice, three, group="best of the epochs", better=1),
)
_COSTS = (
    _cost("parameters", "parameters", si, 0),
    _cost("flops_per_slice", "FLOPs a slice", si),
    _cost("checkpoint_bytes", "checkpoint", byte_size),
    _cost("train_seconds", "training a run", duration),
    _cost("slices_per_second", "tested slices/s", one, 1),
    _cost("latency_ms", "latency, ms", one),
    _cost("peak_memory_bytes", "peak memory", byte_size),
)
_SEED_SD = Column("seed_sd", None, attrgetter("seed_spread"))
_NOTES = Column("notes", None, lambda entry: "; ".join(entry.notes) or None)


def metric_columns() -> list[Column]:
    """Metrics and costs of a segmentation network: mean and median patient Dice come first."""
    dice, *others = (metric for metric in PATIENT_METRICS.values() if metric.in_leaderboard)
    median = _patient_metric(dice, "median")
    return [_patient_metric(dice), median, *_VOXELS_AND_SLICES, *map(_patient_metric, others), *_OTHERS, *_COSTS]


def segmentation_columns(settings: Iterable[str] = ()) -> list[Column]:
    """Columns of segmentation networks; `settings` are the keys in which the configurations differ."""
    dice, *metrics = metric_columns()
    share = attrgetter("ranked_first")
    return [
        *_identity("configuration", settings),
        *bounds("patient_dice", lambda entry: entry.metrics["patient/dice"]["ci95"]),
        _SEED_SD,
        *_differences("wilcoxon_p"),
        Column("share_of_first_ranks", "ranked first", share, "{:.0%}".format),
        Column(dice.key, f"{dice.title} (95 %)", dice.value, text=headline),
        *metrics,
        _NOTES,
    ]


_SLICE_MEASURES = ("accuracy", "f1", "average_precision", "recall", "specificity", "precision", "brier")
ESTIMATES = (*(f"slice/{name}" for name in _SLICE_MEASURES), "patient/auroc", "patient/accuracy", "patient/f1")


def classifier_columns(settings: Iterable[str] = ()) -> list[Column]:
    """Columns of classifiers; `settings` are the keys in which they differ."""
    rank, name, *others = _identity("classifier", settings)
    return [
        rank,
        name,
        Column("target", None, attrgetter("comparability.protocol.target")),
        *others,
        _SEED_SD,
        *bounds("slice_auroc", lambda entry: entry.estimates[HEADLINE].ci95),
        *_differences("bootstrap_p"),
        _estimate(HEADLINE, "slice AUROC (95 %)"),
        *(_estimate(name, name) for name in ESTIMATES),
        *select(_COSTS, "parameters", "flops_per_slice", "train_seconds", "slices_per_second", "latency_ms"),
        _NOTES,
    ]


def estimated(name: str) -> Function:
    return lambda entry: entry.estimates[name].value


def _estimate(name: str, title: str) -> Column:
    def text(entry: ClassifierResult) -> str:
        return with_interval(entry.estimates[name].value, entry.estimates[name].ci95)

    return Column(name.replace("/", "_"), title, estimated(name), text=text)


def _seeds(entry: Result) -> str:
    return with_spread(len(entry.seeds), entry.seed_spread)


def _identity(title: str, settings: Iterable[str]) -> list[Column]:
    """What every result has: its rank, configuration, and what was measured."""
    return [
        Column("rank", "", attrgetter("rank")),
        Column("configuration", title, attrgetter("label"), left=True),
        *(Column(key, None, _item("settings", key)) for key in settings),
        Column("protocol", None, attrgetter("comparability.protocol.split_protocol")),
        Column("patients", None, lambda entry: len(entry.comparability.patients)),
        Column("folds", "folds", attrgetter("folds")),
        Column("seeds", "seeds ± SD", lambda entry: len(entry.seeds), text=_seeds),
        Column("status", "status", attrgetter("status"), text=lambda entry: "; ".join((entry.status, *entry.notes))),
    ]


def _differences(p_key: str) -> list[Column]:
    def of_difference(name: str, of_best: float | None = None) -> Function:
        return lambda entry: getattr(entry.difference, name) if entry.difference else of_best

    return [
        Column("difference_to_best", "difference to best (95 %)", of_difference("mean", 0.0), text=difference),
        *bounds("difference", of_difference("ci95")),
        Column(p_key, None, of_difference("p_value")),
        Column("holm_p", "Holm p", of_difference("p_holm"), text=holm_p),
    ]
