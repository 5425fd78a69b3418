"""Volumes of FLAIR alone or of three sequences, turned to axial slices as the dataset has them, and back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine
from nibabel.orientations import apply_orientation, io_orientation
from nibabel.processing import resample_from_to
from numpy.typing import NDArray

from lgg_seg.data.kaggle.images import SEQUENCES
from lgg_seg.data.kaggle.pixels import size_fault
from lgg_seg.metrics.arrays import Bools
from lgg_seg.scans.axes import AxialView, axes_in_mm, header_warnings, knows_place, turn_to
from lgg_seg.scans.filenames import nifti_ending
from lgg_seg.scans.formats import gaps_in, open_volume, unreadable
from lgg_seg.scans.intensity import detached_air, to_uint8
from lgg_seg.scans.roles import FLAIR
from lgg_seg.scans.scan import (
    Issue,
    Scan,
    ScanError,
    contrast_fault,
    fill_flat_sequences,
    slice_axis,
    volume_warnings,
)

MAX_INTENSITY = 1e30
LEAST_STEPS = 256  # of float32 between the lowest and the highest intensity: as many as 8 bits have


@dataclass(frozen=True)
class VolumeFiles:
    """The files of one volume by sequence (paths below the input); under `FLAIR` one that may hold all three."""

    name: str
    stem: str  # what the mask is named after, a path below the input too
    files: Mapping[str, str]
    case: str = field(default="", compare=False)  # what the patient's files have in common
    notes: tuple[str, ...] = ()  # what a reader of the result should know of the choice of files
    patient: str = ""  # an identifier that stands in the files, if there is one
    resample: bool = False  # bring a sequence on another grid to FLAIR's: positions are of one scanner's space

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(self.files.values())

    def output(self, what: str) -> str:
        """Where its `mask` or `probability` is written; of other formats than NIfTI it is `.nii.gz`, too."""
        return f"{self.stem}_{what}{nifti_ending(self.files[FLAIR]) or '.nii.gz'}"

    def read(self, root: Path) -> Scan:
        """Read the volume; its axial slices are along the voxel axis that is nearest to the body's.

        FLAIR stands in for a file that is flat or on another grid; a ScanError: a file is damaged or too large, or
        FLAIR flat.
        """
        flair = self.files[FLAIR]
        image = open_volume(root, flair)
        issues: list[Issue] = []
        warnings = list(self.notes)
        if gaps := gaps_in(root / flair):
            warnings.append(gaps)
        if flair.lower().endswith("gz"):  # what is not compressed holds what it declares
            voxels, size = int(np.prod(image.shape)), (root / flair).stat().st_size
            if fault := size_fault(voxels, size):
                raise ScanError([Issue(flair, fault)])
        sequences = _sequences(image, flair, warnings)
        if fault := contrast_fault(sequences[FLAIR]):
            raise ScanError([Issue(flair, fault)])
        sequences |= self._read_others(root, image, warnings, issues)
        view = AxialView.of(image)
        axial = [view.slices(sequences.get(name, sequences[FLAIR])) for name in SEQUENCES]
        images, filled = fill_flat_sequences(np.stack(axial, axis=-1))
        slice_voxels = apply_affine(view.to_file, [(0, 0, k) for k in range(len(images))])
        sides_mm = np.linalg.norm(axes_in_mm(image) @ view.to_file[:3, :3], axis=0)
        return Scan(
            images=images,
            files=(flair,) * len(images),
            numbers=tuple(int(number) for number in slice_voxels[:, slice_axis(view.to_file)]),
            issues=tuple(issues),
            voxel_mm3=float(abs(np.linalg.det(axes_in_mm(image)))),
            sides_mm=tuple(float(side) for side in sides_mm),
            left_is_known=knows_place(image),
            warnings=(*warnings, *filled, *header_warnings(image, sides_mm), *volume_warnings(images, ())),
            to_file=view.to_file,
        )

    def _read_others(
        self, root: Path, image: nib.Nifti1Image, warnings: list[str], issues: list[Issue]
    ) -> dict[str, NDArray[np.uint8]]:
        """The sequences beside FLAIR, whose `image` they are on the grid of; those that cannot be used are issues."""
        sequences = {}
        for sequence, file in self.files.items():
            if sequence == FLAIR:
                continue
            try:
                volume = _read_beside(image, root, file, warnings, resample=self.resample)
            except _OtherGridError as error:
                issues += error.issues
                continue
            if fault := contrast_fault(volume):
                issues.append(Issue(file, fault))
            else:
                sequences[sequence] = volume
        return sequences

    def shape(self, root: Path) -> tuple[int, ...]:
        """Slices, height and width of what `read` gives, by FLAIR's header alone."""
        image = open_volume(root, self.files[FLAIR])
        if len(image.shape) < 3:
            raise ScanError([Issue(self.files[FLAIR], "holds no volume")])
        return AxialView.of(image).shape

    def read_mask(self, root: Path, file: str) -> Bools:
        """Read a segmentation of this volume: bool (D, H, W), the slices of `read`; True where its label is above 0.

        Raises:
            ScanError: it is damaged, too large, several volumes, on another grid than FLAIR, or no labels, which are
                whole numbers from 0.
        """
        flair, image = open_volume(root, self.files[FLAIR]), open_volume(root, file)
        if (turn := turn_to(flair, image)) is None:
            raise _OtherGridError(file)
        labels = _voxels(image, file)
        if labels.size != np.prod(labels.shape[:3]):
            raise ScanError([Issue(file, "holds several volumes, where one segmentation is read")])
        if not (np.isfinite(labels) & (labels >= 0) & (labels == np.floor(labels))).all():
            raise ScanError([Issue(file, "is no segmentation: labels are whole numbers from 0, and not all are")])
        tumour = apply_orientation(labels.reshape(labels.shape[:3]) > 0, turn)
        return np.asarray(AxialView.of(flair).slices(tumour), np.bool_)

    def in_file(self, root: Path, slices: NDArray[Any]) -> nib.Nifti1Image:
        """Numbers of the slices of `read`, (D, H, W), as an image on FLAIR's grid and with its header."""
        image = open_volume(root, self.files[FLAIR])
        header = image.header.copy()
        header.set_data_dtype(slices.dtype)
        header.set_slope_inter(1, 0)
        return type(image)(AxialView.of(image).voxels(slices), image.affine, header)


