"""How the voxel axes of a volume lie: its axial slices and the way back, sides in mm, and another volume's axes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform
from numpy.typing import NDArray

from lgg_seg.metrics.arrays import Floats

SAME_PLACE = 0.4  # of a voxel: what lies nearer than half a voxel has the same nearest voxel
SQUARE = 1.1  # ratio of a pixel's sides up to which it counts as square
# Columns to the patient's left, rows to their back, slices to their crown: the radiological view, as in the dataset.
_AS_TRAINED = axcodes2ornt(("L", "P", "S"))
_UNTURNED = io_orientation(np.eye(4))
_SPACE_UNIT = 0b111  # the bits of `xyzt_units` that are of space
_MM = {1: 1000.0, 2: 1.0, 3: 0.001}  # by NIfTI's code: metre, millimetre, micron


@dataclass(frozen=True, eq=False)
class AxialView:
    """The axial slices of a file's volume as the dataset has them, along its axis that is nearest to the body's."""

    turn: Floats  # (3, 2), from the file's axes to columns, rows and slices, as of nibabel's `ornt_transform`
    sides: tuple[int, ...]  # voxels (X, Y, Z) along the file's axes

    @classmethod
    def of(cls, image: nib.Nifti1Image) -> AxialView:
        """The view of an image, whose affine is sound."""
        return cls(ornt_transform(io_orientation(image.affine), _AS_TRAINED), image.shape[:3])

    @property
    def shape(self) -> tuple[int, ...]:
        """Slices, height and width."""
        return turned_sides(self.sides, self.turn)[::-1]

    @property
    def to_file(self) -> Floats:
        """(4, 4) affine from (column, row, slice) to the file's voxel indices."""
        return np.asarray(inv_ornt_aff(self.turn, self.sides))

    def slices(self, voxels: NDArray[Any]) -> NDArray[Any]:
        """(X, Y, Z) as (D, H, W)."""
        return np.asarray(apply_orientation(voxels, self.turn)).transpose(2, 1, 0)

    def voxels(self, slices: NDArray[Any]) -> NDArray[Any]:
        """(D, H, W) as (X, Y, Z)."""
        return np.asarray(apply_orientation(slices.transpose(2, 1, 0), ornt_transform(_UNTURNED, self.turn)))


def turned_sides(sides: tuple[int, ...], turn: Floats) -> tuple[int, ...]:
    """The sides (X, Y, Z) of a volume after a `turn` (3, 2)."""
    return tuple(sides[int(axis)] for axis in np.argsort(turn[:, 0]))


def turn_to(other: nib.Nifti1Image, image: nib.Nifti1Image) -> Floats | None:
    """What turns the axes of `image` to those of `other`, (3, 2); None where corners lie `SAME_PLACE` voxels apart."""
    if len(image.shape) < 3:
        return None
    relative = np.linalg.inv(other.affine) @ image.affine  # from its voxels to the other's
    turn = np.asarray(io_orientation(relative), np.float64)
    sides = turned_sides(image.shape[:3], turn)
    corners = np.array(list(product(*((0, side - 1) for side in sides))))
    turned = apply_affine(relative @ inv_ornt_aff(turn, image.shape[:3]), corners)
    same = sides == other.shape[:3] and np.abs(turned - corners).max() < SAME_PLACE
    return turn if same else None


def is_sound(affine: Floats | None) -> bool:
    """Whether an affine (4, 4) says where voxels are: it is finite and has three axes."""
    if affine is None or not np.isfinite(affine).all():
        return False
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    # Relative to the sides, since in metres the volume of any voxel is tiny.
    return bool(sides.all() and abs(np.linalg.det(affine[:3, :3] / sides)) > 1e-6)


def axes_in_mm(image: nib.Nifti1Image) -> Floats:
    """The steps from voxel to voxel along the file's axes, (3, 3), in mm."""
    return np.asarray(image.affine[:3, :3] * _MM.get(_space_unit(image), 1.0))


def knows_place(image: nib.Nifti1Image) -> bool:
    """Whether the header says how the patient lay."""
    return bool(int(image.header["qform_code"]) or int(image.header["sform_code"]))


def header_warnings(image: nib.Nifti1Image, sides_mm: Floats) -> Iterator[str]:
    """What a header leaves open; `sides_mm` (3,) of a voxel: from column to column, row to row and slice to slice."""
    if not knows_place(image):
        yield "the file does not say how the patient lay; its third axis was taken for the body's"
    if _space_unit(image) not in _MM:
        yield "the file does not say the unit of its voxels' sides; millimetres were taken"
    width, height = sides_mm[:2]
    if max(width, height) > SQUARE * min(width, height):
        yield f"axial pixels of {width:.2g} x {height:.2g} mm: the networks know square ones; resample the volume"


def _space_unit(image: nib.Nifti1Image) -> int:
    return int(image.header["xyzt_units"]) & _SPACE_UNIT
