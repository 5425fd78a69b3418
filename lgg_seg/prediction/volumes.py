"""Volumes of FLAIR alone or of three sequences, turned to axial slices as the dataset has them, and back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, cast

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform
from nibabel.processing import resample_from_to
from numpy.typing import NDArray

from lgg_seg.data.kaggle.images import SEQUENCES
from lgg_seg.metrics.arrays import Bools, Floats32
from lgg_seg.prediction.filenames import nifti_ending
from lgg_seg.prediction.formats import FormatError, open_volume, series_gaps, unreadable
from lgg_seg.prediction.intensity import detached_air, to_uint8
from lgg_seg.prediction.limits import require_intensities, require_size
from lgg_seg.prediction.output import MARK, OutputFolder
from lgg_seg.prediction.scan import (
    Issue,
    Scan,
    ScanError,
    contrast_fault,
    fill_flat_sequences,
    slice_axis,
    volume_warnings,
)

SAME_PLACE = 0.4  # of a voxel: what lies nearer than half a voxel has the same nearest voxel
SQUARE = 1.1  # ratio of a pixel's sides up to which it counts as square
# Columns to the patient's left, rows to their back, slices to their crown: the radiological view, as in the dataset.
_AS_TRAINED = axcodes2ornt(("L", "P", "S"))
_SPACE_UNIT = 0b111  # the bits of `xyzt_units` that are of space
_MM = {1: 1000.0, 2: 1.0, 3: 0.001}  # by NIfTI's code: metre, millimetre, micron


@dataclass(frozen=True)
class VolumeFiles:
    """The files of one volume by sequence (paths below the input); under `FLAIR` one that may hold all three.

    Attributes:
        stem: what the mask is named after, a path below the input too.
        case: what the patient's files have in common.
        notes: what a reader of the result should know of the choice of files.
        patient: an identifier that stands in the files, if there is one.
        resample: whether a sequence on another grid is brought to FLAIR's, since positions are of one scanner's space.
    """

    name: str
    stem: str
    files: Mapping[str, str]
    case: str = field(default="", compare=False)
    notes: tuple[str, ...] = ()
    patient: str = ""
    resample: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file, below the input."""
        return tuple(self.files.values())

    @property
    def mask(self) -> str:
        """Where its mask is written, below the output; of other formats than NIfTI it is `.nii.gz`, too."""
        return f"{self.stem}_mask{self._ending}"

    @property
    def _ending(self) -> str:
        return nifti_ending(self.files["FLAIR"]) or ".nii.gz"

    def read(self, root: Path) -> Scan:
        """Read the volume; its axial slices are along the voxel axis that is nearest to the body's.

        A file beside FLAIR that is flat or on another grid is left out, which is among the issues, and FLAIR stands in
        for it.

        Raises:
            ScanError: a file is damaged or too large; FLAIR is flat.
        """
        flair = self.files["FLAIR"]
        image = _open(root, flair)
        turn = ornt_transform(_orientation(image, flair), _AS_TRAINED)
        issues: list[Issue] = []
        warnings = list(self.notes)
        if gaps := series_gaps(root / flair):
            warnings.append(gaps)
        if flair.lower().endswith("gz"):  # what is not compressed holds what it declares
            require_size(flair, int(np.prod(image.shape)), (root / flair).stat().st_size)
        sequences = _sequences(image, flair, warnings)
        if fault := contrast_fault(sequences["FLAIR"]):
            raise ScanError([Issue(flair, fault)])
        for sequence, file in self.files.items():
            if sequence != "FLAIR":
                try:
                    volume = _read_beside(image, root, file, warnings, resample=self.resample)
                except _OtherGridError as error:
                    issues += error.issues
                    continue
                if fault := contrast_fault(volume):
                    issues.append(Issue(file, fault))
                else:
                    sequences[sequence] = volume
        axial = {name: apply_orientation(volume, turn).transpose(2, 1, 0) for name, volume in sequences.items()}
        stacked = np.stack([axial.get(name, axial["FLAIR"]) for name in SEQUENCES], axis=-1)
        images, filled = fill_flat_sequences(stacked)
        to_file = inv_ornt_aff(turn, image.shape[:3])
        slice_voxels = apply_affine(to_file, [(0, 0, k) for k in range(len(images))])
        axes_mm = image.affine[:3, :3] * _MM.get(_space_unit(image), 1.0)
        sides_mm = np.linalg.norm(axes_mm @ to_file[:3, :3], axis=0)
        return Scan(
            images=images,
            files=(flair,) * len(images),
            numbers=tuple(int(number) for number in slice_voxels[:, slice_axis(to_file)]),
            issues=tuple(issues),
            voxel_mm3=float(abs(np.linalg.det(axes_mm))),
            sides_mm=tuple(float(side) for side in sides_mm),
            left_is_known=_knows_place(image),
            warnings=(*warnings, *filled, *_header_warnings(image, sides_mm), *volume_warnings(images, ())),
            to_file=to_file,
        )

    def shape(self, root: Path) -> tuple[int, int, int]:
        """Slices, height and width of what `read` gives, by FLAIR's header alone.

        Raises:
            ScanError: it is damaged or too large.
        """
        image = _open(root, self.files["FLAIR"])
        if len(image.shape) < 3:
            raise ScanError([Issue(self.files["FLAIR"], "holds no volume")])
        columns, rows, slices = apply_orientation(
            np.broadcast_to(np.uint8(0), image.shape[:3]),
            ornt_transform(_orientation(image, self.files["FLAIR"]), _AS_TRAINED),
        ).shape
        return slices, rows, columns

    def read_mask(self, root: Path, file: str) -> Bools:
        """Read a segmentation of this volume: bool (D, H, W), the slices of `read`; True where its label is above 0.

        Raises:
            ScanError: it is damaged, too large, several volumes, on another grid than FLAIR, or no labels, which are
                whole numbers from 0.
        """
        flair = _open(root, self.files["FLAIR"])
        image, to_flair = _open_beside(flair, root, file)
        try:
            labels = np.asarray(image.dataobj)
        except Exception as error:  # a truncated or damaged stream can raise anything
            raise ScanError([Issue(file, str(unreadable(Path(file), error)))]) from error
        if labels.size != np.prod(labels.shape[:3]):
            raise ScanError([Issue(file, "holds several volumes, where one segmentation is read")])
        if not (np.isfinite(labels) & (labels >= 0) & (labels == np.floor(labels))).all():
            raise ScanError([Issue(file, "is no segmentation: labels are whole numbers from 0, and not all are")])
        turn = ornt_transform(_orientation(flair, self.files["FLAIR"]), _AS_TRAINED)
        tumour = apply_orientation(labels.reshape(labels.shape[:3]) > 0, to_flair)
        return np.asarray(apply_orientation(tumour, turn).transpose(2, 1, 0), np.bool_)

    def write_mask(self, root: Path, scan: Scan, mask: Bools, output: OutputFolder) -> None:  # noqa: ARG002  # as SliceFiles
        """Write `<stem>_mask.nii[.gz]`: uint8, 1 where there is tumour, on FLAIR's grid and with its header."""
        self._write(root, mask.astype(np.uint8), self.mask, output)

    def write_probability(self, root: Path, scan: Scan, probability: Floats32, output: OutputFolder) -> None:  # noqa: ARG002  # as SliceFiles
        """Write `<stem>_probability.nii[.gz]`: float32, 0 to 1, on FLAIR's grid and with its header."""
        self._write(root, probability, f"{self.stem}_probability{self._ending}", output)

    def _write(self, root: Path, volume: NDArray[Any], name: str, output: OutputFolder) -> None:
        """Write a volume (D, H, W) of numbers from 0 to 1."""
        file = self.files["FLAIR"]
        image = _open(root, file)
        back = ornt_transform(_AS_TRAINED, _orientation(image, file))
        voxels = apply_orientation(volume.transpose(2, 1, 0), back)
        header = image.header.copy()
        header.set_data_dtype(volume.dtype)
        header["cal_min"], header["cal_max"] = 0, 1
        header["descrip"] = MARK
        header.set_slope_inter(1, 0)
        made = type(image)(voxels, image.affine, header)
        with output.writing(name) as path:
            nib.save(made, path)


