"""What is predicted on: one patient's slices as they were read, and where they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lgg_seg.data.preprocessing import FLAIR
from lgg_seg.errors import UserError
from lgg_seg.metrics.arrays import Bools
from lgg_seg.prediction.file_grid import FileGrid
from lgg_seg.prediction.output import OutputFolder

SEQUENCES = ("pre-contrast", "FLAIR", "post-contrast")
FLAT = "holds no intensities: every voxel is the same, or no number; restore it from its source"
"""The issue of a file in which nothing can be seen, so that no tumour in it says nothing of the patient."""


@dataclass(frozen=True)
class Issue:
    """A file of the input that could not be used: its path there, and why, completing "the file …"."""

    file: str
    reason: str


@dataclass(frozen=True)
class Scan:
    """One volume.

    Attributes:
        images: uint8 (D, H, W, 3), slices in order, channels pre-contrast, FLAIR, post-contrast; FLAIR stands in for
            what was not acquired, as it does in the dataset that the networks were trained on.
        files: of each slice, the file it came from, below the input.
        numbers: of each slice, the number that a reader knows it by: of a file for each slice the one in its name, of
            NIfTI the index along the file's own axis, from 0.
        issues: files of this volume that were left out.
        voxel_mm3: what a voxel measures; None where the files do not say.
        warnings: what a reader of the result should know of this volume.
        grid: where slices, rows and columns lie in the file, where one file holds them all.
    """

    images: NDArray[np.uint8]
    files: tuple[str, ...]
    numbers: tuple[int, ...]
    issues: tuple[Issue, ...] = ()
    voxel_mm3: float | None = None
    warnings: tuple[str, ...] = ()
    grid: FileGrid | None = None

    @property
    def flair(self) -> NDArray[np.uint8]:
        """FLAIR alone, (D, H, W)."""
        return np.ascontiguousarray(self.images[..., FLAIR])

    @property
    def missing_sequences(self) -> tuple[str, ...]:
        """The sequences that are a copy of FLAIR."""
        return missing_sequences(self.images)


def missing_sequences(images: NDArray[np.uint8]) -> tuple[str, ...]:
    """The sequences of a volume (D, H, W, 3) that are a copy of FLAIR."""
    copies = [np.array_equal(images[..., c], images[..., FLAIR]) for c in range(3)]
    return tuple(name for c, name in enumerate(SEQUENCES) if copies[c] and c != FLAIR)


class ScanError(UserError):
    """A volume of which nothing can be used."""

    def __init__(self, issues: Sequence[Issue]) -> None:
        super().__init__("; ".join(f"{issue.file} {issue.reason}" for issue in issues))
        self.issues = tuple(issues)


class Source(Protocol):
    """The files of one volume."""

    @property
    def name(self) -> str:
        """The volume's name: the patient's, below the folders of the input."""
        ...

    def read(self, root: Path) -> Scan:
        """Read the volume; `root` is the input's folder.

        Raises:
            ScanError: nothing of it can be used.
        """
        ...

    def write_mask(self, root: Path, scan: Scan, mask: Bools, output: OutputFolder) -> None:
        """Write the mask (D, H, W) of what `read` gave, in the files' own size and format."""
        ...
