"""Testing a network: every patient of a subset measured on the native grid."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from torch import nn

from lgg_seg.cli.progress import tracked
from lgg_seg.data.datamodule import PatientVolume
from lgg_seg.errors import UserError, require
from lgg_seg.evaluation.aggregate import aggregate
from lgg_seg.evaluation.tables import Row, patient_rows, slice_rows
from lgg_seg.inference.segmenter import Segmenter, binarise, probabilities, slice_losses
from lgg_seg.metrics import METRIC_VERSION
from lgg_seg.metrics.curves import best_threshold
from lgg_seg.metrics.patient import PatientScore, score_patient
from lgg_seg.metrics.strata import patient_strata
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.masks import PatientMasks, write_masks

Subset = Literal["train", "val", "test", "all"]
Facts = Mapping[str, Mapping[str, str]]
"""What is known of each patient beside his pixels; see `DataModule.patient_facts`."""


@dataclass(frozen=True)
class EvaluationSettings:
    """The `evaluation` config group: what turns probabilities into a mask, and how it is summarised.

    `threshold=validation` takes the threshold with the best mean patient Dice on the validation patients instead of
    `fixed_threshold`. `max_patients` tests the first few alone, for trying things; such a result is marked.
    """

    threshold: Literal["fixed", "validation"] = "fixed"
    fixed_threshold: float = 0.5
    postprocess: Literal["none", "largest_component"] = "none"
    batch_size: int = 16
    resamples: int = 10_000
    max_patients: int | None = None

    def __post_init__(self) -> None:
        require(0 <= self.fixed_threshold <= 1, "evaluation.fixed_threshold", self.fixed_threshold, "between 0 and 1")
        require(self.batch_size >= 1, "evaluation.batch_size", self.batch_size, "1 or more")
        require(self.resamples >= 1, "evaluation.resamples", self.resamples, "1 or more")
        if self.max_patients is not None:
            require(self.max_patients >= 1, "evaluation.max_patients", self.max_patients, "1 or more, or null")
        if self.threshold == "validation" and self.postprocess != "none":
            raise UserError(
                "evaluation.threshold=validation is chosen on probabilities and knows nothing of post-processing; "
                "take evaluation.threshold=fixed or evaluation.postprocess=none."
            )


@dataclass(frozen=True)
class LargestSlice:
    """The slice of a patient with most tumour, for looking at: truth and prediction bool (H, W)."""

    slice_id: int
    truth: npt.NDArray[np.bool_]
    prediction: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Evaluation:
    """What was measured on a subset, patient by patient; `seconds` in the network, metrics left out."""

    scores: list[PatientScore]
    largest: dict[str, LargestSlice]
    masks: dict[str, PatientMasks]
    losses: list[float]
    seconds: float

    @property
    def slices(self) -> int:
        """How many slices were measured."""
        return sum(len(score.slices) for score in self.scores)


def evaluate(
    segmenter: Segmenter,
    volumes: Iterable[PatientVolume],
    patients: int,
    loss: nn.Module,
    threshold: float,
    settings: EvaluationSettings,
) -> Evaluation:
    """Measure the volumes of `patients` patients, one after the other."""
    scores: list[PatientScore] = []
    largest: dict[str, LargestSlice] = {}
    masks: dict[str, PatientMasks] = {}
    losses: list[float] = []
    seconds = 0.0
    limit = min(patients, settings.max_patients or patients)
    for _, volume in zip(tracked(range(limit), "testing"), volumes, strict=False):
        started = time.perf_counter()
        logits = segmenter.volume_logits(volume.images, volume.statistics)
        probability = probabilities(logits, volume.geometry.to_native)
        seconds += time.perf_counter() - started
        prediction = binarise(probability, threshold, settings.postprocess)
        scores.append(score_patient(volume.patient, volume.numbers, probability, volume.truth, prediction))
        row = int(volume.truth.sum(axis=(1, 2)).argmax())
        largest[volume.patient] = LargestSlice(volume.slices[row], volume.truth[row], prediction[row])
        masks[volume.patient] = PatientMasks.pack(volume.numbers, volume.truth, prediction)
        losses.extend(slice_losses(logits, volume.masks, loss))
    return Evaluation(scores, largest, masks, losses, seconds)


def choose_threshold(
    segmenter: Segmenter, volumes: Iterable[PatientVolume], patients: int, loss: nn.Module, settings: EvaluationSettings
) -> dict[str, Any]:
    """The threshold to test with, and where it comes from; `volumes` are the validation patients."""
    if settings.threshold == "fixed":
        return {"value": settings.fixed_threshold, "from": "fixed"}
    validation = evaluate(segmenter, volumes, patients, loss, settings.fixed_threshold, settings)
    value, _ = best_threshold([score.histogram for score in validation.scores])
    return {"value": value, "from": "validation"}


def result(
    evaluation: Evaluation,
    subset: Subset,
    protocol: str,
    threshold: dict[str, Any],
    settings: EvaluationSettings,
    facts: Facts,
    cost: dict[str, Any],
) -> dict[str, Any]:
    """The content of `metrics.json`."""
    truncated = settings.max_patients is not None
    return {
        "split": subset,
        "patients": len(evaluation.scores),
        "slices": evaluation.slices,
        "protocol": protocol,
        "truncated": truncated,
        "threshold": threshold,
        "postprocess": settings.postprocess,
        "metric_version": METRIC_VERSION,
        "metrics": {
            **aggregate(evaluation.scores, resamples=settings.resamples),
            "loss": float(np.mean(evaluation.losses)),
        },
        "strata": strata(patient_table(evaluation.scores, facts)),
        "calibration_bins": reduce(add, (score.calibration for score in evaluation.scores)).as_dict(),
        "cost": {**cost, "slices_per_second": evaluation.slices / evaluation.seconds},
    }


def patient_table(scores: Sequence[PatientScore], facts: Facts) -> list[Row]:
    """The rows of `per_patient.csv`."""
    return [row | dict(facts.get(str(row["patient"]), {})) for row in patient_rows(scores)]


def strata(rows: Sequence[Row]) -> dict[str, dict[str, dict[str, float]]]:
    """Mean patient Dice of the groups of `patient_strata`."""
    dice = {row["patient"]: float(row["dice"] or 0) for row in rows}
    return {
        name: {
            group: {"patients": len(patients), "dice": float(np.mean([dice[patient] for patient in patients]))}
            for group, patients in groups.items()
        }
        for name, groups in patient_strata(rows).items()
    }


def write_evaluation(
    folder: RunFolder, place: str, content: dict[str, Any], evaluation: Evaluation, facts: Facts
) -> None:
    """Write `metrics.json`, `per_patient.csv`, `per_slice.csv` and `masks.npz` into the folder's `place`."""
    protocol = {"protocol": content["protocol"]}
    folder.write_table(f"{place}/per_patient.csv", [row | protocol for row in patient_table(evaluation.scores, facts)])
    folder.write_table(f"{place}/per_slice.csv", [row | protocol for row in slice_rows(evaluation.scores)])
    with folder.writing(f"{place}/masks.npz") as path:
        write_masks(path, evaluation.masks)
    folder.write_json(f"{place}/metrics.json", content)
