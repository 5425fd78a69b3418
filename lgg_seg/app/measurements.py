"""Masks at a threshold, their shape features, and Dice where there are ground-truth masks."""

import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from lgg_seg.app.uploads import Volume
from lgg_seg.inference.runner import Probability, binarise
from lgg_seg.metrics.arrays import Bools
from lgg_seg.metrics.overlap import confusion, dice
from lgg_seg.prediction.output import encode_image
from lgg_seg.prediction.tables import slice_rows, volume_row


@dataclass(frozen=True)
class Measurements:
    """Measurements of one volume at one threshold.

    Attributes:
        mask: bool (D, H, W), the prediction.
        per_slice: a row a slice, as `per_slice.csv` of `lgg_seg.predict`. Where any slice has a ground-truth mask,
            there are `true_area_px` and `dice`: NaN for a slice without one, 1 where both masks are empty.
        per_volume: one row, as `per_volume.csv` there, with `dice_slices` and `dice`, over the slices with a mask.
    """

    mask: Bools
    per_slice: pd.DataFrame
    per_volume: pd.DataFrame


def measure(
    volume: Volume, probability: Probability, threshold: float, postprocess: str, seen: bool | None
) -> Measurements:
    """Binarise a probability (D, H, W) and measure the mask; `seen` as of `Model.was_trained_on`."""
    mask = binarise(probability, threshold, postprocess)
    mask.setflags(write=False)
    per_slice = pd.DataFrame(slice_rows(volume.name, volume.scan, mask, probability, {}))
    per_volume = pd.DataFrame([volume_row(volume.name, volume.scan, mask, probability, {}, seen)])
    per_slice.insert(2, "threshold", threshold)
    per_volume.insert(1, "threshold", threshold)
    has_mask = volume.has_mask
    if has_mask.any():
        counts, area = confusion(mask, volume.truth), volume.truth.sum(axis=(1, 2)).astype(np.float64)
        per_slice["true_area_px"] = pd.array(np.where(has_mask, area, np.nan), dtype="Int64")
        per_slice["dice"] = np.where(has_mask, dice(counts), np.nan)
        per_volume["dice_slices"] = int(has_mask.sum())
        per_volume["dice"] = float(dice(confusion(mask[has_mask], volume.truth[has_mask]).sum()))
    return Measurements(mask, per_slice, per_volume)


def largest_slice(mask: Bools) -> int:
    """Index of the slice with most tumour in a mask (D, H, W); of the middle one in an empty mask."""
    areas = mask.sum(axis=(1, 2))
    return int(areas.argmax()) if areas.any() else len(mask) // 2


def pack_masks(volume: Volume, mask: Bools) -> bytes:
    """A zip of `<slice>_mask.tif` in the upload's folders: uint8 of the slice's own size, 0 and 255."""
    content = BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:  # the masks are compressed themselves
        for file, one in zip(volume.scan.files, mask, strict=True):
            path = PurePosixPath(file)
            name = str(path.with_name(f"{path.stem}_mask.tif"))
            # Of a fixed date: the same masks make the same file.
            archive.writestr(zipfile.ZipInfo(name), encode_image(one.astype(np.uint8) * np.uint8(255), ".tif"))
    return content.getvalue()
