"""Masks and probabilities in the format of the scans that they are of."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from lgg_seg.metrics.arrays import Bools, Floats32
from lgg_seg.prediction.output import OutputFolder
from lgg_seg.scans.discover import ScanFiles
from lgg_seg.scans.filenames import is_picture, without_ending
from lgg_seg.scans.marks import MARK
from lgg_seg.scans.scan import Scan
from lgg_seg.scans.slices import StackFile
from lgg_seg.scans.volumes import VolumeFiles


def write_mask(files: ScanFiles, root: Path, scan: Scan, mask: Bools, output: OutputFolder) -> None:
    """Write a mask (D, H, W) of a scan that was read below `root`.

    Of a volume `<stem>_mask.nii[.gz]`: uint8, 0 and 1, on FLAIR's grid and with its header. Of a TIFF stack, a page a
    slice, and of each slice `…_mask.tif`: uint8, 0 and 255; of PNG and JPEG it is PNG.
    """
    if isinstance(files, VolumeFiles):
        _write_nifti(files, root, mask.astype(np.uint8), files.output("mask"), output)
    elif isinstance(files, StackFile):
        output.write_tiff(f"{without_ending(files.file)}_mask.tif", mask.astype(np.uint8) * 255)
    else:
        for file, one in zip(scan.files, mask, strict=True):
            path = Path(file)
            ending = ".png" if is_picture(path.name) else path.suffix.lower()
            output.write_image(str(path.with_name(f"{path.stem}_mask{ending}")), one.astype(np.uint8) * 255)


def write_probability(files: ScanFiles, root: Path, scan: Scan, probability: Floats32, output: OutputFolder) -> None:
    """Write P(tumour), float32 (D, H, W), as `write_mask` does a mask; of each slice `<slice>_probability.tif`."""
    if isinstance(files, VolumeFiles):
        _write_nifti(files, root, probability, files.output("probability"), output)
    elif isinstance(files, StackFile):
        output.write_tiff(f"{without_ending(files.file)}_probability.tif", probability)
    else:
        for file, one in zip(scan.files, probability, strict=True):
            output.write_tiff(f"{without_ending(file)}_probability.tif", one)


def _write_nifti(files: VolumeFiles, root: Path, slices: NDArray[Any], name: str, output: OutputFolder) -> None:
    image = files.in_file(root, slices)
    image.header["cal_min"], image.header["cal_max"] = 0, 1
    image.header["descrip"] = MARK
    with output.writing(name) as path:
        nib.save(image, path)
