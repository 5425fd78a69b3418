"""Segmentation: every patient of a subset scored on the native grid; their aggregate, tables and strata."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from torch import nn

from lgg_seg.data.datamodule import PatientVolume
from lgg_seg.errors import UserError
from lgg_seg.evaluation.base import Evaluation, EvaluationSettings, Metadata, Row
from lgg_seg.inference.runner import TorchRunner, binarise, slice_losses, volume_probabilities
from lgg_seg.metrics.arrays import Bools, Floats
from lgg_seg.metrics.calibration import CalibrationBins, expected_calibration_error
from lgg_seg.metrics.curves import PixelCurves, best_threshold, dice_by_threshold, pixel_curves
from lgg_seg.metrics.overlap import COUNTS, Counts, dice, iou, pooled
from lgg_seg.metrics.patient import PatientScore, score_patient
from lgg_seg.metrics.slices import minibatch_means, slice_metrics
from lgg_seg.metrics.strata import patient_strata
from lgg_seg.runs.folder import AtomicFolder
from lgg_seg.runs.masks import PatientMasks, write_masks
from lgg_seg.statistics.bootstrap import RESAMPLES, summarise

Metrics = dict[str, float | int | dict[str, float | list[float] | None] | None]
"""JSON-clean: finite numbers, or None where there was nothing to measure."""


@dataclass(frozen=True)
class LargestSlice:
    """A patient's slice with most tumour, for figures: truth and prediction bool `(H, W)`."""

    slice_id: int
    truth: Bools
    prediction: Bools


@dataclass(frozen=True)
class SegmentationEvaluation(Evaluation):
    """Scores of the patients in their order; by name, their largest slice and their masks; a loss per slice."""

    scores: list[PatientScore]
    largest: dict[str, LargestSlice]
    masks: dict[str, PatientMasks]
    losses: list[float]
    seconds: float
    metadata: Metadata = field(default_factory=dict)

    @property
    def ranked(self) -> list[PatientScore]:
        """The scores from the highest Dice to the lowest."""
        return sorted(self.scores, key=lambda score: (-score.dice, score.patient))

    def numbers(self, n_bootstrap: int) -> dict[str, Any]:
        """The metrics, the mean Dice of the strata, and the calibration's bins."""
        return {
            "metrics": aggregate(self.scores, resamples=n_bootstrap),
            "strata": strata(self.patient_rows()),
            "calibration_bins": _calibration(self.scores).as_dict(),
        }

    def patient_rows(self) -> list[Row]:
        return [row | dict(self.metadata.get(str(row["patient"]), {})) for row in patient_rows(self.scores)]

    def slice_rows(self) -> list[Row]:
        return slice_rows(self.scores)

    def best_threshold(self) -> float:
        """The threshold with the highest mean patient Dice."""
        return best_threshold(self.dice_by_threshold())

    def dice_by_threshold(self) -> Floats:
        """Mean patient Dice `(201,)` by `curves.THRESHOLDS`, before any post-processing."""
        return dice_by_threshold([score.histogram for score in self.scores])

    def pixel_curves(self) -> PixelCurves | None:
        """ROC and precision-recall of all pixels; None where these are of one class."""
        return pixel_curves(reduce(add, (score.ranks for score in self.scores)))

    def write(self, folder: AtomicFolder, content: dict[str, Any]) -> None:
        """Write the tables, and `masks.npz` beside them."""
        with folder.writing("masks.npz") as path:
            write_masks(path, self.masks)
        super().write(folder, content)


