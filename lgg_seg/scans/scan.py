"""A scan: the slices of one patient as they were read, and where they came from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lgg_seg.data.kaggle.images import FLAIR, SEQUENCES
from lgg_seg.data.kaggle.listing import gaps
from lgg_seg.errors import UserError
from lgg_seg.metrics.arrays import Floats
from lgg_seg.scans.intensity import is_flat

MAX_LABELS = 12  # values of a segmentation; a volume of the dataset has 150 and more
FLAT = "holds no intensities: every voxel is the same, or no number; restore it from its source"
"""The issue of a file without contrast: finding no tumour in it would say nothing of the patient."""

LABELS = (
    f"holds {MAX_LABELS} values or fewer, as segmentations do and no scan does; leave it out, or give the scan itself"
)


def contrast_fault(volume: NDArray[np.uint8]) -> str | None:
    """Why a volume of one sequence, of any shape, holds no scan, completing "the file …"; None where it may."""
    if is_flat(volume):
        return FLAT
    return LABELS if np.count_nonzero(np.bincount(volume.ravel())) <= MAX_LABELS else None


@dataclass(frozen=True)
class Issue:
    """A file of the input that could not be used: its path there, and why, completing "the file …"."""

    file: str
    reason: str


class ScanError(UserError):
    """Nothing of a volume can be used."""

    def __init__(self, issues: Sequence[Issue]) -> None:
        super().__init__("; ".join(f"{issue.file} {issue.reason}" for issue in issues))
        self.issues = tuple(issues)


@dataclass(frozen=True)
class Scan:
    """One volume; FLAIR stands in for a sequence that was not acquired, as in the networks' training data."""

    images: NDArray[np.uint8]  # (D, H, W, 3), slices in order, channels pre-contrast, FLAIR, post-contrast
    files: tuple[str, ...]  # of each slice, below the input
    numbers: tuple[int, ...]  # of each slice for readers: in its file's name, or in NIfTI the index on its axis, from 0
    issues: tuple[Issue, ...] = ()  # files of this volume that were left out
    voxel_mm3: float | None = None  # volume of a voxel; None where the files do not say
    sides_mm: tuple[float, ...] | None = None  # of a voxel, by (column, row, slice); None where the files do not say
    left_is_known: bool = False  # whether the files say how the patient lay: columns then go to the patient's left
    warnings: tuple[str, ...] = ()  # what a reader of the result should know of this volume
    to_file: Floats | None = None  # (4, 4), from (column, row, slice) to voxel indices, where one file has all slices

    @property
    def flair(self) -> NDArray[np.uint8]:
        return np.ascontiguousarray(self.images[..., FLAIR])

    @property
    def missing_sequences(self) -> tuple[str, ...]:
        return missing_sequences(self.images)


def fill_flat_sequences(images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """A volume (D, H, W, 3) with FLAIR, as in training, in place of sequences that hold nothing; a warning for each."""
    flat = [c for c in range(len(SEQUENCES)) if c != FLAIR and is_flat(images[..., c])]
    result = images.copy() if flat else images
    for c in flat:
        result[..., c] = images[..., FLAIR]
    return result, tuple(f"the {SEQUENCES[c]} sequence holds no intensities: every voxel is the same" for c in flat)


def volume_warnings(images: NDArray[np.uint8], numbers: Sequence[int]) -> Iterator[str]:
    """Warnings of a volume (D, H, W, 3) whose slices have those numbers: a single slice, gaps, missing sequences."""
    if len(images) == 1:
        yield "a single slice: normalised by its own statistics, not a volume's"
    if missing_slices := gaps(numbers):
        yield f"the volume is not whole: there is no slice {missing_slices}"
    if missing := missing_sequences(images):
        plural = "s" if len(missing) > 1 else ""
        yield (
            f"FLAIR stands in for the missing {' and '.join(missing)} sequence{plural}: expect a worse mask than with "
            "all three; give them where there are any"
        )


def missing_sequences(images: NDArray[np.uint8]) -> tuple[str, ...]:
    """The sequences of a volume (D, H, W, 3) that are a copy of FLAIR."""
    copies = [np.array_equal(images[..., c], images[..., FLAIR]) for c in range(3)]
    return tuple(name for c, name in enumerate(SEQUENCES) if copies[c] and c != FLAIR)


def slice_axis(to_file: Floats) -> int:
    """The axis (0, 1, 2) of a file along which the slices lie, of a `Scan.to_file`."""
    return int(np.argmax(np.abs(to_file[:3, 2])))
