"""Volumes of TIFF slices, one file each."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lgg_seg.data.kaggle.images import ImageError, read_scan
from lgg_seg.data.preprocessing import FLAIR
from lgg_seg.metrics.arrays import Bools
from lgg_seg.prediction.filenames import without_ending
from lgg_seg.prediction.output import OutputFolder
from lgg_seg.prediction.roles import FLAIR as FLAIR_NAME
from lgg_seg.prediction.roles import UNCLEAR, role_of
from lgg_seg.prediction.scan import Issue, Scan, ScanError, contrast_fault, fill_flat_sequences, volume_warnings

_NUMBERED = re.compile(r"(?P<stem>.+)_(?P<number>\d{1,9})", re.ASCII)


@dataclass(frozen=True)
class SliceFiles:
    """The slices of one volume in order: the numbers readers know them by, and their paths below the input."""

    name: str
    files: tuple[tuple[int, str], ...]

    @classmethod
    def of_one(cls, name: str) -> SliceFiles:
        """A volume of a single slice."""
        stem = without_ending(name)
        match = _NUMBERED.fullmatch(stem)
        return cls(stem, ((int(match["number"]) if match else 1, name),))

    def read(self, root: Path) -> Scan:
        """The volume of the slices below `root`; details and errors as `stack`."""
        return stack(self.files, lambda file: read_scan(root / file))

    def write_mask(self, root: Path, scan: Scan, mask: Bools, output: OutputFolder) -> None:  # noqa: ARG002  # as VolumeFiles
        """Write `<slice>_mask.tif` of each slice: uint8 (H, W), 0 and 255."""
        for file, one in zip(scan.files, mask, strict=True):
            path = Path(file)
            name = path.with_name(f"{path.stem}_mask{path.suffix.lower()}")
            output.write_image(str(name), one.astype(np.uint8) * 255)


def slice_volumes(folder: str, names: Sequence[str], issues: list[Issue], top: str = "") -> list[SliceFiles]:
    """The volumes of the slices of one folder, by the rules of `lgg_seg.prediction.discover.find_scans`.

    Args:
        folder: its path below the input with a slash at its end; empty for the input itself.
        names: the slices' file names, without masks.
        issues: gets the slices with a number that an earlier slice has, and of another sequence than FLAIR the first.
        top: the name of the input's folder.
    """
    names = _without_other_sequences(folder, names, top, issues)
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
    folder_name = Path(folder).name
    volumes = [
        SliceFiles(folder.rstrip("/") if patient == folder_name else folder + patient, tuple(sorted(numbered.items())))
        for patient, numbered in sorted(patients.items())
    ]
    if others:
        ordered = sorted(others, key=_natural)
        volumes.append(SliceFiles(folder.rstrip("/") or "slices", tuple(enumerate(ordered, start=1))))
    return volumes


def _without_other_sequences(folder: str, names: Sequence[str], top: str, issues: list[Issue]) -> list[str]:
    roles = {name: role_of(folder + name, top) for name in names}
    others = [name for name, role in roles.items() if role.kind not in (FLAIR_NAME, UNCLEAR, None)]
    if others:
        role = roles[others[0]]
        more = f"and so {'are' if len(others) > 2 else 'is'} {len(others) - 1} beside it; " if others[1:] else ""
        reason = f"is a slice of another sequence than FLAIR by its name ({role.words}); {more}rename what is FLAIR"
        issues.append(Issue(folder + others[0], reason))
    return [name for name in names if name not in others]


def stack(files: Sequence[tuple[int, str]], read_slice: Callable[[str], NDArray[np.uint8]]) -> Scan:
    """The volume of slices that `read_slice` gives, uint8 (H, W, 3) each, or refuses with an `ImageError`.

    Slices of another size than most are left out. A black slice among others is kept: the first and the last of a head
    often are black.

    Raises:
        ScanError: no slice can be read, or all are flat.
    """
    issues: list[Issue] = []
    readable: list[tuple[int, str, NDArray[np.uint8]]] = []
    for number, file in files:
        try:
            readable.append((number, file, read_slice(file)))
        except ImageError as error:
            issues.append(Issue(file, error.reason))
    if not readable:
        raise ScanError(issues)
    height, width = Counter(image.shape[:2] for _, _, image in readable).most_common(1)[0][0]
    kept = [one for one in readable if one[2].shape[:2] == (height, width)]
    for _, file, image in readable:
        if image.shape[:2] != (height, width):
            size = f"{image.shape[1]} x {image.shape[0]}"
            issues.append(Issue(file, f"is {size} pixels, where this volume's slices are {width} x {height}"))
    numbers, names, slices = zip(*kept, strict=True)
    stacked = np.stack(slices)
    if fault := contrast_fault(stacked[..., FLAIR]):
        raise ScanError([*issues, *(Issue(file, fault) for file in names)])
    images, warnings = fill_flat_sequences(stacked)
    return Scan(images, names, numbers, tuple(issues), warnings=(*warnings, *volume_warnings(images, numbers)))


def _natural(name: str) -> list[tuple[int, int | str]]:
    """A sorting key that takes numbers within a name as numbers."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name) if part]
