"""Volumes in any format as NIfTI images: NIfTI, Analyze, FreeSurfer, MetaImage, NRRD, and series of DICOM files."""

import os
from collections.abc import Sequence
from math import prod
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK
from nibabel.spatialimages import SpatialImage
from numpy.typing import NDArray

from lgg_seg.data.kaggle.pixels import MAX_STACK, size_fault
from lgg_seg.scans.axes import is_sound
from lgg_seg.scans.filenames import DICOM_ENDINGS, ITK_ENDINGS, is_volume
from lgg_seg.scans.limits import require_extensions

_HEADERS = (".mhd", ".nhdr")  # of voxels in a file of their own
_SAME_PLACE = 1e-3  # mm
_UNEVEN = 1.1  # ratio of distances of slices up to which they count as even
_RAS_OF_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # ITK counts to the left and the back, NIfTI to the right and the front

SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)  # what cannot be read is reported by us, with its name


class FormatError(Exception):
    """A file cannot be used; the message completes "the file …"."""


def open_volume(path: Path) -> nib.Nifti1Image:
    """The image of a file, or of the DICOM series that the file is of.

    Voxels of NIfTI, Analyze and FreeSurfer stay on the disk until they are asked for.

    Raises:
        FormatError: it is damaged or too large, does not hold numbers, or does not say where its voxels are.
    """
    itk = path.name.lower().endswith(ITK_ENDINGS) or not is_volume(path.name)
    try:
        image = _by_itk(path) if itk else _by_nibabel(path)
    except FormatError:
        raise
    except Exception as error:  # a damaged header can raise anything
        raise unreadable(path, error) from error
    if image.get_data_dtype().kind not in "iuf":
        raise FormatError(f"holds {image.get_data_dtype()} voxels, where numbers are read")
    _check_size(image.shape)
    if not is_sound(image.affine):
        raise FormatError("has an affine that does not say where its voxels are")
    return image


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM, by its first bytes or its name."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM" or path.name.lower().endswith(DICOM_ENDINGS)
    except OSError:
        return False


def unreadable(path: Path, error: Exception) -> FormatError:
    """That a file's header or voxels are damaged."""
    name = path.name.lower()
    kind = "NIfTI" if ".nii" in name else f"a volume ({path.suffix.lower()})" if is_volume(name) else "DICOM"
    return FormatError(f"cannot be read as {kind} ({' '.join(str(error).split())[:200]})")


def series_files(path: Path) -> list[str]:
    """The files of the DICOM series that a file is of, in the order of their positions."""
    uid = dicom_tags(path).get("0020|000e", "")
    return list(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(path.parent), uid)) or [str(path)]


def series_gaps(path: Path) -> str | None:
    """That slices of the DICOM series that a file is of are missing, by their distances; None of any other file."""
    if is_volume(path.name) or not (distances := _distances(series_files(path))).size:
        return None
    low, high = distances.min(), distances.max()
    return f"the volume is not whole: its slices are {low:.3g} to {high:.3g} mm apart" if high > _UNEVEN * low else None


def dicom_tags(path: Path) -> dict[str, str]:
    """The tags of a DICOM file by `group|element`, without its pixels."""
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    return {key: reader.GetMetaData(key).strip(" \0") for key in reader.GetMetaDataKeys()}


def _check_size(shape: tuple[int, ...]) -> None:
    if np.prod(shape, dtype=np.float64) > MAX_STACK:
        raise FormatError(f"declares {' x '.join(map(str, shape))} voxels; the limit is 512³")


def _by_nibabel(path: Path) -> nib.Nifti1Image:
    if ".nii" in path.name.lower():
        require_extensions(path)
    image = nib.load(path)
    if isinstance(image, nib.Nifti1Image):  # Nifti2Image is one, too
        return image
    if isinstance(image, nib.Nifti1Pair):
        return nib.Nifti1Image(image.dataobj, image.affine, image.header)
    if not isinstance(image, SpatialImage):
        raise FormatError("holds no volume")
    made = nib.Nifti1Image(image.dataobj, image.affine)
    made.header.set_xyzt_units("mm")
    if isinstance(image, nib.AnalyzeImage):  # which does not say how the patient lay
        made.header["sform_code"] = made.header["qform_code"] = 0
    return made


def _by_itk(path: Path) -> nib.Nifti1Image:
    """Read whole, once the size is known."""
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    names = [str(path)] if is_volume(path.name) else series_files(path)
    if not is_volume(path.name) and (_distances(names) < _SAME_PLACE).any():
        raise FormatError("is of a series with several slices at one place; give a series of one volume")
    shape = (*reader.GetSize(), reader.GetNumberOfComponents(), len(names))
    _check_size(shape)
    if path.suffix.lower() not in _HEADERS and (fault := size_fault(prod(shape), sum(map(os.path.getsize, names)))):
        raise FormatError(fault)
    image = SimpleITK.ReadImage(names if len(names) > 1 else names[0])
    voxels, dimensions = SimpleITK.GetArrayFromImage(image), image.GetDimension()
    affine = np.eye(4)
    if dimensions >= 3:
        direction = np.reshape(image.GetDirection(), (dimensions, dimensions))[:3, :3]
        affine[:3, :3], affine[:3, 3] = direction * image.GetSpacing()[:3], image.GetOrigin()[:3]
    # Its arrays have the axes in reverse; several values of a voxel are last.
    order = (*reversed(range(dimensions)), *range(dimensions, voxels.ndim))
    made = nib.Nifti1Image(voxels.transpose(order), _RAS_OF_LPS @ affine)
    made.header.set_xyzt_units("mm")
    return made


def _distances(files: Sequence[str]) -> NDArray[np.float64]:
    """How far each slice of a series is from the next, in mm; empty where the files do not say their places."""
    places = []
    for file in files:
        tags = dicom_tags(Path(file))
        numbers = [tags.get(tag, "").split("\\") for tag in ("0020|0032", "0020|0037")]
        if [len(one) for one in numbers] != [3, 6]:
            return np.empty(0)
        position, directions = (np.array(one, np.float64) for one in numbers)
        places.append(position @ np.cross(directions[:3], directions[3:]))
    return np.diff(np.sort(places))
