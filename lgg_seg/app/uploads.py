"""Files dropped on the page, as volumes: slices in order with their masks, and a sentence for each file left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lgg_seg.app.archive import is_archive, unpack
from lgg_seg.app.limits import MAX_FILES, MAX_UPLOAD, MB, Budget, LimitError
from lgg_seg.app.masks import Files, paired, read_mask
from lgg_seg.app.names import unsafe
from lgg_seg.app.tiff import slice_shape
from lgg_seg.data.kaggle.images import decode_scan
from lgg_seg.metrics.arrays import Bools
from lgg_seg.prediction.discover import with_unique_names
from lgg_seg.prediction.filenames import duplicate_reason, is_mask
from lgg_seg.prediction.job import scan_digest
from lgg_seg.prediction.scan import Issue, Scan, ScanError
from lgg_seg.prediction.slices import SliceFiles, slice_volumes, stack


@dataclass(frozen=True)
class Volume:
    """One patient's slices.

    Attributes:
        name: the patient's, below the folders of the upload.
        scan: its slices in the order of their numbers.
        truth: bool (D, H, W), the masks that were given; False where none was.
        known: bool (D,), whether a slice's mask was given.
        digest: of the slices' pixels, by which a prediction is known again.
    """

    name: str
    scan: Scan
    truth: Bools
    known: Bools
    digest: str


@dataclass(frozen=True)
class Upload:
    """The volumes, and every file that could not be used."""

    volumes: tuple[Volume, ...]
    faults: tuple[Issue, ...]


def read_upload(dropped: Sequence[tuple[str, bytes]]) -> Upload:
    """Read what was dropped, given as (name, bytes): TIFF slices, their masks, and zips of them.

    What a file is, its bytes say; its name says whose slice it is, its number, and whether it is a mask
    (`…_mask.tif`). Whatever is wrong with a file is among the faults, and the others are read all the same.
    """
    faults: list[Issue] = []
    budget = Budget()
    try:
        _check_size(dropped)
        files = _files(dropped, budget, faults)
        masks = {path: content for path, content in files.items() if is_mask(path)}
        slices = _usable({path: files[path] for path in files if path not in masks}, budget, faults)
    except LimitError as error:
        return Upload((), (Issue("The upload", str(error)),))
    truths = paired(masks, [path for path in files if path not in masks], faults)
    volumes = [_volume(source, slices, truths, masks, faults) for source in _sources(slices, faults)]
    return Upload(tuple(volume for volume in volumes if volume is not None), tuple(faults))


def _check_size(dropped: Sequence[tuple[str, bytes]]) -> None:
    if len(dropped) > MAX_FILES:
        raise LimitError(f"is more than {MAX_FILES:,} files; drop one patient at a time")
    if sum(len(content) for _, content in dropped) > MAX_UPLOAD:
        raise LimitError(f"is larger than {MAX_UPLOAD // MB} MB; drop one patient at a time")


def _files(dropped: Sequence[tuple[str, bytes]], budget: Budget, faults: list[Issue]) -> dict[str, bytes]:
    """Every file by its path, those of archives too. Of two whose names differ in case or ending alone, the first."""
    found: list[tuple[str, bytes]] = []
    for name, content in dropped:
        if reason := unsafe(name):
            faults.append(Issue(name, reason))
        elif is_archive(content):
            try:
                members, wrong = unpack(name, content, budget)
            except LimitError as error:
                faults.append(Issue(name, str(error)))
                continue
            found += members
            faults += wrong
        else:
            found.append((name, content))
    files: dict[str, bytes] = {}
    firsts: dict[str, str] = {}
    for path, content in found:
        if reason := duplicate_reason(path, firsts):
            faults.append(Issue(path, reason))
        else:
            files[path] = content
    return files


def _usable(slices: Files, budget: Budget, faults: list[Issue]) -> dict[str, bytes]:
    """The slices that may be decoded, by what their headers say; the squares that they fit in are counted."""
    kept = {}
    for path, content in slices.items():
        try:
            side = max(slice_shape(content))
        except ValueError as error:
            faults.append(Issue(path, str(error)))
            continue
        budget.take_pixels(side * side)
        kept[path] = content
    return kept


def _sources(slices: Files, faults: list[Issue]) -> Sequence[SliceFiles]:
    folders: dict[str, list[str]] = defaultdict(list)
    for path in sorted(slices):
        folder, _, name = path.rpartition("/")
        folders[f"{folder}/" if folder else ""].append(name)
    sources = [source for folder, names in folders.items() for source in slice_volumes(folder, names, faults)]
    return list(with_unique_names(sources))


def _volume(
    source: SliceFiles, slices: Files, truths: Mapping[str, str], masks: Files, faults: list[Issue]
) -> Volume | None:
    try:
        scan = stack(source.files, lambda path: decode_scan(slices[path], path))
    except ScanError as error:
        faults += error.issues
        return None
    faults += scan.issues
    truth = np.zeros(scan.images.shape[:3], np.bool_)
    known = np.zeros(len(truth), np.bool_)
    for k, path in enumerate(scan.files):
        if path in truths:
            known[k] = read_mask(truth[k], truths[path], masks, faults)
    return Volume(source.name, scan, truth, known, scan_digest(scan))
