"""Everything measured on one patient, kept with the raw counts it was made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lgg_seg.metrics.arrays import Bools, Floats32, Ints, check_masks, check_probability, check_range
from lgg_seg.metrics.calibration import CalibrationBins, calibration_bins
from lgg_seg.metrics.curves import probability_histogram, rank_histogram
from lgg_seg.metrics.morphology import boundary_irregularity, lesion_counts
from lgg_seg.metrics.overlap import Counts, confusion
from lgg_seg.metrics.registry import PATIENT_METRICS, PatientVolumes


@dataclass(frozen=True)
class PatientScore:
    """One patient's volume: counts over all its slices, lesions in 3D, and `values` by the keys of `PATIENT_METRICS`.

    `numbers` are the slices' places in the volume, `by_slice` their counts and `max_probability` their largest
    P(tumour), each `(D,)`. `lesions` are the counts of `morphology.lesion_counts`; `boundary_irregularity` is that of
    the true tumour; `histogram`, `ranks` and `calibration` describe the probabilities, before any post-processing.
    """

    patient: str
    numbers: tuple[int, ...]
    by_slice: Counts = field(repr=False, compare=False)
    max_probability: Floats32 = field(repr=False, compare=False)
    counts: Counts
    values: Mapping[str, float]
    lesions: Counts
    boundary_irregularity: float | None
    histogram: Ints = field(repr=False, compare=False)
    ranks: Ints = field(repr=False, compare=False)
    calibration: CalibrationBins = field(repr=False, compare=False)

    @property
    def dice(self) -> float:
        return self.values["dice"]


def score_patient(
    patient: str, numbers: Sequence[int], probability: Floats32, truth: Bools, prediction: Bools
) -> PatientScore:
    """Measure one patient on the native grid, all `(D, H, W)`: P(tumour) float32 in [0, 1], and two masks, bool.

    `numbers` are the slices', ascending; `truth` is the untouched mask, `prediction` the one to be measured, which
    post-processing may have changed.
    """
    check_masks(prediction, truth)
    check_probability(probability, truth)
    if truth.ndim != 3 or len(numbers) != len(truth) or len(numbers) == 0 or np.any(np.diff(numbers) <= 0):
        raise ValueError(f"{patient}: need ascending numbers for a (D, H, W) volume, got {numbers} for {truth.shape}")
    check_range(probability, f"Patient {patient}")
    by_slice = confusion(prediction, truth)
    volumes = PatientVolumes(prediction, truth, by_slice.sum())
    return PatientScore(
        patient=patient,
        numbers=tuple(int(number) for number in numbers),
        by_slice=by_slice,
        max_probability=probability.max(axis=(1, 2)),
        counts=volumes.counts,
        values={key: metric.function(volumes) for key, metric in PATIENT_METRICS.items()},
        lesions=lesion_counts(prediction, truth),
        boundary_irregularity=boundary_irregularity(truth),
        histogram=probability_histogram(probability, truth),
        ranks=rank_histogram(probability, truth),
        calibration=calibration_bins(probability, truth),
    )
