"""Which files of an input are scans, and which belong to one volume."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from lgg_seg.errors import UserError
from lgg_seg.prediction.filenames import duplicate_reason, is_mask, is_tiff, mask_like, nifti_ending, without_ending
from lgg_seg.prediction.nifti import NiftiFiles
from lgg_seg.prediction.scan import Issue
from lgg_seg.prediction.sequences import UNUSED, flair_name, nifti_volumes, sequence_of
from lgg_seg.prediction.slices import SliceFiles, slice_volumes

ScanFiles = SliceFiles | NiftiFiles  # the files of one volume: they are read, and its mask is written in their format
_Files = TypeVar("_Files", SliceFiles, NiftiFiles, ScanFiles)
_KINDS = "a .tif slice, a folder of slices, a tree of patients, or a NIfTI volume (.nii, .nii.gz)"


@dataclass(frozen=True)
class ScanListing:
    """The volumes of an input below its folder `root`, and the files that are left out."""

    root: Path
    volumes: tuple[ScanFiles, ...]
    issues: tuple[Issue, ...]


def find_scans(path: Path) -> ScanListing:
    """The volumes of a file or of a folder and all folders below it.

    In one folder, TIFF files named `<patient>_<n>.tif` are one volume a patient, in the order of n; all others
    together are one volume, in the order of their names with numbers counted as numbers. Of two files whose masks
    would have one name, and of two slices with one number, the first is taken.

    A NIfTI file is FLAIR and a volume by itself, except where names have sequences (`sequences.sequence_of`):
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
    volumes: list[ScanFiles] = []
    issues: list[Issue] = []
    firsts: dict[str, str] = {}
    for folder, names in _folders(path, issues):
        scans = _scans(folder, names, firsts, issues)
        volumes += slice_volumes(folder, [name for name in scans if is_tiff(name)], issues)
        volumes += nifti_volumes(folder, [name for name in scans if nifti_ending(name)], issues)
    if not volumes and not issues:
        raise UserError(f"{path} holds no scans; input= is {_KINDS}.")
    return ScanListing(path, tuple(with_unique_names(volumes)), tuple(issues))


def with_unique_names(volumes: Sequence[_Files]) -> Iterator[_Files]:
    """Volumes of one name become `name`, `name (2)`, …; case makes no difference, since it makes none on some disks."""
    taken: set[str] = set()
    for volume in volumes:
        name, count = volume.name, 1
        while name.casefold() in taken:
            count += 1
            name = f"{volume.name} ({count})"
        taken.add(name.casefold())
        yield replace(volume, name=name)


def _one_file(path: Path) -> ScanListing:
    name, ending = path.name, nifti_ending(path.name)
    if mask_like(name):
        raise UserError(f"{path} is a mask by its name; name the scan it belongs to, or rename it if it is one.")
    if is_tiff(name):
        return ScanListing(path.parent, (SliceFiles.of_one(name),), ())
    if not ending:
        raise UserError(f"{path} is not read; input= is {_KINDS}.")
    case, sequence = sequence_of(name) or ("", "FLAIR")
    if sequence == "FLAIR":
        stem = without_ending(name)
        return ScanListing(path.parent, (NiftiFiles(stem, stem, {"FLAIR": name}),), ())
    kind = "no FLAIR" if sequence == UNUSED else f"a {sequence} scan"
    remedy = f"FLAIR is needed: name it {flair_name(case)}{ending} if it is that, or give its folder"
    return ScanListing(path.parent, (), (Issue(name, f"is {kind} by its name; {remedy}"),))


def _folders(root: Path, issues: list[Issue]) -> Iterator[tuple[str, list[str]]]:
    """Every folder below `root`, itself included, with its files; a folder that links lead to twice, once.

    A folder that may not be opened is added to `issues`.
    """

    def unreadable(error: OSError) -> None:
        issues.append(Issue(os.path.relpath(error.filename, root), f"cannot be opened ({error.strerror})"))

    visited = set()
    for folder, below, names in os.walk(root, followlinks=True, onerror=unreadable):
        below[:] = sorted(name for name in below if not name.startswith("."))
        path = Path(folder)
        if (real := path.resolve()) in visited:
            below.clear()
            continue
        visited.add(real)
        relative = path.relative_to(root).as_posix()
        yield "" if relative == "." else f"{relative}/", sorted(name for name in names if not name.startswith("."))


def _scans(folder: str, names: Sequence[str], firsts: dict[str, str], issues: list[Issue]) -> list[str]:
    """The files of a folder that are scans by their names; of two whose masks would have one name, the first."""
    images = [name for name in names if (is_tiff(name) or nifti_ending(name)) and not is_mask(name)]
    scans = [name for name in images if not mask_like(name)]
    if images and not scans:
        # Somebody may name scans like masks: no patient is passed over without a message.
        others = f", and so are others beside it ({len(images) - 1})" if len(images) > 1 else ""
        issues.append(Issue(folder + images[0], f"is a mask by its name{others}; rename what is a scan"))
    kept = []
    for name in scans:
        if reason := duplicate_reason(folder + name, firsts):
            issues.append(Issue(folder + name, reason))
        else:
            kept.append(name)
    return kept
