"""Which files of an input are scans, and which belong to one volume."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from lgg_seg.data.kaggle.tiff import is_stack
from lgg_seg.errors import UserError
from lgg_seg.prediction.cases import not_flair, volumes_of_cases
from lgg_seg.prediction.filenames import (
    duplicate_reason,
    is_image,
    is_mask,
    is_picture,
    is_tiff,
    nifti_ending,
    without_ending,
)
from lgg_seg.prediction.roles import CHANNEL, FLAIR, MASK, NO_ENDINGS, role_of
from lgg_seg.prediction.scan import Issue
from lgg_seg.prediction.slices import SliceFiles, StackFile, flair_alone, slice_volumes
from lgg_seg.prediction.volumes import VolumeFiles

ScanFiles = (
    SliceFiles | StackFile | VolumeFiles
)  # the files of one volume: they are read, and its mask is written in their format
_Files = TypeVar("_Files", SliceFiles, VolumeFiles, ScanFiles)
_KINDS = "a slice (.tif, .png, .jpg), a .tif of several, a NIfTI volume (.nii, .nii.gz), or a folder of any of them"
_BESIDE = "is a picture beside scans, and may be anything; put it into a folder of its own if it is a slice"


@dataclass(frozen=True)
class ScanListing:
    """The volumes of an input below its folder `root`, and the files that are left out."""

    root: Path
    volumes: tuple[ScanFiles, ...]
    issues: tuple[Issue, ...]


def find_scans(path: Path, endings: Mapping[str, str] = NO_ENDINGS) -> ScanListing:
    """The volumes of a file or of a folder and all folders below it.

    In one folder, slices named `<patient>_<n>.tif` (or PNG, JPEG) are one volume a patient, in the order of n; all
    others together are one volume, in the order of their names with numbers counted as numbers. A TIFF of several pages
    is a volume by itself. PNG and JPEG beside TIFF or NIfTI may be anything and are left out. Of two files whose masks
    would have one name, and of two slices with one number, the first is taken.

    What a NIfTI file is, a word anywhere in its name or its folder's says (`roles.role_of`): `P1_T1_brain` is put
    together with `P1_FLAIR_brain`, `t1/P1` with `flair/P1`. T2 is passed over, maps and templates are left out, and so
    is a case without FLAIR. A name without such a word is FLAIR, unless it is that of a case which has FLAIR, or the
    case's with something after it (`<case>_fa`): that may be anything of the same patient and is left out. Numbered
    channels (`<case>_0000`) are what `endings` or nnU-Net's `dataset.json` says, else left out.

    Masks (`…_mask.tif`, `…_seg`, folders `masks`, `labelsTr`, …) are passed over. Whatever else is left out is among
    the issues.

    Args:
        path: the file or folder.
        endings: what names of a sequence end in, by sequence: `{"FLAIR": "_0003", "pre-contrast": "_0000"}`.

    Raises:
        UserError: there is nothing to predict on.
    """
    if path.is_file():
        return _one_file(path, endings)
    if not path.is_dir():
        raise UserError(f"{path} is not there; input= is {_KINDS}.")
    volumes: list[ScanFiles] = []
    issues: list[Issue] = []
    firsts: dict[str, str] = {}
    niftis: list[str] = []
    top = path.resolve().name
    masks = 0
    for folder, names in _folders(path, issues):
        scans = _scans(folder, names, top, firsts, issues)
        masks += sum(is_image(name) for name in names) - len(scans)
        niftis += [folder + name for name in scans if nifti_ending(name)]
        stacks = [name for name in scans if is_tiff(name) and is_stack(path / folder / name)]
        slices = [name for name in scans if not nifti_ending(name) and name not in stacks]
        if any(is_tiff(name) for name in slices) or len(scans) > len(slices):
            pictures = [name for name in slices if is_picture(name)]
            issues += [Issue(folder + name, _BESIDE) for name in pictures]
            slices = [name for name in slices if name not in pictures]
        volumes += slice_volumes(folder, slices, issues, top)
        volumes += [
            StackFile(without_ending(folder + name), folder + name) for name in flair_alone(folder, stacks, top, issues)
        ]
    volumes += volumes_of_cases(path, niftis, top, endings, issues)
    if not volumes and not issues:
        but = f", but masks by their names ({masks})" if masks else ""
        raise UserError(f"{path} holds no scans{but}; input= is {_KINDS}.")
    return ScanListing(path, tuple(with_unique_names(volumes)), tuple(issues))


def named_scan(files: Mapping[str, Path]) -> ScanListing:
    """One volume of NIfTI files that are named by sequence, FLAIR among them.

    Raises:
        UserError: one is not there, or no NIfTI.
    """
    for file in files.values():
        if not file.is_file():
            raise UserError(f"{file} is not there; flair=, t1= and t1ce= are NIfTI files of one patient.")
        if not nifti_ending(file.name):
            raise UserError(f"{file} is no NIfTI by its name; slices in TIFF hold their sequences as channels.")
    root = Path(os.path.commonpath([file.absolute().parent for file in files.values()]))
    below = {sequence: file.absolute().relative_to(root).as_posix() for sequence, file in files.items()}
    stem = without_ending(below[FLAIR])
    return ScanListing(root, (VolumeFiles(stem, stem, below),), ())


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


def _one_file(path: Path, endings: Mapping[str, str]) -> ScanListing:
    name, folder = path.name, path.resolve().parent
    if not is_image(name):
        raise UserError(f"{path} is not read; input= is {_KINDS}.")
    role = role_of(name, folder.name, endings)
    if role.kind == MASK:
        raise UserError(f"{path} is a mask by its name; name the scan it belongs to, or rename it if it is one.")
    if role.kind not in (FLAIR, None):
        return ScanListing(folder, (), (Issue(name, not_flair(name, role.kind, role.words)),))
    if is_tiff(name) and is_stack(path):
        return ScanListing(folder, (StackFile(without_ending(name), name),), ())
    if not nifti_ending(name):
        return ScanListing(folder, (SliceFiles.of_one(name),), ())
    issues: list[Issue] = []
    match = CHANNEL.fullmatch(without_ending(name))
    beside = [file.name for file in folder.iterdir() if match and file.name.startswith(match["case"] + "_")]
    channels = sorted(file for file in beside if CHANNEL.fullmatch(without_ending(file)))
    volumes = volumes_of_cases(folder, channels or [name], folder.name, endings, issues)
    return ScanListing(folder, tuple(volumes), tuple(issues))


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


def _scans(folder: str, names: Sequence[str], top: str, firsts: dict[str, str], issues: list[Issue]) -> list[str]:
    """The files of a folder that are scans by their names; of two whose masks would have one name, the first."""
    images = [name for name in names if is_image(name)]
    scans = [name for name in images if role_of(folder + name, top).kind != MASK]
    suspects = [name for name in images if not is_mask(name) and role_of(name).kind == MASK]
    if suspects and not scans:
        # Somebody may name scans like masks: no patient is passed over without a message.
        others = f", and so are others beside it ({len(suspects) - 1})" if len(suspects) > 1 else ""
        issues.append(Issue(folder + suspects[0], f"is a mask by its name{others}; rename what is a scan"))
    kept = []
    for name in scans:
        if reason := duplicate_reason(folder + name, firsts):
            issues.append(Issue(folder + name, reason))
        else:
            kept.append(name)
    return kept
