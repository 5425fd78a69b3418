"""Which files of an input are scans, and which belong to one volume."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from lgg_seg.errors import UserError
from lgg_seg.prediction.nifti import NiftiFiles, ending
from lgg_seg.prediction.scan import Fault, Source
from lgg_seg.prediction.slices import SliceFiles

_NUMBERED = re.compile(r"(?P<stem>.+)_(?P<number>\d{1,9})", re.ASCII)
_SEQUENCE = re.compile(r"(?P<case>.+?)[_.-](?P<sequence>flair|pre|post|t1|t1ce|t1gd|t1c)", re.IGNORECASE)
_NAMES = {"flair": "FLAIR", "pre": "pre-contrast", "t1": "pre-contrast"}  # the others are post-contrast
_Files = TypeVar("_Files", SliceFiles, NiftiFiles, SliceFiles | NiftiFiles)
_KINDS = "a .tif slice, a folder of slices, a tree of patients, or a NIfTI volume (.nii, .nii.gz)"


@dataclass(frozen=True)
class Found:
    """The volumes of an input below its folder `root`, and the files that fit none."""

    root: Path
    sources: tuple[Source, ...]
    faults: tuple[Fault, ...]


def find_scans(path: Path) -> Found:
    """The volumes of a file or of a folder and all folders below it.

    In one folder, TIFF files named `<patient>_<n>.tif` are one volume a patient, in the order of n; all others
    together are one volume, in the order of their names with numbers counted as numbers. A NIfTI file is a volume by
    itself, except where sequences are files of their own: `<case>_flair` with `<case>_pre` (or `_t1`) and
    `<case>_post` (or `_t1ce`, `_t1gd`, `_t1c`). Masks (`…_mask.tif`, `…_mask.nii.gz`) are passed over.

    Raises:
        UserError: there is nothing to predict on.
    """
    if path.is_file():
        name, stem = path.name, _stem(path.name)
        if is_mask(name):
            raise UserError(f"{path} is a mask by its name; name the slice it belongs to.")
        if ending(name):
            return Found(path.parent, (NiftiFiles(stem, stem, {"FLAIR": name}),), ())
        if _is_tiff(name):
            return Found(path.parent, (SliceFiles(stem, ((_number(stem), name),)),), ())
        raise UserError(f"{path} is not read; input= is {_KINDS}.")
    if not path.is_dir():
        raise UserError(f"{path} is not there; input= is {_KINDS}.")
    sources: list[SliceFiles | NiftiFiles] = []
    faults: list[Fault] = []
    for folder, names in _folders(path, faults):
        sources += slice_volumes(folder, [name for name in names if _is_tiff(name)])
        volumes, wrong = _volumes(folder, [name for name in names if ending(name)])
        sources += volumes
        faults += wrong
    if not sources and not faults:
        raise UserError(f"{path} holds no scans; input= is {_KINDS}.")
    return Found(path, tuple(told_apart(sources)), tuple(faults))


def _folders(root: Path, faults: list[Fault]) -> Iterator[tuple[str, list[str]]]:
    """Every folder below `root`, itself included, with its files but the masks; one that links lead to twice, once.

    A folder that may not be opened is added to `faults`.
    """

    def refused(error: OSError) -> None:
        faults.append(Fault(os.path.relpath(error.filename, root), f"cannot be opened ({error.strerror})"))

    seen = set()
    for folder, below, names in os.walk(root, followlinks=True, onerror=refused):
        below[:] = sorted(name for name in below if not name.startswith("."))
        place = Path(folder)
        if (real := place.resolve()) in seen:
            below.clear()
            continue
        seen.add(real)
        relative = place.relative_to(root).as_posix()
        kept = sorted(name for name in names if not name.startswith(".") and not is_mask(name))
        yield "" if relative == "." else f"{relative}/", kept


def slice_volumes(folder: str, names: Sequence[str]) -> Iterator[SliceFiles]:
    """The volumes that the slices of one folder are, as `find_scans` says.

    Args:
        folder: its path below the input with a slash at its end; empty for the input itself.
        names: the slices' file names, without masks.
    """
    patients: dict[str, list[tuple[int, str]]] = defaultdict(list)
    others = []
    for name in names:
        match = _NUMBERED.fullmatch(_stem(name))
        if match:
            patients[match["stem"]].append((int(match["number"]), folder + name))
        else:
            others.append(folder + name)
    own = Path(folder).name
    for patient, files in sorted(patients.items()):
        yield SliceFiles(folder.rstrip("/") if patient == own else folder + patient, tuple(sorted(files)))
    if others:
        ordered = sorted(others, key=_natural)
        yield SliceFiles(folder.rstrip("/") or "slices", tuple(enumerate(ordered, start=1)))


def _volumes(folder: str, names: Sequence[str]) -> tuple[list[NiftiFiles], list[Fault]]:
    matches = {name: _SEQUENCE.fullmatch(_stem(name)) for name in names}
    # A folder in which sequences have names holds others, too (…_t2, …_seg), which are no FLAIR.
    if not any(match and match["sequence"].lower() == "flair" for match in matches.values()):
        return [NiftiFiles(stem := folder + _stem(name), stem, {"FLAIR": folder + name}) for name in names], []
    cases: dict[str, dict[str, str]] = defaultdict(dict)
    faults = []
    for name, match in matches.items():
        if match is None:
            continue
        sequence = _NAMES.get(match["sequence"].lower(), "post-contrast")
        of_case = cases[match["case"]]
        if sequence in of_case:
            faults.append(Fault(folder + name, f"is a second {sequence} beside {Path(of_case[sequence]).name}"))
        else:
            of_case[sequence] = folder + name
    for case, files in cases.items():
        if "FLAIR" not in files:
            faults += [Fault(file, f"has no FLAIR ({case}_flair) beside it") for file in files.values()]
    whole = [(folder + case, files) for case, files in sorted(cases.items()) if "FLAIR" in files]
    return [NiftiFiles(name, name, files) for name, files in whole], faults


def told_apart(sources: Sequence[_Files]) -> Iterator[_Files]:
    """Volumes of one name become `name`, `name (2)`, …"""
    count: Counter[str] = Counter()
    for source in sources:
        count[source.name] += 1
        yield source if count[source.name] == 1 else replace(source, name=f"{source.name} ({count[source.name]})")


def _stem(name: str) -> str:
    return name.removesuffix(name[-len(end) :]) if (end := ending(name)) else Path(name).stem


def _number(stem: str) -> int:
    match = _NUMBERED.fullmatch(stem)
    return int(match["number"]) if match else 1


def _natural(name: str) -> list[tuple[int, int | str]]:
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name) if part]


def _is_tiff(name: str) -> bool:
    return name.lower().endswith((".tif", ".tiff"))


def is_mask(name: str) -> bool:
    """Whether a file is a mask by its name."""
    return _stem(name).lower().endswith("_mask")
