"""Dropped files to volumes: slices in order with their ground-truth masks, and a issue for each file left out."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from lgg_seg.app.archive import is_archive, unpack
from lgg_seg.app.limits import MAX_FILE, MAX_FILES, MAX_SIDE, MAX_UPLOAD, MB, Budget, LimitError, unsafe_path
from lgg_seg.data.kaggle.images import ImageError, decode_mask, decode_scan
from lgg_seg.data.kaggle.pixels import OPENCV, picture_header
from lgg_seg.metrics.arrays import Bools
from lgg_seg.prediction.discover import with_unique_names
from lgg_seg.prediction.filenames import duplicate_reason
from lgg_seg.prediction.job import scan_digest
from lgg_seg.prediction.roles import MASK, role_of
from lgg_seg.prediction.scan import Issue, Scan, ScanError
from lgg_seg.prediction.slices import SliceFiles, slice_volumes, stack

Files = Mapping[str, bytes]  # contents by path


@dataclass(frozen=True)
class Volume:
    """One patient's slices.

    Attributes:
        name: the patient's, below the folders of the upload.
        scan: its slices in the order of their numbers.
        truth: bool (D, H, W), the ground-truth masks; False in slices without one.
        has_mask: bool (D,), whether a slice has a ground-truth mask.
        digest: of the slices' pixels.
    """

    name: str
    scan: Scan
    truth: Bools
    has_mask: Bools
    digest: str


@dataclass(frozen=True)
class Upload:
    """The volumes, and every file that could not be used."""

    volumes: tuple[Volume, ...]
    issues: tuple[Issue, ...]


def read_upload(dropped: Sequence[tuple[str, bytes]]) -> Upload:
    """Read dropped files, given as (name, bytes): slices in TIFF, PNG or JPEG, their masks, and zips of them.

    The bytes decide what a file is; its path gives the patient, the slice's number, and whether it is a mask
    (`…_mask.tif`, `masks/…`). A bad file becomes a issue, and the others are read all the same.
    """
    issues: list[Issue] = []
    budget = Budget()
    try:
        _check_size(dropped)
        files = _files(dropped, budget, issues)
        masks = {path: content for path, content in files.items() if role_of(path).kind == MASK}
        slices = _decodable({path: files[path] for path in files if path not in masks}, budget, issues)
    except LimitError as error:
        return Upload((), (Issue("The upload", str(error)),))
    mask_of = _pair_masks(masks, [path for path in files if path not in masks], issues)
    folders: dict[str, list[str]] = defaultdict(list)
    for path in sorted(slices):
        folder, slash, name = path.rpartition("/")
        folders[folder + slash].append(name)
    sources = [source for folder, names in folders.items() for source in slice_volumes(folder, names, issues)]
    volumes = [_volume(source, slices, mask_of, masks, issues) for source in with_unique_names(sources)]
    return Upload(tuple(volume for volume in volumes if volume is not None), tuple(issues))


def _check_size(dropped: Sequence[tuple[str, bytes]]) -> None:
    if len(dropped) > MAX_FILES:
        raise LimitError(f"is more than {MAX_FILES:,} files; drop one patient at a time")
    if sum(len(content) for _, content in dropped) > MAX_UPLOAD:
        raise LimitError(f"is larger than {MAX_UPLOAD // MB} MB; drop one patient at a time")


def _files(dropped: Sequence[tuple[str, bytes]], budget: Budget, issues: list[Issue]) -> dict[str, bytes]:
    """Every file by its path, those of archives too. Of two whose names differ in case or ending alone, the first."""
    unpacked: list[tuple[str, bytes]] = []
    for name, content in dropped:
        if reason := unsafe_path(name):
            issues.append(Issue(name, reason))
        elif is_archive(content):
            try:
                members, left_out = unpack(name, content, budget)
            except LimitError as error:
                issues.append(Issue(name, str(error)))
                continue
            unpacked += members
            issues += left_out
        else:
            unpacked.append((name, content))
    files: dict[str, bytes] = {}
    firsts: dict[str, str] = {}
    for path, content in unpacked:
        if reason := duplicate_reason(path, firsts):
            issues.append(Issue(path, reason))
        else:
            files[path] = content
    return files


def _decodable(slices: Files, budget: Budget, issues: list[Issue]) -> dict[str, bytes]:
    """The slices that are safe to decode by their headers; the squares that they fit in are counted."""
    decodable = {}
    for path, content in slices.items():
        try:
            side = max(_shape(content, path))
        except ValueError as error:
            issues.append(Issue(path, str(error)))
            continue
        budget.take_pixels(side * side)
        decodable[path] = content
    return decodable


def _shape(data: bytes, name: str) -> tuple[int, int]:
    """Height and width in pixels of a TIFF, PNG or JPEG file that is safe to decode.

    Raises:
        ValueError: it is none of them, too large, or its directory could make a decoder take more memory than the shape
            says. The message completes "the file …".
    """
    if len(data) > MAX_FILE:
        raise ValueError(f"is larger than {MAX_FILE // MB} MB, which no slice is")
    if data[:2] == b"\x1f\x8b" or data[344:348] in (b"n+1\x00", b"ni1\x00"):
        raise ValueError("is NIfTI or gzip, which this page does not read; `python -m lgg_seg.predict` reads NIfTI")
    if data[128:132] == b"DICM":
        raise ValueError("is DICOM, which this page does not read; `python -m lgg_seg.predict input=FOLDER` does")
    header = picture_header(data, name)
    if header.tile is not None:
        raise ValueError("is stored in tiles, which this page does not read; save it in strips")
    if header.compression not in OPENCV:
        raise ValueError("is compressed in a way that this page does not read; save it with LZW compression or none")
    if header.multipage:
        raise ValueError("holds several pages, which this page does not read; `python -m lgg_seg.predict` does")
    height, width = header.shape
    if max(header.shape) > MAX_SIDE or header.channels > 4:
        raise ValueError(
            f"declares {width} x {height} pixels of {header.channels} channels; the limit is {MAX_SIDE} x {MAX_SIDE}"
        )
    return header.shape


def _pair_masks(masks: Files, slices: Sequence[str], issues: list[Issue]) -> dict[str, str]:
    """The mask of each slice, by their paths: that of its case, else the only slice of that name anywhere.

    A mask is not reported where its slice, named in `slices`, could not be used.
    """
    of_case = {role_of(path).case: path for path in slices}
    by_name: dict[str, list[str]] = defaultdict(list)
    for case, path in of_case.items():
        by_name[PurePosixPath(case).name].append(path)
    pairs: dict[str, str] = {}
    for mask in masks:
        case = role_of(mask).case
        named = by_name[PurePosixPath(case).name]
        slice_ = of_case.get(case) or (named[0] if len(named) == 1 else None)
        if slice_ is None:
            issues.append(Issue(mask, "is a mask without its slice"))
        elif slice_ in pairs:
            issues.append(Issue(mask, f"is a second mask of {slice_}; {pairs[slice_]} counts"))
        else:
            pairs[slice_] = mask
    return pairs


def _volume(
    source: SliceFiles, slices: Files, mask_of: Mapping[str, str], masks: Files, issues: list[Issue]
) -> Volume | None:
    try:
        size = sum(len(slices[path]) for _, path in source.files)
        scan = stack(source.files, lambda path: decode_scan(slices[path], path), size)
    except ScanError as error:
        issues += error.issues
        return None
    issues += scan.issues
    truth = np.zeros(scan.images.shape[:3], np.bool_)
    has_mask = np.zeros(len(truth), np.bool_)
    for k, path in enumerate(scan.files):
        if path in mask_of:
            try:
                truth[k] = _mask(mask_of[path], masks, truth[k].shape)
                has_mask[k] = True
            except ImageError as error:
                issues.append(Issue(mask_of[path], error.reason))
            except ValueError as error:
                issues.append(Issue(mask_of[path], str(error)))
    return Volume(source.name, scan, truth, has_mask, scan_digest(scan))


def _mask(path: str, masks: Files, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """A decoded mask of that shape (H, W): 0 and 1."""
    height, width = _shape(masks[path], path)
    if (height, width) != shape:
        raise ValueError(f"is a mask of {width} x {height} pixels, where its slice is {shape[1]} x {shape[0]}")
    return decode_mask(masks[path], path)
