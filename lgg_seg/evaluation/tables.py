"""The rows of `per_patient.csv` and `per_slice.csv`: every number with the raw counts it can be recomputed from."""

from __future__ import annotations

from collections.abc import Sequence

from lgg_seg.metrics.counts import Counts
from lgg_seg.metrics.patient import PatientScore

Row = dict[str, str | int | float | bool | None]


def patient_rows(scores: Sequence[PatientScore]) -> list[Row]:
    """A row a patient, in the order given; counts in voxels, distances in pixels."""
    return [
        {
            "patient": score.patient,
            "slices": len(score.slices),
            "tumour_slices": sum(one.truth_pixels > 0 for one in score.slices),
            **_columns(score.counts),
            "truth_voxels": score.truth_voxels,
            "predicted_voxels": score.predicted_voxels,
            "prediction_empty": score.prediction_empty,
            **score.values,
            "lesion_tp": int(score.lesions.tp),
            "lesion_fp": int(score.lesions.fp),
            "lesion_fn": int(score.lesions.fn),
            "boundary_complexity": score.boundary_irregularity,
        }
        for score in scores
    ]


def slice_rows(scores: Sequence[PatientScore]) -> list[Row]:
    """A row a slice, patient by patient in the order given; counts in pixels."""
    return [
        {
            "patient": one.patient,
            "slice": one.number,
            **_columns(one.counts),
            "truth_pixels": one.truth_pixels,
            "predicted_pixels": one.predicted_pixels,
            "dice": one.dice,
            "iou": one.iou,
            "max_probability": one.max_probability,
        }
        for score in scores
        for one in score.slices
    ]


def _columns(counts: Counts) -> dict[str, int]:
    return {"tp": int(counts.tp), "fp": int(counts.fp), "fn": int(counts.fn), "tn": int(counts.tn)}
