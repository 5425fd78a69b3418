"""The figures of an evaluation, written into a run's folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lgg_seg.data.datamodule import DataModule
from lgg_seg.evaluation.segmentation import Evaluation
from lgg_seg.metrics.curves import THRESHOLDS, counts_at_thresholds, precision_recall_curve, roc_curve
from lgg_seg.metrics.overlap import dice
from lgg_seg.metrics.patient import PatientScore
from lgg_seg.reporting.figures import Panel, operating_curves, panel_grid
from lgg_seg.runs.folder import RunFolder

MOST_PATIENTS = 4


def draw_evaluation(
    folder: RunFolder, place: str, evaluation: Evaluation, data: DataModule, content: dict[str, Any]
) -> None:
    """Write `roc_pr.png` and `best_and_worst_patients.png` into the folder's `place`; `content` is `metrics.json`'s."""
    scores = evaluation.scores
    title = f"{len(scores)} {content['split']} patients, protocol {content['protocol']}"
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


def _panels(scores: Sequence[PatientScore], evaluation: Evaluation, data: DataModule) -> list[Panel]:
    return [
        Panel(
            f"{score.patient}\nDice {score.dice:.3f}",
            data.flair(evaluation.largest[score.patient].slice_id),
            evaluation.largest[score.patient].truth,
            evaluation.largest[score.patient].prediction,
        )
        for score in scores
    ]