def evaluate_segmenter(
    runner: TorchRunner,
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
        probability, logits = volume_probabilities(
            runner, volume.images, volume.statistics, volume.grid.to_native, settings.tta
        )
        seconds += time.perf_counter() - started
        prediction = binarise(probability, threshold, settings.postprocess)
        evaluation.scores.append(score_patient(volume.patient, volume.numbers, probability, volume.truth, prediction))
        row = int(volume.truth.sum(axis=(1, 2)).argmax())
        evaluation.largest[volume.patient] = LargestSlice(volume.slices[row], volume.truth[row], prediction[row])
        evaluation.masks[volume.patient] = PatientMasks.pack(volume.numbers, volume.truth, prediction)
        evaluation.losses.extend(slice_losses(logits, volume.masks, loss))
    return replace(evaluation, seconds=seconds)


def aggregate(scores: Sequence[PatientScore], *, resamples: int = RESAMPLES) -> Metrics:
    """The metrics of `metrics.json`, all but the loss, whatever the order of the patients.

    - `patient/*`: mean, median, standard deviation and bootstrap interval over patients of each of `PATIENT_METRICS`.
    - `pooled/*`: of the counts of all voxels of all patients together.
    - `slice/dice`, `slice/iou`: mean over all slices; `tumour_slice/dice`: over those with tumour.
    - `minibatch/*`: study 000's way of averaging, not comparable; see `minibatch_means`.
    - `empty_slice/false_positive_rate`: share of the slices without tumour in which a pixel is predicted.
    - `detection/*`: see `slice_metrics`; `lesion/f1`: of the lesions of all patients together.
    - `patients/*`: number of patients without tumour, without prediction, with tumour of which no voxel is detected.
    """
    ordered = sorted(scores, key=lambda score: score.patient)
    names = [score.patient for score in ordered]
    if not names or len(set(names)) < len(names):
        raise UserError(f"Need every evaluated patient once and at least one, got {names}: check the runs' splits.")
    slices = Counts.concatenate([score.by_slice for score in ordered])
    peaks = np.concatenate([score.max_probability for score in ordered])
    slice_dice = dice(slices)
    return {
        **{
            f"patient/{key}": summarise([score.values[key] for score in ordered], resamples).as_dict()
            for key in ordered[0].values
        },
        **pooled(slices.sum()),
        "slice/dice": float(slice_dice.mean()),
        "slice/iou": float(iou(slices).mean()),
        **slice_metrics(np.asarray(slices.truth) > 0, np.asarray(slices.predicted) > 0, slice_dice, peaks),
        **minibatch_means(slices),
        "lesion/f1": float(dice(reduce(add, (score.lesions for score in ordered)))),
        "calibration/ece": expected_calibration_error(_calibration(ordered)),
        "patients/empty_truth": sum(score.counts.truth == 0 for score in ordered),
        "patients/empty_prediction": sum(score.counts.predicted == 0 for score in ordered),
        "patients/missed": sum(bool(score.counts.truth > 0 and score.counts.tp == 0) for score in ordered),
    }


def patient_rows(scores: Sequence[PatientScore]) -> list[Row]:
    """A row a patient, in the order given; counts in voxels, distances in pixels."""
    return [
        {
            "patient": score.patient,
            "slices": len(score.numbers),
            "tumour_slices": int(np.count_nonzero(score.by_slice.truth)),
            **{name: int(getattr(score.counts, name)) for name in COUNTS},
            "truth_voxels": int(score.counts.truth),
            "predicted_voxels": int(score.counts.predicted),
            "prediction_empty": bool(score.counts.predicted == 0),
            **score.values,
            **{f"lesion_{name}": int(getattr(score.lesions, name)) for name in ("tp", "fp", "fn")},
            "boundary_complexity": score.boundary_irregularity,
        }
        for score in scores
    ]


def slice_rows(scores: Sequence[PatientScore]) -> list[Row]:
    """A row a slice, patient by patient in the order given; counts in pixels."""
    rows: list[Row] = []
    for score in scores:
        counts = score.by_slice
        columns = {
            "slice": score.numbers,
            **{name: getattr(counts, name) for name in COUNTS},
            "truth_pixels": counts.truth,
            "predicted_pixels": counts.predicted,
            "dice": dice(counts),
            "iou": iou(counts),
            "max_probability": score.max_probability,
        }
        values = zip(*(np.asarray(column).tolist() for column in columns.values()), strict=True)
        rows += [{"patient": score.patient, **dict(zip(columns, row, strict=True))} for row in values]
    return rows


def strata(rows: Sequence[Row]) -> dict[str, dict[str, dict[str, float]]]:
    """Mean patient Dice of the groups of `patient_strata`."""
    patient_dice = {row["patient"]: float(row["dice"] or 0) for row in rows}
    return {
        name: {
            group: {"patients": len(patients), "dice": float(np.mean([patient_dice[one] for one in patients]))}
            for group, patients in groups.items()
        }
        for name, groups in patient_strata(rows).items()
    }


def _calibration(scores: Iterable[PatientScore]) -> CalibrationBins:
    return reduce(add, (score.calibration for score in scores))
