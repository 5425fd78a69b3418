"""What is measured at a threshold: masks, the tables of features, Dice where masks were given, and files of them."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from lgg_seg.app.uploads import Volume
from lgg_seg.inference.runner import Probability, binarise
from lgg_seg.metrics.arrays import Bools, Floats
from lgg_seg.metrics.overlap import confusion, dice
from lgg_seg.prediction.output import encode_image
from lgg_seg.prediction.tables import slice_rows, volume_row


@dataclass(frozen=True)
class Findings:
    """Of one volume at one threshold.

    Attributes:
        mask: bool (D, H, W).
        per_slice: a row a slice, as `per_slice.csv` of `lgg_seg.predict`, with `true_area_px` and `dice` where any
            mask was given.
        per_volume: one row, as `per_volume.csv` there, with `dice_slices` and `dice`.
        slice_dice: float64 (D,), NaN where no mask was given; 1 where both are empty.
        volume_dice: over all slices whose mask was given; None where none was.
    """

    mask: Bools
    per_slice: pd.DataFrame
    per_volume: pd.DataFrame
    slice_dice: Floats
    volume_dice: float | None


def find(volume: Volume, probability: Probability, threshold: float, postprocess: str, seen: bool) -> Findings:
    """Binarise the probability (D, H, W) and measure what is found.

    Args:
        volume: the slices, and the masks that were given.
        probability: what a model gave.
        threshold: from which on a pixel is tumour.
        postprocess: a name of `lgg_seg.inference.runner.POSTPROCESSES`.
        seen: whether the network was trained on this volume.
    """
    mask = binarise(probability, threshold, postprocess)
    mask.setflags(write=False)
    known = volume.known
    counts = confusion(mask, volume.truth)
    slice_dice = np.where(known, dice(counts), np.nan)
    volume_dice = float(dice(confusion(mask[known], volume.truth[known]).sum())) if known.any() else None
    per_slice = pd.DataFrame(slice_rows(volume.name, volume.scan, mask, probability, {}))
    per_volume = pd.DataFrame([volume_row(volume.name, volume.scan, mask, probability, {}, seen)])
    per_slice.insert(2, "threshold", threshold)
    per_volume.insert(1, "threshold", threshold)
    if known.any():
        area = volume.truth.sum(axis=(1, 2)).astype(np.float64)
        per_slice["true_area_px"] = pd.array(np.where(known, area, np.nan), dtype="Int64")
        per_slice["dice"] = slice_dice
        per_volume["dice_slices"], per_volume["dice"] = int(known.sum()), volume_dice
    return Findings(mask, per_slice, per_volume, slice_dice, volume_dice)


def largest_slice(mask: Bools) -> int:
    """Where in the volume (D, H, W) most was found; the middle where nothing was."""
    areas = mask.sum(axis=(1, 2))
    return int(areas.argmax()) if areas.any() else len(mask) // 2


def masks_archive(volume: Volume, mask: Bools) -> bytes:
    """A zip of `<slice>_mask.tif` in the upload's folders: uint8 of the slice's own size, 0 and 255."""
    content = BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:  # the masks are compressed themselves
        for file, one in zip(volume.scan.files, mask, strict=True):
            path = PurePosixPath(file)
            name = str(path.with_name(f"{path.stem}_mask.tif"))
            # Of a fixed date: the same masks make the same file.
            archive.writestr(zipfile.ZipInfo(name), encode_image(one.astype(np.uint8) * np.uint8(255), ".tif"))
    return content.getvalue()


def csv(table: pd.DataFrame) -> bytes:
    """A table as CSV in UTF-8; what has no value is an empty cell."""
    return table.to_csv(index=False).encode()
