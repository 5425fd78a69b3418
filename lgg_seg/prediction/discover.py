"""Which files of an input are scans, and which belong to one volume."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from lgg_seg.errors import UserError
from lgg_seg.prediction.filenames import (
    UNUSED,
    duplicate_reason,
    ending,
    is_mask,
    is_tiff,
    mask_like,
    sequence_of,
    without_ending,
)
from lgg_seg.prediction.nifti import NiftiFiles
from lgg_seg.prediction.scan import Issue, Source
from lgg_seg.prediction.slices import SliceFiles

_NUMBERED = re.compile(r"(?P<stem>.+)_(?P<number>\d{1,9})", re.ASCII)
_Files = TypeVar("_Files", SliceFiles, NiftiFiles, SliceFiles | NiftiFiles)
_KINDS = "a .tif slice, a folder of slices, a tree of patients, or a NIfTI volume (.nii, .nii.gz)"


@dataclass(frozen=True)
class ScanListing:
    """The volumes of an input below its folder `root`, and the files that fit none."""

    root: Path
    sources: tuple[Source, ...]
    issues: tuple[Issue, ...]


def find_scans(path: Path) -> ScanListing:
    """The volumes of a file or of a folder and all folders below it.

    In one folder, TIFF files named `<patient>_<n>.tif` are one volume a patient, in the order of n; all others
    together are one volume, in the order of their names with numbers counted as numbers. Of two files whose masks
    would have one name, and of two slices with one number, the first is taken.

    A NIfTI file is FLAIR and a volume by itself, except where names say sequences (`names.sequence_of`):
    `<case>_flair` is put together with `<case>_t1` and `<case>_t1ce`, `<case>_t2` is passed over, and a case without
    FLAIR is left out. Beside those a name without a sequence is another patient's FLAIR, unless it is the case's with
    something after it (`<case>_fa`): that may be anything of the same patient and is left out.

    Masks (`…_mask.tif`, and beside scans `…_seg`, `…_label`, `…_mask_7`, …) are passed over. Whatever else is left out
    is among the issues.

    Raises:
        UserError: there is nothing to predict on.
    """
    if path.is_file():
        return _one_file(path)
    if not path.is_dir():
        raise UserError(f"{path} is not there; input= is {_KINDS}.")
    sources: list[SliceFiles | NiftiFiles] = []
    issues: list[Issue] = []
    firsts: dict[str, str] = {}
    for folder, names in _folders(path, issues):
        scans = _scans(folder, names, firsts, issues)
        sources += slice_volumes(folder, [name for name in scans if is_tiff(name)], issues)
        sources += _nifti_volumes(folder, [name for name in scans if ending(name)], issues)
    if not sources and not issues:
        raise UserError(f"{path} holds no scans; input= is {_KINDS}.")
    return ScanListing(path, tuple(with_unique_names(sources)), tuple(issues))


def _one_file(path: Path) -> ScanListing:
    name, stem = path.name, without_ending(path.name)
    if mask_like(name):
        raise UserError(f"{path} is a mask by its name; name the scan it belongs to, or rename it if it is one.")
    if is_tiff(name):
        return ScanListing(path.parent, (SliceFiles(stem, ((_number(stem), name),)),), ())
    if not ending(name):
        raise UserError(f"{path} is not read; input= is {_KINDS}.")
    case, sequence = sequence_of(name) or ("", "FLAIR")
    if sequence == "FLAIR":
        return ScanListing(path.parent, (NiftiFiles(stem, stem, {"FLAIR": name}),), ())
    kind = "no FLAIR" if sequence == UNUSED else f"a {sequence} scan"
    remedy = f"FLAIR is needed: name it {_flair(case)}{ending(name)} if it is that, or give its folder"
    return ScanListing(path.parent, (), (Issue(name, f"is {kind} by its name; {remedy}"),))


def _folders(root: Path, issues: list[Issue]) -> Iterator[tuple[str, list[str]]]:
    """Every folder below `root`, itself included, with its files; one that links lead to twice, once.

    A folder that may not be opened is added to `issues`.
    """

    def refused(error: OSError) -> None:
        issues.append(Issue(os.path.relpath(error.filename, root), f"cannot be opened ({error.strerror})"))

    seen = set()
    for folder, below, names in os.walk(root, followlinks=True, onerror=refused):
        below[:] = sorted(name for name in below if not name.startswith("."))
        place = Path(folder)
        if (real := place.resolve()) in seen:
            below.clear()
            continue
        seen.add(real)
        relative = place.relative_to(root).as_posix()
        yield "" if relative == "." else f"{relative}/", sorted(name for name in names if not name.startswith("."))


def _scans(folder: str, names: Sequence[str], firsts: dict[str, str], issues: list[Issue]) -> list[str]:
    """The files of a folder that are scans by their names; of two whose masks would have one name, the first."""
    read = [name for name in names if (is_tiff(name) or ending(name)) and not is_mask(name)]
    scans = [name for name in read if not mask_like(name)]
    if read and not scans:
        # Somebody may call his scans so: nothing of a patient is passed over in silence.
        others = f", and so are others beside it ({len(read) - 1})" if len(read) > 1 else ""
        issues.append(Issue(folder + read[0], f"is a mask by its name{others}; rename what is a scan"))
    kept = []
    for name in scans:
        if reason := duplicate_reason(folder + name, firsts):
            issues.append(Issue(folder + name, reason))
        else:
            kept.append(name)
    return kept


def slice_volumes(folder: str, names: Sequence[str], issues: list[Issue]) -> list[SliceFiles]:
    """The volumes that the slices of one folder are, as `find_scans` says.

    Args:
        folder: its path below the input with a slash at its end; empty for the input itself.
        names: the slices' file names, without masks.
        issues: gets the slices whose number another of their volume has.
    """
    patients: dict[str, dict[int, str]] = defaultdict(dict)
    others = []
    for name in sorted(names):
        match = _NUMBERED.fullmatch(without_ending(name))
        if match is None:
            others.append(folder + name)
            continue
        number, numbered = int(match["number"]), patients[match["stem"]]
        if number in numbered:
            reason = f"has the slice number {number} of {numbered[number]}, which counts; rename one of them"
            issues.append(Issue(folder + name, reason))
        else:
            numbered[number] = folder + name
    own = Path(folder).name
    volumes = [
        SliceFiles(folder.rstrip("/") if patient == own else folder + patient, tuple(sorted(numbered.items())))
        for patient, numbered in sorted(patients.items())
    ]
    if others:
        ordered = sorted(others, key=_natural)
        volumes.append(SliceFiles(folder.rstrip("/") or "slices", tuple(enumerate(ordered, start=1))))
    return volumes


def _nifti_volumes(folder: str, names: Sequence[str], issues: list[Issue]) -> list[NiftiFiles]:
    """The volumes that the NIfTI files of one folder are, as `find_scans` says."""
    cases: dict[str, dict[str, str]] = defaultdict(dict)
    spelt: dict[str, str] = {}
    alone = []
    for name in names:
        if (said := sequence_of(name)) is None:
            alone.append(name)
            continue
        case, sequence = said
        of_case = cases[case.casefold()]
        spelt.setdefault(case.casefold(), case)
        if sequence in of_case and sequence != UNUSED:
            issues.append(Issue(folder + name, f"is a second {sequence} beside {Path(of_case[sequence]).name}"))
        else:
            of_case[sequence] = folder + name
    volumes = []
    for key, files in sorted(cases.items()):
        case = spelt[key]
        if "FLAIR" in files:
            used = {sequence: file for sequence, file in files.items() if sequence != UNUSED}
            stem = folder + case if case else without_ending(files["FLAIR"])
            volumes.append(NiftiFiles(stem if case else folder.rstrip("/") or stem, stem, used))
        else:
            issues += [Issue(file, f"has no FLAIR ({_flair(case)}) beside it") for file in files.values()]
    for name in alone:
        stem = without_ending(name)
        if (of := next((case for case in cases if _of_case(stem, case, "FLAIR" in cases[case])), None)) is None:
            volumes.append(NiftiFiles(folder + stem, folder + stem, {"FLAIR": folder + name}))
        else:
            beside = Path(next(iter(cases[of].values()))).name
            remedy = f"name it {_flair(spelt[of])}{ending(name)} if it is FLAIR, or put it into another folder"
            issues.append(Issue(folder + name, f"says no sequence in its name beside {beside}; {remedy}"))
    return volumes


def _of_case(stem: str, case: str, with_flair: bool) -> bool:
    """Whether a file that names no sequence is one of that case's, of whom others do.

    Where names are sequences alone (`case` is empty) the folder is one patient's. A file of the case's own name is
    what it is without others: FLAIR, unless there is one.
    """
    rest = stem.casefold().removeprefix(case) if stem.casefold().startswith(case) else None
    return rest is not None and (not case or (rest == "" and with_flair) or rest[:1] in ("_", "-", ".", " "))


def _flair(case: str) -> str:
    return f"{case}_flair" if case else "flair"


def with_unique_names(sources: Sequence[_Files]) -> Iterator[_Files]:
    """Volumes of one name become `name`, `name (2)`, …; case makes no difference, for it makes none on some disks."""
    taken: set[str] = set()
    for source in sources:
        name, count = source.name, 1
        while name.casefold() in taken:
            count += 1
            name = f"{source.name} ({count})"
        taken.add(name.casefold())
        yield source if count == 1 else replace(source, name=name)


def _number(stem: str) -> int:
    match = _NUMBERED.fullmatch(stem)
    return int(match["number"]) if match else 1


def _natural(name: str) -> list[tuple[int, int | str]]:
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name) if part]
