"""The rows of `per_slice.csv` and `per_volume.csv` of a prediction.

Places count from 0 in what the pictures show: rows downwards, columns to the right, and `centroid_slice` along the
slices that were read, so that it is a place in the volume and, where numbers are missing, no slice's number.

`slice` is the number in a TIFF slice's name; of NIfTI it is the voxel index, from 0, along the file's axis
`slice_axis` (i, j or k), and `centroid_i`, `centroid_j`, `centroid_k` are the centroid in the file's own voxel indices
from 0, as nibabel, FSLeyes and 3D Slicer count them (ITK-SNAP counts from 1). Those four columns are there for NIfTI
alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from lgg_seg.inference.runner import Probability
from lgg_seg.metrics.arrays import Bools, Floats32
from lgg_seg.prediction.scan import Scan
from lgg_seg.radiomics.shape import slice_shape, volume_shape

Row = dict[str, Any]
ClassifierProbabilities = Mapping[str, Floats32]
"""A classifier's probability of yes for each slice (D,), by what it answers; empty without one."""


def slice_rows(
    volume: str, scan: Scan, mask: Bools, probability: Probability, answers: ClassifierProbabilities
) -> list[Row]:
    """A row a slice: its file, the fields of `SliceShape`, probabilities of tumour, and the classifier's answer."""
    shapes = [slice_shape(one) for one in mask]
    return [
        {
            "volume": volume,
            "slice": scan.numbers[k],
            "file": scan.files[k],
            **asdict(shape),
            **_in_file(scan, (k, shape.centroid_row, shape.centroid_column)),
            **_certainty(mask[k], probability[k]),
            **{f"{target}_probability": float(answer[k]) for target, answer in answers.items()},
        }
        for k, shape in enumerate(shapes)
    ]


def volume_row(
    volume: str, scan: Scan, mask: Bools, probability: Probability, answers: ClassifierProbabilities, seen: bool
) -> Row:
    """The fields of `VolumeShape`, the volume in mm³ where voxels have a size, and the mean of the answers.

    `seen`: whether a network was trained on this very volume, whose mask is then better than that of a new one.
    """
    shape = volume_shape(mask)
    return {
        "volume": volume,
        "slices": len(mask),
        **asdict(shape),
        **_in_file(scan, (shape.centroid_slice, shape.centroid_row, shape.centroid_column)),
        "volume_mm3": None if scan.voxel_mm3 is None else shape.volume_voxels * scan.voxel_mm3,
        **_certainty(mask, probability),
        **{f"{target}_probability": float(answer.mean(dtype=np.float64)) for target, answer in answers.items()},
        "missing_sequences": " and ".join(scan.missing_sequences) or "none",
        "seen_in_training": seen,
        "files_left_out": len(scan.issues),
        "notes": "; ".join(scan.warnings),
    }


def _in_file(scan: Scan, centroid: Sequence[float | None]) -> Row:
    """Where a centroid (slice, row, column) lies in the volume's own file; None where there is none."""
    if scan.grid is None:
        return {}
    known = [value for value in centroid if value is not None]
    voxel = scan.grid.voxel(known) if len(known) == 3 else (None, None, None)
    named = dict(zip(("centroid_i", "centroid_j", "centroid_k"), voxel, strict=True))
    return {"slice_axis": scan.grid.slice_axis, **named}


def _certainty(mask: Bools, probability: Probability) -> dict[str, float | None]:
    """`mean_probability` over what was found, None where nothing was; `max_probability` over everything."""
    found = probability[mask]
    return {
        "mean_probability": float(found.mean(dtype=np.float64)) if found.size else None,
        "max_probability": float(probability.max()),
    }