def _open(root: Path, file: str) -> nib.Nifti1Image:
    try:
        return open_volume(root / file)
    except FormatError as error:
        raise ScanError([Issue(file, str(error))]) from error


def _sequences(image: nib.Nifti1Image, file: str, warnings: list[str]) -> dict[str, NDArray[np.uint8]]:
    """The file's volumes (X, Y, Z) by sequence; adds to `warnings`."""
    shape = image.shape
    count = shape[-1] if len(shape) in (4, 5) else 1
    if len(shape) not in (3, 4, 5) or (len(shape) == 5 and shape[3] != 1) or count not in (1, 3) or 0 in shape:
        expected = "of FLAIR, or of 3 sequences along the fourth axis (pre-contrast, FLAIR, post-contrast)"
        raise ScanError([Issue(file, f"is {' x '.join(map(str, shape))}, where a volume is read: {expected}")])
    try:
        voxels = np.asarray(image.dataobj).reshape(*shape[:3], count)
    except Exception as error:  # a truncated or damaged stream can raise anything
        raise ScanError([Issue(file, str(unreadable(Path(file), error)))]) from error
    if missing := voxels.size - np.count_nonzero(np.isfinite(voxels)):
        warnings.append(f"{missing} of the {voxels.size} voxels of {file} are not finite, and nothing was seen there")
    require_intensities(file, voxels)
    volumes = [_in_8_bits(volume, file, warnings) for volume in np.moveaxis(voxels, -1, 0)]
    return dict(zip(SEQUENCES, volumes, strict=True)) if count == 3 else {"FLAIR": volumes[0]}


