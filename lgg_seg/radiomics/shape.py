"""Shape features of a tumour: position, size, spread and irregularity, of one slice and of a patient's volume.

Lengths are in pixels and slices, since no voxel spacing ships with the data: sizes of two patients are comparable only
as far as their scanners agree. A feature without a value is None.
"""

from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
from scipy.ndimage import label

from lgg_seg.metrics.arrays import Bools, Ints
from lgg_seg.metrics.morphology import boundary_irregularity, largest_component
from lgg_seg.radiomics.contour import angular_standard_deviation, margin_fluctuation, outline
from lgg_seg.radiomics.ellipsoid import ellipsoid_volume_ratio


@dataclass(frozen=True)
class SliceShape:
    """Shape features of a slice; without tumour all but `area_px` and `parts` are None."""

    area_px: int  # pixels of tumour
    parts: int  # number of 8-connected components
    centroid_row: float | None = None  # mean row of the tumour's pixels, from 0
    centroid_column: float | None = None
    spread_row: float | None = None  # standard deviation of the rows; 0 for a single pixel
    spread_column: float | None = None
    spread_px: float | None = None  # root mean square distance from the centroid, √(spread_row² + spread_column²)
    perimeter_px: float | None = None  # Crofton's, of all components and holes
    complexity: float | None = None  # boundary irregularity: perimeter over that of the disc of the same area
    asd: float | None = None  # angular standard deviation of the largest component; None also for a single pixel
    mf: float | None = None  # margin fluctuation of it; None also for an outline of less than 20 pixels


@dataclass(frozen=True)
class VolumeShape:
    """Shape features of a patient; without tumour all but `volume_voxels`, `tumour_slices` and `parts` are None.

    Buda 2019 takes ASD and MF "in one slice"; here that is the slice with most tumour, of equals the first.
    """

    volume_voxels: int  # voxels of tumour
    tumour_slices: int  # slices with tumour
    parts: int  # number of 26-connected components
    centroid_slice: float | None = None  # mean position in the volume of the tumour's voxels, from 0
    centroid_row: float | None = None
    centroid_column: float | None = None
    spread_slices: float | None = None  # standard deviation of the position in the volume
    spread_px: float | None = None  # root mean square distance from the centroid, within the plane of the slices
    largest_area_px: int | None = None  # area of the slice with most tumour
    asd: float | None = None  # of that slice; None where its largest component is a single pixel
    mf: float | None = None  # of that slice; None where its outline has less than 20 pixels
    asd_mean: float | None = None  # of the slices that have one, weighted by area
    mf_mean: float | None = None  # likewise
    complexity: float | None = None  # boundary irregularity, mean over slices weighted by area
    bevr: float | None = None  # volume over that of the minimum-volume enclosing ellipsoid


def slice_shape(mask: Bools) -> SliceShape:
    """Shape features of a slice, bool `(H, W)`."""
    _check(mask, 2)
    if not mask.any():
        return SliceShape(0, 0)
    pixels = np.argwhere(mask)
    row, column = pixels.mean(axis=0)
    spread_row, spread_column = pixels.std(axis=0)
    complexity = boundary_irregularity(mask[None])
    assert complexity is not None  # there is tumour
    asd, mf = _unevenness(mask)
    return SliceShape(
        area_px=len(pixels),
        parts=int(label(mask, np.ones((3, 3)))[1]),
        centroid_row=float(row),
        centroid_column=float(column),
        spread_row=float(spread_row),
        spread_column=float(spread_column),
        spread_px=float(np.hypot(spread_row, spread_column)),
        perimeter_px=complexity * 2 * sqrt(pi * len(pixels)),
        complexity=complexity,
        asd=asd,
        mf=mf,
    )


def volume_shape(mask: Bools) -> VolumeShape:
    """Shape features of a patient, bool `(D, H, W)` with the slices in order."""
    _check(mask, 3)
    if not mask.any():
        return VolumeShape(0, 0, 0)
    voxels = np.argwhere(mask)
    place, row, column = voxels.mean(axis=0)
    spread_slices, spread_row, spread_column = voxels.std(axis=0)
    areas = mask.sum(axis=(1, 2))
    with_tumour = np.flatnonzero(areas)
    unevenness = {int(k): _unevenness(mask[k]) for k in with_tumour}
    asd, mf = unevenness[int(areas.argmax())]
    asds, mfs = zip(*unevenness.values(), strict=True)
    return VolumeShape(
        volume_voxels=len(voxels),
        tumour_slices=len(with_tumour),
        parts=int(label(mask, np.ones((3, 3, 3)))[1]),
        centroid_slice=float(place),
        centroid_row=float(row),
        centroid_column=float(column),
        spread_slices=float(spread_slices),
        spread_px=float(np.hypot(spread_row, spread_column)),
        largest_area_px=int(areas.max()),
        asd=asd,
        mf=mf,
        asd_mean=_weighted(asds, areas[with_tumour]),
        mf_mean=_weighted(mfs, areas[with_tumour]),
        complexity=boundary_irregularity(mask),
        bevr=ellipsoid_volume_ratio(mask),
    )


def _unevenness(mask: Bools) -> tuple[float | None, float | None]:
    """ASD and MF of a slice with tumour."""
    component = largest_component(mask)
    border = outline(component)
    centre = np.argwhere(component).mean(axis=0)
    return angular_standard_deviation(border, centre), margin_fluctuation(border, centre)


def _weighted(values: tuple[float | None, ...], areas: Ints) -> float | None:
    known = np.array([value is not None for value in values])
    if not known.any():
        return None
    return float(np.average([value for value in values if value is not None], weights=areas[known]))


def _check(mask: Bools, dimensions: int) -> None:
    if mask.dtype != np.bool_:
        raise TypeError(f"a mask must be boolean, got {mask.dtype}")
    if mask.ndim != dimensions:
        raise ValueError(f"a mask must have {dimensions} dimensions, got the shape {mask.shape}")
