"""Volumes of TIFF slices, one file each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lgg_seg.data.kaggle.images import ImageError, read_scan
from lgg_seg.data.preprocessing import FLAIR
from lgg_seg.metrics.arrays import Bools
from lgg_seg.prediction.intensity import is_flat
from lgg_seg.prediction.output import OutputFolder
from lgg_seg.prediction.scan import FLAT, Issue, Scan, ScanError
from lgg_seg.prediction.warnings import filled, volume_warnings


@dataclass(frozen=True)
class SliceFiles:
    """The slices of one volume in order: the numbers readers know them by, and their paths below the input."""

    name: str
    files: tuple[tuple[int, str], ...]

    def read(self, root: Path) -> Scan:
        """Read what can be read. Slices of another size than most are left out.

        Raises:
            ScanError: none can be read, or nothing can be seen in any.
        """
        return stack(self.files, lambda file: read_scan(root / file))

    def write_mask(
        self,
        root: Path,  # noqa: ARG002  # NIfTI's writer needs it
        scan: Scan,
        mask: Bools,
        output: OutputFolder,
    ) -> None:
        """Write `<slice>_mask.tif` of each slice: uint8 (H, W), 0 and 255."""
        for file, one in zip(scan.files, mask, strict=True):
            path = Path(file)
            output.write_image(
                str(path.with_name(f"{path.stem}_mask{path.suffix.lower()}")), one.astype(np.uint8) * 255
            )


def stack(files: Sequence[tuple[int, str]], read_slice: Callable[[str], NDArray[np.uint8]]) -> Scan:
    """The volume of slices that `read_slice` gives, uint8 (H, W, 3) each, or refuses with an `ImageError`.

    Slices of another size than most are left out. A black slice among others is one, for the first and the last of a
    head often are.

    Raises:
        ScanError: none can be read, or nothing can be seen in any.
    """
    issues: list[Issue] = []
    read: list[tuple[int, str, NDArray[np.uint8]]] = []
    for number, file in files:
        try:
            read.append((number, file, read_slice(file)))
        except ImageError as error:
            issues.append(Issue(file, error.reason))
    if not read:
        raise ScanError(issues)
    height, width = Counter(image.shape[:2] for _, _, image in read).most_common(1)[0][0]
    kept = [one for one in read if one[2].shape[:2] == (height, width)]
    for _, file, image in read:
        if image.shape[:2] != (height, width):
            found = f"{image.shape[1]} x {image.shape[0]}"
            issues.append(Issue(file, f"is {found} pixels, where this volume's slices are {width} x {height}"))
    stacked = np.stack([image for _, _, image in kept])
    if is_flat(stacked[..., FLAIR]):
        raise ScanError([*issues, *(Issue(file, FLAT) for _, file, _ in kept)])
    images, warnings = filled(stacked)
    numbers = tuple(number for number, _, _ in kept)
    return Scan(
        images=images,
        files=tuple(file for _, file, _ in kept),
        numbers=numbers,
        issues=tuple(issues),
        warnings=(*warnings, *volume_warnings(images, numbers)),
    )
