"""Everything measured on one patient, kept with the raw counts it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lgg_seg.errors import UserError
from lgg_seg.metrics.arrays import Bools, Floats32, Ints, check_masks, check_probability
from lgg_seg.metrics.boundary import boundary_irregularity
from lgg_seg.metrics.calibration import CalibrationBins, calibration_bins
from lgg_seg.metrics.counts import Counts, confusion
from lgg_seg.metrics.curves import probability_histogram
from lgg_seg.metrics.lesion import lesion_counts
from lgg_seg.metrics.overlap import dice, iou
from lgg_seg.metrics.registry import PATIENT_METRICS, PatientVolumes


@dataclass(frozen=True)
class SliceScore:
    """One slice. `number` is its place in the volume; `max_probability` is the largest P(tumour) of its pixels."""

    patient: str
    number: int
    counts: Counts
    max_probability: float

    @property
    def truth_pixels(self) -> int:
        return int(self.counts.truth)

    @property
    def predicted_pixels(self) -> int:
        return int(self.counts.predicted)

    @property
    def dice(self) -> float:
        return float(dice(self.counts))

    @property
    def iou(self) -> float:
        return float(iou(self.counts))


@dataclass(frozen=True)
class PatientScore:
    """One patient's volume: counts over all its slices, lesions in 3D, and `values` by the keys of `PATIENT_METRICS`.

    `lesions` are the counts of `lesion.lesion_counts`; `boundary_irregularity` is that of the true tumour; `histogram`
    and `calibration` describe the probabilities, before any post-processing of the prediction.
    """

    patient: str
    slices: tuple[SliceScore, ...]
    counts: Counts
    values: Mapping[str, float]
    lesions: Counts
    boundary_irregularity: float | None
    histogram: Ints = field(repr=False, compare=False)
    calibration: CalibrationBins = field(repr=False, compare=False)

    @property
    def truth_voxels(self) -> int:
        return int(self.counts.truth)

    @property
    def predicted_voxels(self) -> int:
        return int(self.counts.predicted)

    @property
    def truth_empty(self) -> bool:
        return self.truth_voxels == 0

    @property
    def prediction_empty(self) -> bool:
        return self.predicted_voxels == 0

    @property
    def dice(self) -> float:
        return self.values["dice"]


def score_patient(
    patient: str, numbers: Sequence[int], probability: Floats32, truth: Bools, prediction: Bools
) -> PatientScore:
    """Measure one patient on the native grid.

    Args:
        patient: the patient's name, for the tables and the errors.
        numbers: the slices' numbers, ascending, as many as there are slices.
        probability: P(tumour), float32 `(D, H, W)` in [0, 1].
        truth: the untouched mask, bool `(D, H, W)`.
        prediction: the mask to be measured, bool `(D, H, W)`; given apart from the probability because post-processing
            may have changed it.

    Raises:
        UserError: if a probability is not a number of [0, 1].
        TypeError: if an array has another dtype.
        ValueError: if the shapes, or the numbers and the slices, do not agree.
    """
    check_masks(prediction, truth)
    check_probability(probability, truth)
    if truth.ndim != 3 or len(numbers) != len(truth) or len(numbers) == 0 or np.any(np.diff(numbers) <= 0):
        raise ValueError(f"{patient}: need ascending numbers for a (D, H, W) volume, got {numbers} for {truth.shape}")
    if not (probability.min() >= 0 and probability.max() <= 1):
        raise UserError(
            f"Patient {patient}: some of the network's probabilities are not numbers in [0, 1]: its weights have "
            "diverged or are damaged; take an earlier checkpoint, or train again with a lower learning rate."
        )
    by_slice = confusion(prediction, truth)
    peaks = probability.max(axis=(1, 2))
    volumes = PatientVolumes(prediction, truth, by_slice.sum())
    return PatientScore(
        patient=patient,
        slices=tuple(
            SliceScore(patient, int(number), counts, max_probability=float(peak))
            for number, counts, peak in zip(numbers, by_slice.each(), peaks, strict=True)
        ),
        counts=volumes.counts,
        values={key: metric.function(volumes) for key, metric in PATIENT_METRICS.items()},
        lesions=lesion_counts(prediction, truth),
        boundary_irregularity=boundary_irregularity(truth),
        histogram=probability_histogram(probability, truth),
        calibration=calibration_bins(probability, truth),
    )
