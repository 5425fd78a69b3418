"""Which files of an input are scans, and which belong to one volume."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from lgg_seg.data.kaggle.tiff import is_stack
from lgg_seg.errors import UserError
from lgg_seg.scans.cases import not_flair, volumes_of_cases
from lgg_seg.scans.filenames import (
    DICOM_ENDINGS,
    below_derivatives,
    is_image,
    is_picture,
    is_tiff,
    is_volume,
    may_be_dicom,
    nifti_ending,
    unread_reason,
    without_ending,
)
from lgg_seg.scans.marks import JOURNAL, OVERLAYS, PER_VOLUME, is_marked, is_output
from lgg_seg.scans.roles import CHANNEL, FLAIR, MASK, NO_ENDINGS, role_of
from lgg_seg.scans.scan import Issue
from lgg_seg.scans.series import PATIENT, UNREADABLE, dicom_tags, holds_no_picture, is_dicom
from lgg_seg.scans.slices import SliceFiles, StackFile, flair_alone, slice_volumes
from lgg_seg.scans.studies import description, dicom_studies, series_kind
from lgg_seg.scans.volumes import VolumeFiles

ScanFiles = SliceFiles | StackFile | VolumeFiles
"""The files of one volume: a prediction writes its mask in their format."""

_Files = TypeVar("_Files", SliceFiles, VolumeFiles, ScanFiles)
_KINDS = (
    "slices (TIFF, PNG, JPEG, DICOM), a TIFF stack, a volume (.nii.gz, .mgz, .img, .mha, .nrrd), or a folder of them"
)
_BESIDE = "is a picture beside scans, and may be anything; put it into a folder of its own if it is a slice"


@dataclass(frozen=True)
class ScanListing:
    """The volumes of an input below its folder `root`, the files that are left out, and the masks beside them."""

    root: Path
    volumes: tuple[ScanFiles, ...]
    issues: tuple[Issue, ...]
    masks: tuple[str, ...] = ()


def find_scans(path: Path, endings: Mapping[str, str] = NO_ENDINGS) -> ScanListing:
    """The volumes of a file or of a folder and all folders below it.

    In one folder, slices named `<patient>_<n>.tif` (or PNG, JPEG) are one volume a patient, in the order of n; all
    others together are one volume, in the order of their names. A TIFF of several pages is a volume by itself. PNG and
    JPEG beside TIFF, NIfTI or DICOM may be anything and are left out, and beside a `DICOMDIR` all that is not DICOM. Of
    two files whose masks would have one name, and of two slices with one number, the first is taken.

    What a NIfTI file is, a word in its name or its folder's says (`roles.role_of`): `P1_T1_brain` is put together with
    `P1_FLAIR_brain`, `t1/P1` with `flair/P1`. T2 is passed over; maps, templates and a case without FLAIR are left out.
    A name without such a word is FLAIR, unless it is that of a case which has FLAIR, or the case's with something after
    it (`<case>_fa`): that may be anything and is left out. Numbered channels (`<case>_0000`) are what `endings` (by
    sequence: `{"FLAIR": "_0003"}`) or nnU-Net's `dataset.json` says, else left out.

    Masks (`…_mask.tif`, `…_seg`, folders `masks`, `labelsTr`, …) are listed; those that an earlier prediction wrote are
    no ground truth. Whatever else is left out is among the issues.
    """
    endings = {kind: without_ending(ending) if is_volume(ending) else ending for kind, ending in endings.items()}
    if path.is_file():
        return _one_file(path, endings)
    if not path.is_dir():
        raise UserError(f"{path} is not there; input= is {_KINDS}.")
    volumes: list[ScanFiles] = []
    issues: list[Issue] = []
    firsts: dict[str, str] = {}
    files: list[str] = []
    dicom: list[str] = []
    top = path.resolve().name
    masks: list[str] = []
    is_disc = any(file.name.upper() == "DICOMDIR" for file in path.iterdir())
    for folder, names in _folders(path, issues):
        if is_disc:
            names = [name for name in names if may_be_dicom(name)]
        scans = _scans(folder, names, top, firsts, issues)
        masks += _masks(path, folder, names, issues)
        files += [folder + name for name in scans if is_volume(name)]
        series = [name for name in names if may_be_dicom(name) and is_dicom(path / folder / name)]
        dicom += [folder + name for name in series]
        issues += [Issue(folder + name, reason) for name in names if (reason := unread_reason(name))]
        stacks = [name for name in scans if is_tiff(name) and is_stack(path / folder / name)]
        slices = [name for name in scans if not is_volume(name) and name not in stacks]
        if series or any(is_tiff(name) for name in slices) or len(scans) > len(slices):
            pictures = [name for name in slices if is_picture(name)]
            issues += [Issue(folder + name, _BESIDE) for name in pictures]
            slices = [name for name in slices if name not in pictures]
        volumes += slice_volumes(folder, slices, issues, top)
        stacks = flair_alone(folder, stacks, top, issues)
        volumes += [StackFile(without_ending(folder + name), folder + name) for name in stacks]
    cases = [*volumes_of_cases(path, files, top, endings, issues), *dicom_studies(path, dicom, issues)]
    volumes += _with_unique_masks(cases, issues)
    if not volumes and not issues:
        but = f", but masks by their names ({len(masks)})" if masks else ""
        raise UserError(f"{path} holds no scans{but}; input= is {_KINDS}.")
    return ScanListing(path, tuple(with_unique_names(volumes)), tuple(issues), tuple(masks))


def named_scan(files: Mapping[str, Path]) -> ScanListing:
    """One volume of files that are named by sequence, FLAIR among them; a DICOM file stands for its series."""
    for file in files.values():
        if not file.is_file():
            files_are = "files of one patient's volumes, or one file of each DICOM series"
            fault = "is a folder; name one file in it" if file.is_dir() else "is not there"
            raise UserError(f"{file} {fault}; flair=, t1= and t1ce= are {files_are}.")
        if not is_volume(file.name) and not is_dicom(file):
            raise UserError(f"{file} is no volume by its name; slices in TIFF hold their sequences as channels.")
    root = Path(os.path.commonpath([file.absolute().parent for file in files.values()]))
    below = {sequence: file.absolute().relative_to(root).as_posix() for sequence, file in files.items()}
    stem = without_ending(below[FLAIR])
    resample = all(is_dicom(file) for file in files.values())
    volume = VolumeFiles(stem, stem, below, role_of(below[FLAIR]).case, resample=resample)
    return _with_masks(root, [volume], [], below[FLAIR])


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


def _with_unique_masks(volumes: Sequence[VolumeFiles], issues: list[Issue]) -> Iterator[VolumeFiles]:
    """Of two volumes whose masks would be one file, as of `P1.nii.gz` beside a folder `P1` of DICOM, the first."""
    firsts: dict[str, str] = {}
    for volume in volumes:
        mask = volume.output("mask")
        first = firsts.setdefault(mask.casefold(), volume.files[FLAIR])
        if first == volume.files[FLAIR]:
            yield volume
        else:
            reason = f"would have its mask in {mask}, as {first} has, and the first counts; rename one of them"
            issues.append(Issue(volume.files[FLAIR], reason))


def _one_file(path: Path, endings: Mapping[str, str]) -> ScanListing:
    name, folder = path.name, path.resolve().parent
    if may_be_dicom(name) and is_dicom(path):
        return _one_series(path)
    if not is_image(name):
        raise UserError(f"{path} is not read; input= is {_KINDS}.")
    role = role_of(name, folder.name, endings)
    if role.kind == MASK:
        raise UserError(f"{path} is a mask by its name; name the scan it belongs to, or rename it if it is one.")
    if role.kind not in (FLAIR, None):
        return ScanListing(folder, (), (Issue(name, not_flair(name, role)),))
    if is_tiff(name) and is_stack(path):
        return _with_masks(folder, [StackFile(without_ending(name), name)], [], name)
    if not is_volume(name):
        return _with_masks(folder, [SliceFiles.of_one(name)], [], name)
    issues: list[Issue] = []
    match = CHANNEL.fullmatch(without_ending(name))
    beside = [file.name for file in folder.iterdir() if match and file.name.startswith(match["case"] + "_")]
    channels = sorted(file for file in beside if CHANNEL.fullmatch(without_ending(file)))
    volumes = volumes_of_cases(folder, channels or [name], folder.name, endings, issues)
    return _with_masks(folder, volumes, issues, name)


def _one_series(path: Path) -> ScanListing:
    """The series of one DICOM file."""
    folder, name = path.resolve().parent, path.name
    try:
        tags = dicom_tags(path)
    except RuntimeError:
        none = "holds no picture, as reports and directories do; give the folder of its study"
        return ScanListing(folder, (), (Issue(name, none if holds_no_picture(path) else UNREADABLE),))
    if (described := description(tags)) and series_kind(tags) != FLAIR:
        reason = f"is of a series that is no FLAIR by its name ({described}); give its study's folder, or flair=FILE"
        return ScanListing(folder, (), (Issue(name, reason),))
    stem = without_ending(name) if name.lower().endswith(DICOM_ENDINGS) else name
    series = VolumeFiles(stem, stem, {FLAIR: name}, stem, patient=tags.get(PATIENT, ""))
    return _with_masks(folder, [series], [], name)


def _folders(root: Path, issues: list[Issue]) -> Iterator[tuple[str, list[str]]]:
    """Every folder below `root`, itself included, with its files; a folder that links lead to twice, once.

    What an earlier prediction wrote below `root` is passed over, of `root` itself only the overlays.
    """

    def unreadable(error: OSError) -> None:
        issues.append(Issue(os.path.relpath(error.filename, root), f"cannot be opened ({error.strerror})"))

    visited = set()
    for folder, below, names in os.walk(root, followlinks=True, onerror=unreadable):
        below[:] = sorted(name for name in below if not name.startswith("."))
        path = Path(folder)
        written = {JOURNAL, PER_VOLUME} & set(names)
        if (real := path.resolve()) in visited or (written and path != root):
            below.clear()
            continue
        if written and OVERLAYS in below:
            below.remove(OVERLAYS)
        visited.add(real)
        relative = path.relative_to(root).as_posix()
        yield "" if relative == "." else f"{relative}/", sorted(name for name in names if not name.startswith("."))


def _images(names: Sequence[str]) -> list[str]:
    """The images of a folder by their names; the header of a pair of files is none by itself."""
    voxels = {name[:-4] for name in names if name.endswith((".img", ".IMG"))}
    return [name for name in names if is_image(name) and not (name.lower().endswith(".hdr") and name[:-4] in voxels)]


def _masks(root: Path, folder: str, names: Sequence[str], issues: list[Issue]) -> list[str]:
    """The masks of a folder below `root`; the first of those that an earlier prediction wrote becomes an issue."""
    masks = [folder + name for name in _images(names) if role_of(folder + name, root.resolve().name).kind == MASK]
    ours = masks if masks and is_output(root / folder) else [mask for mask in masks if is_marked(root / mask)]
    if ours:
        others = f", as {len(ours) - 1} others beside it were," if ours[1:] else ""
        issues.append(Issue(ours[0], f"was written by an earlier prediction{others} and is no ground truth"))
    return [mask for mask in masks if mask not in ours]


def _with_masks(root: Path, volumes: Sequence[ScanFiles], issues: list[Issue], file: str) -> ScanListing:
    """The listing of a file below `root`, with the masks in its folder."""
    folder, slash, _ = file.rpartition("/")
    names = sorted(path.name for path in (root / folder).iterdir() if path.is_file())
    masks = _masks(root, folder + slash, names, issues)
    return ScanListing(root, tuple(volumes), tuple(issues), tuple(masks))


def _scans(folder: str, names: Sequence[str], top: str, firsts: dict[str, str], issues: list[Issue]) -> list[str]:
    """The files of a folder that are scans by their names; of two whose masks would have one name, the first."""
    images = _images(names)
    scans = [name for name in images if role_of(folder + name, top).kind != MASK]
    # A name as masks have here and in the dataset, `<slice>_mask`, is meant.
    suspects = [n for n in images if role_of(n).kind == MASK and not without_ending(n).lower().endswith("_mask")]
    of_masks = below_derivatives(f"{folder}x") or role_of(f"{folder}x").kind == MASK
    if suspects and not scans and not of_masks:
        # Somebody may name scans like masks: no patient is passed over without a message.
        others = f", and so are others beside it ({len(suspects) - 1})" if len(suspects) > 1 else ""
        issues.append(Issue(folder + suspects[0], f"is a mask by its name{others}; rename what is a scan"))
    kept = []
    for name in scans:
        # Case makes no difference, since it makes none on the disks of Windows and macOS; nor does a slice's ending.
        mask = without_ending(folder + name) + (nifti_ending(name) or (".nii.gz" if is_volume(name) else ""))
        if (first := firsts.setdefault(mask.casefold(), folder + name)) == folder + name:
            kept.append(name)
        else:
            reason = f"comes after another of that name ({first}), and the first counts; rename one of them"
            issues.append(Issue(folder + name, reason))
    return kept
