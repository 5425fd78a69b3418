"""The rows of `per_slice.csv` and `per_volume.csv` of a prediction.

Centroids count from 0: rows downwards, columns to the right, `centroid_slice` along the slices that were read.

`slice` is the number in a TIFF slice's name; of NIfTI it is the voxel index, from 0, along the file's axis
`slice_axis` (i, j or k), and `centroid_i`, `centroid_j`, `centroid_k` are the centroid in the file's own voxel indices,
as nibabel, FSLeyes and 3D Slicer count them (ITK-SNAP counts from 1). Only NIfTI has those four columns.

Where a mask lies beside a scan there are `true_area_px` and `dice` of each slice that has one, and of the volume
`scored_slices`, `true_voxels` and the metrics of `PATIENT_METRICS`, over those slices; the distances need them all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from nibabel.affines import apply_affine

from lgg_seg.inference.runner import Probability
from lgg_seg.metrics.arrays import Bools, Floats32
from lgg_seg.metrics.overlap import confusion, dice
from lgg_seg.metrics.registry import PATIENT_METRICS, PatientVolumes
from lgg_seg.radiomics.shape import slice_shape, volume_shape
from lgg_seg.scans.scan import Scan, slice_axis
from lgg_seg.scans.truth import Truth

Row = dict[str, Any]
ClassifierProbabilities = Mapping[str, Floats32]
"""A classifier's P(yes) of each slice (D,), by its target; empty without a classifier."""


def table_rows(
    volume: str,
    scan: Scan,
    mask: Bools,
    probability: Probability,
    classes: ClassifierProbabilities,
    seen: bool | None,
    truth: Truth,
) -> tuple[list[Row], Row]:
    """A row a slice (its file, `SliceShape`, probabilities of tumour, and the classifier's), and one of the volume.

    That has the fields of `VolumeShape`, the volume in mm³ where voxels have a size, and the classifier's mean. `seen`:
    whether a network was trained on this volume, whose mask is then better than a new one's; None: unknown.
    """
    shapes = [slice_shape(one) for one in mask]
    scores = _slice_scores(mask, truth) if truth.known.any() else [{}] * len(mask)
    slices = [
        {
            "volume": volume,
            "slice": scan.numbers[k],
            "file": scan.files[k],
            **asdict(shape),
            **_in_file(scan, (k, shape.centroid_row, shape.centroid_column)),
            **_certainty(mask[k], probability[k]),
            **{f"{target}_probability": float(p[k]) for target, p in classes.items()},
            **scores[k],
        }
        for k, shape in enumerate(shapes)
    ]
    whole = volume_shape(mask)
    return slices, {
        "volume": volume,
        "slices": len(mask),
        **asdict(whole),
        **_in_file(scan, (whole.centroid_slice, whole.centroid_row, whole.centroid_column)),
        "volume_mm3": None if scan.voxel_mm3 is None else whole.volume_voxels * scan.voxel_mm3,
        **_certainty(mask, probability),
        **{f"{target}_probability": float(p.mean(dtype=np.float64)) for target, p in classes.items()},
        **(_volume_scores(mask, truth) if truth.known.any() else {}),
        "missing_sequences": " and ".join(scan.missing_sequences) or "none",
        "seen_in_training": "unknown" if seen is None else seen,
        "files_left_out": len(scan.issues),
        "notes": "; ".join(scan.warnings),
    }


def _slice_scores(mask: Bools, truth: Truth) -> list[Row]:
    areas, scores = truth.mask.sum(axis=(1, 2)), dice(confusion(mask, truth.mask))
    return [
        {"true_area_px": int(area), "dice": float(score)} if known else {"true_area_px": None, "dice": None}
        for area, score, known in zip(areas, scores, truth.known, strict=True)
    ]


def _volume_scores(mask: Bools, truth: Truth) -> Row:
    prediction, true = mask[truth.known], truth.mask[truth.known]
    volumes = PatientVolumes(prediction, true, confusion(prediction, true).sum())
    metrics = {key: one for key, one in PATIENT_METRICS.items() if one.of_counts or truth.known.all()}
    return {
        "scored_slices": len(true),
        "true_voxels": int(true.sum()),
        **{key: float(metric.function(volumes)) for key, metric in metrics.items()},
    }


def _in_file(scan: Scan, centroid: Sequence[float | None]) -> Row:
    """Where a centroid (slice, row, column) lies in the volume's own file; empty cells where there is no centroid."""
    if scan.to_file is None:
        return {}
    place = [value for value in reversed(centroid) if value is not None]
    voxel = apply_affine(scan.to_file, place) if len(place) == 3 else (None, None, None)
    named = dict(zip(("centroid_i", "centroid_j", "centroid_k"), voxel, strict=True))
    return {"slice_axis": "ijk"[slice_axis(scan.to_file)], **named}


def _certainty(mask: Bools, probability: Probability) -> dict[str, float | None]:
    """`mean_probability` over the mask, None where it is empty; `max_probability` over everything."""
    inside = probability[mask]
    return {
        "mean_probability": float(inside.mean(dtype=np.float64)) if inside.size else None,
        "max_probability": float(probability.max()),
    }
