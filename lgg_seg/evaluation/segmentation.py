"""Testing a network that segments: every patient of a subset measured on the native grid."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from lgg_seg.data.datamodule import PatientVolume
from lgg_seg.evaluation.aggregate import aggregate
from lgg_seg.evaluation.base import Evaluation, Metadata
from lgg_seg.evaluation.settings import EvaluationSettings
from lgg_seg.evaluation.tables import Row, patient_rows, slice_rows
from lgg_seg.inference.runner import TorchRunner, binarise, probabilities, slice_losses
from lgg_seg.metrics.curves import best_threshold
from lgg_seg.metrics.patient import PatientScore, score_patient
from lgg_seg.metrics.strata import patient_strata
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.masks import PatientMasks, write_masks


@dataclass(frozen=True)
class LargestSlice:
    """The slice of a patient with most tumour, for looking at: truth and prediction bool (H, W)."""

    slice_id: int
    truth: npt.NDArray[np.bool_]
    prediction: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SegmentationEvaluation(Evaluation):
    """Masks that were measured."""

    scores: list[PatientScore]
    largest: dict[str, LargestSlice]
    masks: dict[str, PatientMasks]
    losses: list[float]
    seconds: float

    @property
    def patients(self) -> int:
        return len(self.scores)

    @property
    def slice_count(self) -> int:
        return sum(len(score.slices) for score in self.scores)

    def numbers(self, n_bootstrap: int, metadata: Metadata) -> dict[str, Any]:
        """The metrics, the mean Dice of groups of patients, and the calibration's bins."""
        return {
            "metrics": aggregate(self.scores, resamples=n_bootstrap),
            "strata": strata(self.patient_rows(metadata)),
            "calibration_bins": reduce(add, (score.calibration for score in self.scores)).as_dict(),
        }

    def patient_rows(self, metadata: Metadata) -> list[Row]:
        return [row | dict(metadata.get(str(row["patient"]), {})) for row in patient_rows(self.scores)]

    def slice_rows(self) -> list[Row]:
        return slice_rows(self.scores)

    def best_threshold(self) -> float:
        """The threshold with the highest mean patient Dice."""
        value, _ = best_threshold([score.histogram for score in self.scores])
        return value

    def write(self, folder: RunFolder, place: str, content: dict[str, Any], metadata: Metadata) -> None:
        """Write the tables, and `masks.npz` beside them."""
        with folder.writing(f"{place}/masks.npz") as path:
            write_masks(path, self.masks)
        super().write(folder, place, content, metadata)


def evaluate_segmenter(
    segmenter: TorchRunner,
    volumes: Iterable[PatientVolume],
    loss: nn.Module,
    threshold: float,
    settings: EvaluationSettings,
) -> SegmentationEvaluation:
    """Segment and measure the volumes, one after the other."""
    evaluation = SegmentationEvaluation([], {}, {}, [], 0.0)
    seconds = 0.0
    for volume in volumes:
        started = time.perf_counter()
        logits = segmenter.volume_logits(volume.images, volume.statistics)
        probability = probabilities(logits, volume.grid.to_native)
        seconds += time.perf_counter() - started
        prediction = binarise(probability, threshold, settings.postprocess)
        evaluation.scores.append(score_patient(volume.patient, volume.numbers, probability, volume.truth, prediction))
        row = int(volume.truth.sum(axis=(1, 2)).argmax())
        evaluation.largest[volume.patient] = LargestSlice(volume.slices[row], volume.truth[row], prediction[row])
        evaluation.masks[volume.patient] = PatientMasks.pack(volume.numbers, volume.truth, prediction)
        evaluation.losses.extend(slice_losses(logits, volume.masks, loss))
    return replace(evaluation, seconds=seconds)


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
