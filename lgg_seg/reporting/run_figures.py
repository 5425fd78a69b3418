"""The figures of an evaluation, written into a run's folder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np

from lgg_seg.data.datamodule import DataModule
from lgg_seg.evaluation.base import Evaluation
from lgg_seg.evaluation.classification import ClassifierEvaluation
from lgg_seg.evaluation.segmentation import SegmentationEvaluation
from lgg_seg.metrics.curves import THRESHOLDS, counts_at_thresholds, precision_recall_curve, roc_curve
from lgg_seg.metrics.overlap import dice
from lgg_seg.metrics.patient import PatientScore
from lgg_seg.reporting.figures import Panel, operating_curves, panel_grid
from lgg_seg.reporting.run_classification import roc_figure
from lgg_seg.runs.folder import RunFolder

MOST_PATIENTS = 4


@singledispatch
def draw_evaluation(
    evaluation: Evaluation, folder: RunFolder, place: str, data: DataModule, content: dict[str, Any]
) -> None:
    """Write the figures of an evaluation into the folder's `place`; `content` is `metrics.json`'s."""
    raise NotImplementedError(type(evaluation).__name__)


@draw_evaluation.register
def _draw_classifier(
    evaluation: ClassifierEvaluation,
    folder: RunFolder,
    place: str,
    data: DataModule,  # noqa: ARG001  # no slice is drawn
    content: dict[str, Any],
) -> None:
    """Write `roc.png`."""
    with folder.writing(f"{place}/roc.png") as path:
        roc_figure(evaluation, content["metrics"], _title(content)).savefig(path, dpi=150)


@draw_evaluation.register
def _draw_segmentation(
    evaluation: SegmentationEvaluation, folder: RunFolder, place: str, data: DataModule, content: dict[str, Any]
) -> None:
    """Write `roc_pr.png` and `best_and_worst_patients.png`."""
    scores = evaluation.scores
    title = _title(content)
    pooled = np.sum([score.histogram for score in scores], axis=0)
    per_threshold = dice(counts_at_thresholds(np.stack([score.histogram for score in scores]))).mean(axis=0)
    curves = operating_curves(
        roc_curve(pooled),
        precision_recall_curve(pooled),
        (THRESHOLDS, per_threshold),
        content["threshold"]["value"],
        title,
    )
    with folder.writing(f"{place}/roc_pr.png") as path:
        curves.savefig(path, dpi=150)
    ordered = sorted(scores, key=lambda score: (-score.dice, score.patient))
    few = min(MOST_PATIENTS, max(1, len(ordered) // 2))
    rows = {"best": _panels(ordered[:few], evaluation, data)}
    if len(ordered) > 1:
        rows["worst"] = _panels(ordered[::-1][:few], evaluation, data)
    with folder.writing(f"{place}/best_and_worst_patients.png") as path:
        panel_grid(rows, f"{title}: by Dice, the slice with most tumour of each").savefig(path, dpi=130)


def _title(content: dict[str, Any]) -> str:
    return f"{content['patients']} {content['split']} patients, protocol {content['protocol']}"


def _panels(scores: Sequence[PatientScore], evaluation: SegmentationEvaluation, data: DataModule) -> list[Panel]:
    return [
        Panel(
            f"{score.patient}\nDice {score.dice:.3f}",
            data.flair(evaluation.largest[score.patient].slice_id),
            evaluation.largest[score.patient].truth,
            evaluation.largest[score.patient].prediction,
        )
        for score in scores
    ]
