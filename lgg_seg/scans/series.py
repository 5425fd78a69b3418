"""The files of a DICOM series: their tags, their order, and what is wrong with them as one volume."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from lgg_seg.scans.filenames import DICOM_ENDINGS, may_be_dicom

STUDY, SERIES, PATIENT, FRAME = "0020|000d", "0020|000e", "0010|0020", "0020|0052"
MODALITY, IMAGE_TYPE = "0008|0060", "0008|0008"
DESCRIPTION, PROTOCOL, CONTRAST, AGENT = "0008|103e", "0018|1030", "0008|9209", "0018|0010"
DIRECTIONS, POSITION, NUMBER, ROWS, COLUMNS = "0020|0037", "0020|0032", "0020|0013", "0028|0010", "0028|0011"
_READ = {STUDY, SERIES, PATIENT, FRAME, MODALITY, IMAGE_TYPE, DESCRIPTION, PROTOCOL, CONTRAST, AGENT, DIRECTIONS,
         POSITION, NUMBER, ROWS, COLUMNS}  # fmt: skip

_MAX_KEPT = 10_000  # files whose tags are kept
_SAME_PLACE = 1e-3  # mm
_SAME_DIRECTION = 1e-2  # of the cosines
_UNEVEN = 1.1  # ratio of distances of slices up to which they count as even
_CLASS = re.compile(rb"\x02\x00\x02\x00UI..([0-9.]+)", re.DOTALL)  # the tag (0002,0002), which every file begins with
# Directories, spectra, waveforms, presentation states, raw data, reports, documents, structures and plans of therapy.
_NO_PICTURE = re.compile(r"1\.2\.840\.10008\.(1\.3\.10|5\.1\.4\.1\.1\.(4\.2|(9|11|66|88|104)(\..*)?|481\.[3-9].*))")

UNREADABLE = "cannot be read as DICOM; restore it from its source"

SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)  # what cannot be read is reported by us, with its name


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM, by its first bytes or its name."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM" or path.name.lower().endswith(DICOM_ENDINGS)
    except OSError:
        return False


def holds_no_picture(path: Path) -> bool:
    """Whether a DICOM file is of a kind without pixels, as `DICOMDIR` or a report, by its class."""
    with path.open("rb") as file:
        match = _CLASS.search(file.read(1024))
    return match is not None and _NO_PICTURE.fullmatch(match[1].decode()) is not None


def dicom_tags(path: Path) -> Mapping[str, str]:
    """The tags of a DICOM file that are read here, by `group|element`; RuntimeError if it is damaged or no picture."""
    return _tags(str(path), path.stat().st_mtime_ns)


def series_files(path: Path) -> list[Path]:
    """The files of the DICOM series that a file is of, in the order of their positions, else of their numbers."""
    if not (uid := dicom_tags(path).get(SERIES)):
        return [path]
    files = [file for file in path.parent.iterdir() if file == path or (may_be_dicom(file.name) and is_dicom(file))]
    return in_order([file for file in files if _is_of(file, uid)])


def in_order(files: Sequence[Path]) -> list[Path]:
    """The files of a series in the order of their positions, else of their numbers and names."""
    places = _places(files)
    by_number = sorted(range(len(files)), key=lambda k: (_number(files[k]), files[k].name))
    order = by_number if places is None else sorted(by_number, key=lambda k: places[k])
    return [files[k] for k in order]


def series_fault(files: Sequence[Path]) -> str | None:
    """Why the files of a series in order are no slices of one volume, completing "the file …"; None where they are."""
    tags = [dicom_tags(file) for file in files]
    if any("MOSAIC" in one.get(IMAGE_TYPE, "").split("\\") for one in tags):
        return "is a mosaic of a volume's slices; convert its series to NIfTI, for instance with dcm2niix"
    if len({(one.get(ROWS), one.get(COLUMNS)) for one in tags}) > 1:
        return "is of a series with slices of several sizes; give a series of one volume"
    directions = [numbers_of(one, DIRECTIONS, 6) for one in tags]
    if all(one is not None for one in directions) and (np.ptp(np.array(directions), axis=0) > _SAME_DIRECTION).any():
        return "is of a series with slices in several directions; give a series of one volume"
    places = _places(files)
    if places is not None and (np.diff(places) < _SAME_PLACE).any():
        return "is of a series with several slices at one place; give a series of one volume"
    return None


def series_gaps(files: Sequence[Path]) -> str | None:
    """That slices between others are missing in a series in order, by their distances; None where none is."""
    if len(files) < 3 or (places := _places(files)) is None:
        return None
    low, high = np.diff(places).min(), np.diff(places).max()
    return f"the volume is not whole: its slices are {low:.3g} to {high:.3g} mm apart" if high > _UNEVEN * low else None


def numbers_of(tags: Mapping[str, str], tag: str, count: int) -> NDArray[np.float64] | None:
    """The numbers of a tag; None where they are not so many."""
    try:
        numbers = np.array(tags.get(tag, "").split("\\"), np.float64)
    except ValueError:
        return None
    return numbers if len(numbers) == count else None


@lru_cache(_MAX_KEPT)
def _tags(path: str, changed: int) -> Mapping[str, str]:  # noqa: ARG001  # a file that changes is read anew
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(path)
    reader.ReadImageInformation()
    return {key: reader.GetMetaData(key).strip(" \0") for key in reader.GetMetaDataKeys() if key in _READ}


def _is_of(path: Path, uid: str) -> bool:
    with suppress(OSError, RuntimeError):
        return dicom_tags(path).get(SERIES) == uid
    return False


def _places(files: Sequence[Path]) -> NDArray[np.float64] | None:
    """How far each slice lies along the axis across it, in mm; None where one does not say."""
    places = []
    for tags in map(dicom_tags, files):
        position, directions = numbers_of(tags, POSITION, 3), numbers_of(tags, DIRECTIONS, 6)
        if position is None or directions is None:
            return None
        places.append(position @ np.cross(directions[:3], directions[3:]))
    return np.array(places)


def _number(file: Path) -> int:
    text = dicom_tags(file).get(NUMBER, "")
    return int(text) if text.isdecimal() and len(text) < 13 else 0  # DICOM's own limit
