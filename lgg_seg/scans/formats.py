"""Volumes in any format as NIfTI images: NIfTI, Analyze, FreeSurfer, MetaImage, NRRD, and series of DICOM files."""

import os
import struct
from math import prod
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK
from nibabel.openers import ImageOpener
from nibabel.spatialimages import SpatialImage

from lgg_seg.data.kaggle.pixels import MAX_STACK, size_fault
from lgg_seg.scans.axes import is_sound
from lgg_seg.scans.filenames import ITK_ENDINGS, is_volume
from lgg_seg.scans.scan import Issue, ScanError
from lgg_seg.scans.series import series_fault, series_files, series_gaps

MAX_EXTENSION = 2**24  # bytes of one extension of a NIfTI header, and of all: nibabel reads what they declare
_HEADERS = (".mhd", ".nhdr")  # of voxels in a file of their own
_RAS_OF_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # ITK counts to the left and the back, NIfTI to the right and the front


class _FormatError(Exception):
    """A file cannot be used; the message completes "the file …"."""


def open_volume(root: Path, file: str) -> nib.Nifti1Image:
    """The image of a file below `root`, or of the DICOM series that the file is of; a ScanError says why it is none.

    Voxels of NIfTI, Analyze and FreeSurfer stay on the disk until they are asked for.
    """
    path = root / file
    itk = path.name.lower().endswith(ITK_ENDINGS) or not is_volume(path.name)
    try:
        image = _by_itk(path) if itk else _by_nibabel(path)
        if image.get_data_dtype().kind not in "iuf":
            raise _FormatError(f"holds {image.get_data_dtype()} voxels, where numbers are read")
        _check_size(image.shape)
        if not is_sound(image.affine):
            raise _FormatError("has an affine that does not say where its voxels are")
    except _FormatError as error:
        raise ScanError([Issue(file, str(error))]) from error
    except Exception as error:  # a damaged header can raise anything
        raise ScanError([Issue(file, unreadable(path, error))]) from error
    return image


def gaps_in(path: Path) -> str | None:
    """That slices of the DICOM series that a file is of are missing; None of any other file."""
    return None if is_volume(path.name) else series_gaps(series_files(path))


def unreadable(path: Path, error: Exception) -> str:
    """That a file's header or voxels are damaged; what SimpleITK says names lines of its own code, and says no more."""
    name = path.name.lower()
    kind = "NIfTI" if ".nii" in name else f"a volume ({path.suffix.lower()})" if is_volume(name) else "DICOM"
    of_itk = isinstance(error, RuntimeError) and "SimpleITK" in str(error)
    said = " ".join(str(error).replace(f"{path.parent}/", "").split())[:200]
    reason = "its header or voxels are damaged" if of_itk else said
    return f"cannot be read as {kind} ({reason}); restore it from its source"


def _check_size(shape: tuple[int, ...]) -> None:
    if np.prod(shape, dtype=np.float64) > MAX_STACK:
        raise _FormatError(f"declares {' x '.join(map(str, shape))} voxels; the limit is 512³")


def _by_nibabel(path: Path) -> nib.Nifti1Image:
    if ".nii" in path.name.lower():
        _require_extensions(path)
    image = nib.load(path)
    if isinstance(image, nib.Nifti1Image):  # Nifti2Image is one, too
        return image
    if isinstance(image, nib.Nifti1Pair):
        return nib.Nifti1Image(image.dataobj, image.affine, image.header)
    if not isinstance(image, SpatialImage):
        raise _FormatError("holds no volume")
    made = nib.Nifti1Image(image.dataobj, image.affine)
    made.header.set_xyzt_units("mm")
    if isinstance(image, nib.AnalyzeImage):  # which does not say how the patient lay
        made.header["sform_code"] = made.header["qform_code"] = 0
    return made


def _require_extensions(path: Path) -> None:
    """Refuse with a ValueError a NIfTI header whose extensions declare more than `MAX_EXTENSION` bytes."""
    with ImageOpener(str(path)) as stream:
        start = stream.read(4)
        is_second = 540 in (int.from_bytes(start, "little"), int.from_bytes(start, "big"))
        kind: Any = nib.Nifti2Header if is_second else nib.Nifti1Header
        header = kind(start + stream.read(kind.sizeof_hdr - 4), check=False)
        left = int(header["vox_offset"]) - kind.sizeof_hdr - 4
        if not stream.read(4).startswith(b"\x00"):
            while left >= 16 and len(declared := stream.read(8)) == 8:
                (length, _) = struct.unpack(f"{header.endianness}ii", declared)
                if max(length, left) > MAX_EXTENSION:
                    raise ValueError(f"its header has an extension of {max(length, left) / 1e6:.0f} MB")
                if length < 8:  # nibabel says what is wrong with it
                    return
                stream.read(length - 8)
                left -= length


def _by_itk(path: Path) -> nib.Nifti1Image:
    """Read whole, once the size is known."""
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    files = [path] if is_volume(path.name) else series_files(path)
    if not is_volume(path.name) and (fault := series_fault(files)):
        raise _FormatError(fault)
    names = [str(file) for file in files]
    shape = (*reader.GetSize(), reader.GetNumberOfComponents(), len(names))
    _check_size(shape)
    if path.suffix.lower() not in _HEADERS and (fault := size_fault(prod(shape), sum(map(os.path.getsize, names)))):
        raise _FormatError(fault)
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