def _in_8_bits(volume: NDArray[Any], file: str, warnings: list[str]) -> NDArray[np.uint8]:
    """What is already 8 bits stays as it is."""
    if volume.dtype == np.uint8:
        return volume
    intensities = volume.astype(np.float32)
    if (air := detached_air(intensities)) is not None:
        warnings.append(f"the air of {file} has the value {air:g}, apart from the tissue's; the head was scaled alone")
    return to_uint8(intensities, air)


def _open_beside(flair: nib.Nifti1Image, root: Path, file: str) -> tuple[nib.Nifti1Image, NDArray[np.float64]]:
    """The image, and what turns its axes to those of its FLAIR, on whose grid it is in whatever order of axes.

    Raises:
        _OtherGridError: a corner lies `SAME_PLACE` voxels from FLAIR's, or more.
    """
    image = _open(root, file)
    _orientation(image, file)
    relative = np.linalg.inv(flair.affine) @ image.affine  # from its voxels to FLAIR's
    turn = io_orientation(relative)
    turned = relative @ inv_ornt_aff(turn, image.shape[:3])
    shape = tuple(image.shape[int(axis)] for axis in np.argsort(turn[:, 0]))
    corners = np.array(list(product(*((0, side - 1) for side in shape))))
    if shape != flair.shape[:3] or np.abs(apply_affine(turned, corners) - corners).max() >= SAME_PLACE:
        raise _OtherGridError([Issue(file, "is on another grid than its FLAIR; resample it to that one")])
    return image, turn


def _read_beside(
    flair: nib.Nifti1Image, root: Path, file: str, warnings: list[str], *, resample: bool
) -> NDArray[np.uint8]:
    """The one volume of a file on the grid of its FLAIR (X, Y, Z), in the order of FLAIR's axes."""
    try:
        image, turn = _open_beside(flair, root, file)
    except _OtherGridError:
        if not resample:
            raise
        other = _open(root, file)
        if len(other.shape) != 3:
            raise
        image, turn = resample_from_to(other, (flair.shape[:3], flair.affine), order=1), io_orientation(np.eye(4))
        warnings.append(f"{Path(file).name} was resampled to the grid of its FLAIR")
    if gaps := series_gaps(root / file):
        warnings.append(f"{Path(file).name}: {gaps}")
    volumes = _sequences(image, file, warnings)
    if len(volumes) > 1:
        raise ScanError([Issue(file, "holds several volumes beside a FLAIR of its own")])
    return np.asarray(apply_orientation(volumes["FLAIR"], turn))


class _OtherGridError(ScanError):
    pass


def _orientation(image: nib.Nifti1Image, file: str) -> NDArray[np.float64]:
    affine = image.affine
    if affine is not None and np.isfinite(affine).all():
        sides = np.linalg.norm(affine[:3, :3], axis=0)
        # Relative to the sides, since in metres the volume of any voxel is tiny.
        if sides.all() and abs(np.linalg.det(affine[:3, :3] / sides)) > 1e-6:
            return cast(NDArray[np.float64], io_orientation(affine))
    raise ScanError([Issue(file, "has an affine that does not say where its voxels are")])


def _space_unit(image: nib.Nifti1Image) -> int:
    return int(image.header["xyzt_units"]) & _SPACE_UNIT


def _knows_place(image: nib.Nifti1Image) -> bool:
    """Whether the header says how the patient lay."""
    return bool(int(image.header["qform_code"]) or int(image.header["sform_code"]))


def _header_warnings(image: nib.Nifti1Image, sides_mm: NDArray[np.float64]) -> Iterator[str]:
    """`sides_mm` (3,) of a voxel: from column to column, row to row and slice to slice."""
    if not _knows_place(image):
        yield "the file does not say how the patient lay; its third axis was taken for the body's"
    if _space_unit(image) not in _MM:
        yield "the file does not say the unit of its voxels' sides; millimetres were taken"
    width, height = sides_mm[:2]
    if max(width, height) > SQUARE * min(width, height):
        yield f"axial pixels of {width:.2g} x {height:.2g} mm: the networks know square ones; resample the volume"
