"""From patients' scores to the numbers of a result table: the "metrics" of `metrics.json`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import add

import numpy as np

from lgg_seg.errors import UserError
from lgg_seg.metrics.calibration import expected_calibration_error
from lgg_seg.metrics.counts import Counts
from lgg_seg.metrics.detection import slice_metrics
from lgg_seg.metrics.minibatch import minibatch_means
from lgg_seg.metrics.overlap import dice, pooled
from lgg_seg.metrics.patient import PatientScore
from lgg_seg.statistics.bootstrap import summarise

Metrics = dict[str, float | int | dict[str, float | list[float] | None] | None]
"""JSON-clean: finite numbers, or None where there was nothing to measure."""


def aggregate(scores: Sequence[PatientScore], *, resamples: int = 10_000, seed: int = 0) -> Metrics:
    """The metrics of `metrics.json`, all but the loss, whatever the order of the patients.

    - `patient/*`: mean, median, standard deviation and bootstrap interval over patients of each of `PATIENT_METRICS`.
    - `pooled/*`: of the counts of all voxels of all patients together.
    - `slice/dice`, `slice/iou`: mean over all slices; `tumour_slice/dice`: over those with tumour.
    - `minibatch/*`: study 000's way of averaging, not comparable; see `minibatch`.
    - `empty_slice/false_positive_rate`: share of the slices without tumour in which a pixel is predicted.
    - `detection/*`: see `detection`; `lesion/f1`: of the lesions of all patients together.
    - `patients/*`: how many have no tumour, have nothing predicted, have tumour of which no voxel was found.

    Raises:
        UserError: if there is no patient, or one twice.
    """
    ordered = sorted(scores, key=lambda score: score.patient)
    names = [score.patient for score in ordered]
    if not names or len(set(names)) < len(names):
        raise UserError(f"Need every evaluated patient once and at least one, got {names}: check the runs' splits.")
    slices = [one for score in ordered for one in score.slices]
    return {
        **_over_patients(ordered, resamples, seed),
        **pooled(_total(score.counts for score in ordered)),
        "slice/dice": float(np.mean([one.dice for one in slices])),
        "slice/iou": float(np.mean([one.iou for one in slices])),
        **slice_metrics(
            np.array([one.truth_pixels for one in slices]) > 0,
            np.array([one.predicted_pixels for one in slices]) > 0,
            np.array([one.dice for one in slices]),
            np.array([one.max_probability for one in slices]),
        ),
        **minibatch_means([one.counts for one in slices]),
        "lesion/f1": float(dice(_total(score.lesions for score in ordered))),
        "calibration/ece": expected_calibration_error(reduce(add, (score.calibration for score in ordered))),
        "patients/empty_truth": sum(score.truth_empty for score in ordered),
        "patients/empty_prediction": sum(score.prediction_empty for score in ordered),
        "patients/missed": sum(not score.truth_empty and score.counts.tp == 0 for score in ordered),
    }


def _over_patients(scores: Sequence[PatientScore], resamples: int, seed: int) -> Metrics:
    return {
        f"patient/{key}": summarise([score.values[key] for score in scores], resamples, seed).as_dict()
        for key in scores[0].values
    }


def _total(counts: Iterable[Counts]) -> Counts:
    return sum(counts, start=Counts(0, 0, 0, 0))