def _sequences(image: nib.Nifti1Image, file: str, warnings: list[str]) -> dict[str, NDArray[np.uint8]]:
    """The file's volumes (X, Y, Z) by sequence; adds to `warnings`."""
    shape = image.shape
    count = shape[-1] if len(shape) in (4, 5) else 1
    if len(shape) not in (3, 4, 5) or (len(shape) == 5 and shape[3] != 1) or count not in (1, 3) or 0 in shape:
        expected = "of FLAIR, or of 3 sequences along the fourth axis (pre-contrast, FLAIR, post-contrast)"
        raise ScanError([Issue(file, f"is {' x '.join(map(str, shape))}, where a volume is read: {expected}")])
    voxels = _voxels(image, file).reshape(*shape[:3], count)
    if missing := voxels.size - np.count_nonzero(np.isfinite(voxels)):
        warnings.append(f"{missing} of the {voxels.size} voxels of {file} are not finite, and nothing was seen there")
    _require_intensities(file, voxels)
    volumes = [_in_8_bits(volume, file, warnings) for volume in np.moveaxis(voxels, -1, 0)]
    return dict(zip(SEQUENCES, volumes, strict=True)) if count == 3 else {FLAIR: volumes[0]}


def _require_intensities(file: str, voxels: NDArray[np.generic]) -> None:
    """Refuse intensities too large or too close for float32: of a damaged scale, in which no tumour would be found."""
    finite = np.isfinite(voxels)
    if not finite.any():
        return
    values = voxels.astype(np.float64, copy=False)  # of a scaled file no copy: a volume may take a gigabyte
    low, high = float(values.min(where=finite, initial=np.inf)), float(values.max(where=finite, initial=-np.inf))
    peak = max(abs(low), abs(high))
    step = max(float(np.spacing(np.float32(min(peak, MAX_INTENSITY)))), 1 / MAX_INTENSITY)
    if peak > MAX_INTENSITY or 0 < high - low < LEAST_STEPS * step:
        reason = f"holds intensities from {low:.9g} to {high:.9g}, which no scanner gives"
        raise ScanError([Issue(file, f"{reason}; see to scl_slope and scl_inter of its header")])


def _in_8_bits(volume: NDArray[Any], file: str, warnings: list[str]) -> NDArray[np.uint8]:
    """What is already 8 bits stays as it is."""
    if volume.dtype == np.uint8:
        return volume
    intensities = volume.astype(np.float32)
    if (air := detached_air(intensities)) is not None:
        value = f"{air + 0:g}"  # of -0, 0
        warnings.append(f"the air of {file} has the value {value}, apart from the tissue's; the head was scaled alone")
    return to_uint8(intensities, air)


def _voxels(image: nib.Nifti1Image, file: str) -> NDArray[Any]:
    try:
        return np.asarray(image.dataobj)
    except Exception as error:  # a truncated or damaged stream can raise anything
        raise ScanError([Issue(file, unreadable(Path(image.get_filename() or file), error))]) from error


def _read_beside(
    flair: nib.Nifti1Image, root: Path, file: str, warnings: list[str], *, resample: bool
) -> NDArray[np.uint8]:
    """The one volume of a file (X, Y, Z), on the grid and in the order of axes of its FLAIR."""
    image = open_volume(root, file)
    turn = turn_to(flair, image)
    if turn is None and resample and len(image.shape) == 3:
        image, turn = resample_from_to(image, (flair.shape[:3], flair.affine), order=1), io_orientation(np.eye(4))
        warnings.append(f"{Path(file).name} was resampled to the grid of its FLAIR")
    if turn is None:
        raise _OtherGridError(file)
    if gaps := gaps_in(root / file):
        warnings.append(f"{Path(file).name}: {gaps}")
    volumes = _sequences(image, file, warnings)
    if len(volumes) > 1:
        raise ScanError([Issue(file, "holds several volumes beside a FLAIR of its own")])
    return np.asarray(apply_orientation(volumes[FLAIR], turn))


class _OtherGridError(ScanError):
    """A file lies on another grid than its FLAIR, in whatever order of axes."""

    def __init__(self, file: str) -> None:
        super().__init__([Issue(file, "is on another grid than its FLAIR; resample it to that one")])
