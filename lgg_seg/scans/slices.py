"""Volumes of slices in TIFF, PNG or JPEG, one file each, or pages of one TIFF."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lgg_seg.data.kaggle.images import FLAIR as FLAIR_CHANNEL
from lgg_seg.data.kaggle.images import ImageError, read_scan, read_stack
from lgg_seg.data.kaggle.pixels import Pixels, size_fault
from lgg_seg.scans.filenames import without_ending
from lgg_seg.scans.intensity import detached_air, is_flat, to_uint8
from lgg_seg.scans.roles import FLAIR, UNCLEAR, role_of
from lgg_seg.scans.scan import Issue, Scan, ScanError, contrast_fault, fill_flat_sequences, volume_warnings

_NUMBERED = re.compile(r"(?P<stem>.+)_(?P<number>\d{1,9})", re.ASCII)


@dataclass(frozen=True)
class SliceFiles:
    """The slices of one volume in order: the numbers readers know them by, and their paths below the input."""

    name: str
    files: tuple[tuple[int, str], ...]
    patient = ""  # no identifier stands in slices

    @classmethod
    def of_one(cls, name: str) -> SliceFiles:
        stem = without_ending(name)
        match = _NUMBERED.fullmatch(stem)
        return cls(stem, ((int(match["number"]) if match else 1, name),))

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(file for _, file in self.files)

    def read(self, root: Path) -> Scan:
        """The volume of the slices below `root`; a ScanError: none can be read, all are flat, or they are too large.

        Slices of another size or depth than most are left out, and so is one without intensities between others. Other
        numbers than 8 bits are scaled as `intensity.to_uint8`.
        """
        size = sum(path.stat().st_size for _, file in self.files if (path := root / file).is_file())
        issues: list[Issue] = []
        readable: list[_Slice] = []
        voxels = 0
        for number, file in self.files:
            try:
                readable.append(one := _Slice(number, file, read_scan(root / file)))
                voxels += one.pixels[..., 0].size
                if fault := size_fault(voxels, size):
                    raise ScanError([Issue(file, fault)])
            except ImageError as error:
                issues.append(Issue(file, error.reason))
        if not readable:
            raise ScanError(issues)
        return _volume(readable, issues)


@dataclass(frozen=True)
class StackFile:
    """A TIFF file (path below the input) whose pages are the slices of one volume, numbered from 1."""

    name: str
    file: str
    patient = ""

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.file,)

    def read(self, root: Path) -> Scan:
        """The volume; errors as of `SliceFiles.read`."""
        try:
            pages = read_stack(root / self.file)
        except ImageError as error:
            raise ScanError([Issue(self.file, error.reason)]) from error
        return _volume([_Slice(number, self.file, page) for number, page in enumerate(pages, start=1)], [])


def slice_volumes(folder: str, names: Sequence[str], issues: list[Issue], top: str = "") -> list[SliceFiles]:
    """The volumes of one folder's slices without masks, by the rules of `lgg_seg.scans.discover.find_scans`.

    `folder` is its path below the input with a slash at its end, empty for the input itself, whose name is `top`.
    """
    names = flair_alone(folder, names, top, issues)
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


def flair_alone(folder: str, names: Sequence[str], top: str, issues: list[Issue]) -> list[str]:
    """The names without those of another sequence than FLAIR, of which the first becomes an issue."""
    roles = {name: role_of(folder + name, top) for name in names}
    others = [name for name, role in roles.items() if role.kind not in (FLAIR, UNCLEAR, None)]
    if others:
        role = roles[others[0]]
        more = f"and so {'are' if len(others) > 2 else 'is'} {len(others) - 1} beside it; " if others[1:] else ""
        reason = f"is a slice of another sequence than FLAIR by its name ({role.words}); {more}rename what is FLAIR"
        issues.append(Issue(folder + others[0], reason))
    return [name for name in names if name not in others]


@dataclass(frozen=True, eq=False)
class _Slice:
    number: int
    file: str
    pixels: Pixels  # (H, W, 3)

    @property
    def kind(self) -> str:
        height, width = self.pixels.shape[:2]
        depth = "" if self.pixels.dtype == np.uint8 else f" of {self.pixels.dtype}"
        return f"{width} x {height}{depth}"

    @property
    def blank(self) -> bool:
        """Whether FLAIR is the same everywhere."""
        return is_flat(self.pixels[..., FLAIR_CHANNEL])


def _volume(slices: Sequence[_Slice], issues: list[Issue]) -> Scan:
    most = Counter(one.kind for one in slices).most_common(1)[0][0]
    alike = [one for one in slices if one.kind == most]
    issues += [
        Issue(s.file, f"is {s.kind} pixels, where this volume's slices are {most}") for s in slices if s.kind != most
    ]
    filled = [k for k, one in enumerate(alike) if not one.blank] or [0]
    gone = [one for one in alike[filled[0] : filled[-1]] if one.blank]
    blank = "without intensities between others that have some; restore it from its source"
    issues += [Issue(one.file, f"has a slice ({one.number}) {blank}") for one in gone]
    kept = [one for one in alike if one not in gone]
    stacked, warnings = _in_8_bits(np.stack([one.pixels for one in kept]))
    numbers, names = tuple(one.number for one in kept), tuple(one.file for one in kept)
    if fault := contrast_fault(stacked[..., FLAIR_CHANNEL]):
        raise ScanError([*issues, *(Issue(file, fault) for file in dict.fromkeys(names))])
    if any(name.lower().endswith((".jpg", ".jpeg")) for name in names):
        jpeg = "JPEG has lost detail and mixes the sequences' colours: give slices in TIFF or PNG if there are"
        warnings.append(jpeg)
    images, flat = fill_flat_sequences(stacked)
    return Scan(images, names, numbers, tuple(issues), warnings=(*warnings, *flat, *volume_warnings(images, numbers)))


def _in_8_bits(volume: Pixels) -> tuple[NDArray[np.uint8], list[str]]:
    """A volume (D, H, W, 3) of any numbers, each channel scaled by itself, and what to say of it."""
    if volume.dtype == np.uint8:
        return volume, []
    channels = [np.ascontiguousarray(volume[..., c], np.float32) for c in range(3)]
    scaled = [to_uint8(channel, detached_air(channel)) for channel in channels]
    return np.stack(scaled, axis=-1), [f"{volume.dtype} was scaled to 8 bits, each sequence by itself over the volume"]


def _natural(name: str) -> list[tuple[int, int | str]]:
    """A sorting key that takes numbers within a name as numbers."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name) if part]
