"""Masks at a threshold, their shape features, and Dice where there are ground-truth masks."""

import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from lgg_seg.app.uploads import Volume
from lgg_seg.inference.runner import Probability, binarise
from lgg_seg.metrics.arrays import Bools
from lgg_seg.prediction.masks import write_mask
from lgg_seg.prediction.output import OutputFolder
from lgg_seg.prediction.tables import table_rows


@dataclass(frozen=True)
class Measurements:
    mask: Bools  # (D, H, W), the prediction
    per_slice: pd.DataFrame  # a row a slice, as `per_slice.csv` of `lgg_seg.predict`
    per_volume: pd.DataFrame  # one row, as `per_volume.csv` there


def measure(
    volume: Volume, probability: Probability, threshold: float, postprocess: str, seen: bool | None
) -> Measurements:
    """Binarise a probability (D, H, W) and measure the mask; `seen` as of `Model.was_trained_on`."""
    mask = binarise(probability, threshold, postprocess)
    mask.setflags(write=False)
    slices, whole = table_rows(volume.name, volume.scan, mask, probability, {}, seen, volume.truth)
    per_slice, per_volume = pd.DataFrame(slices), pd.DataFrame([whole])
    per_slice.insert(2, "threshold", threshold)
    per_volume.insert(1, "threshold", threshold)
    if "true_area_px" in per_slice:
        per_slice = per_slice.astype({"true_area_px": "Int64", "dice": "float64"})
    return Measurements(mask, per_slice, per_volume)


def largest_slice(mask: Bools) -> int:
    """Index of the slice with most tumour in a mask (D, H, W); of the middle one in an empty mask."""
    areas = mask.sum(axis=(1, 2))
    return int(areas.argmax()) if areas.any() else len(mask) // 2


def pack_masks(volume: Volume, mask: Bools) -> bytes:
    """A zip of the masks that `lgg_seg.predict` writes: of slices `<slice>_mask.tif` each, else one on FLAIR's grid."""
    content = BytesIO()
    with TemporaryDirectory() as folder, zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        output = OutputFolder(Path(folder) / "masks")
        write_mask(volume.files, volume.folder.path, volume.scan, mask, output)
        for path in sorted(output.path.rglob("*_mask.*")):
            # Of a fixed date: the same masks make the same file. They are compressed themselves.
            archive.writestr(zipfile.ZipInfo(path.relative_to(output.path).as_posix()), path.read_bytes())
    return content.getvalue()
