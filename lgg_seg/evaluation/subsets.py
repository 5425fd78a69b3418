"""The patients of a subset measured by a trained network, and the threshold chosen on those of validation."""

from dataclasses import replace
from typing import Any

from torch import nn

from lgg_seg.cli.progress import tracked
from lgg_seg.data.datamodule import DataModule
from lgg_seg.data.labels import slice_labels
from lgg_seg.data.splits.split import Subset
from lgg_seg.evaluation.base import Evaluation, EvaluationSettings
from lgg_seg.evaluation.classification import evaluate_classifier
from lgg_seg.evaluation.segmentation import evaluate_segmenter
from lgg_seg.inference.runner import TorchRunner
from lgg_seg.networks import SliceClassifier


def evaluate(
    runner: TorchRunner,
    data: DataModule,
    subset: Subset,
    loss: nn.Module,
    threshold: float,
    settings: EvaluationSettings,
) -> Evaluation:
    """Measure the patients of a subset, with a progress bar."""
    count = min(data.patient_count(subset), settings.max_patients or data.patient_count(subset))
    volumes = (volume for _, volume in zip(tracked(range(count), "testing"), data.volumes(subset), strict=False))
    if isinstance(runner.network, SliceClassifier):
        target = runner.network.target
        labels = slice_labels(data.index, target)
        classified = evaluate_classifier(runner, target, labels, volumes, loss, threshold)
        return replace(classified, metadata=data.patient_metadata)
    segmented = evaluate_segmenter(runner, volumes, loss, threshold, settings)
    return replace(segmented, metadata=data.patient_metadata)


def choose_threshold(
    runner: TorchRunner, data: DataModule, loss: nn.Module, settings: EvaluationSettings
) -> dict[str, Any]:
    """The threshold to test with and where it comes from; `validation` is the best one of the validation patients."""
    if settings.threshold == "fixed":
        return {"value": settings.fixed_threshold, "from": "fixed"}
    validation = evaluate(runner, data, "val", loss, settings.fixed_threshold, settings)
    return {"value": validation.best_threshold(), "from": "validation"}
