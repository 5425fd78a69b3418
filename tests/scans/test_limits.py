"""Small files that declare much, and intensities that no scanner gives."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import tifffile

from lgg_seg.scans.scan import ScanError
from lgg_seg.scans.slices import slice_volumes
from lgg_seg.scans.volumes import VolumeFiles

AFFINE = np.diag([-1.0, -1, 1, 1])
HEAD = np.random.default_rng(0).integers(0, 1000, (9, 8, 7)).astype(np.int16)


def refusal(path: Path) -> str:
    with pytest.raises(ScanError) as caught:
        VolumeFiles("v", "v", {"FLAIR": path.name}).read(path.parent)
    (issue,) = caught.value.issues
    assert issue.file == path.name
    return issue.reason


def scaled(path: Path, slope: float, intercept: float = 0) -> Path:
    image = nib.Nifti1Image(HEAD, AFFINE)
    image.header.set_slope_inter(slope, intercept)
    content = bytearray(image.to_bytes())
    content[112:120] = struct.pack("<ff", slope, intercept)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("slope", "intercept"), [(1e38, 0), (-1e30, 5), (1e-33, 0), (1, 1e30), (1e-3, 1e6)])
def test_a_scale_beyond_what_a_scanner_gives_is_refused(tmp_path: Path, slope: float, intercept: float) -> None:
    assert "which no scanner gives; see to scl_slope and scl_inter" in refusal(
        scaled(tmp_path / "v.nii", slope, intercept)
    )


@pytest.mark.parametrize(("slope", "intercept"), [(2, 0), (1e-9, 0), (1e6, -1e6), (0.5, 1000)])
def test_any_usual_scale_gives_one_image(tmp_path: Path, slope: float, intercept: float) -> None:
    plain, other = (
        VolumeFiles("v", "v", {"FLAIR": path.name}).read(tmp_path)
        for path in (scaled(tmp_path / "plain.nii", 1), scaled(tmp_path / "v.nii", slope, intercept))
    )
    assert int(np.abs(plain.images.astype(int) - other.images.astype(int)).max()) <= 1


def test_a_volume_of_zeros_that_took_gigabytes_is_refused_by_its_header(tmp_path: Path) -> None:
    header = nib.Nifti1Header()
    header.set_data_shape((512, 512, 512))
    header.set_data_dtype(np.uint8)
    header.set_sform(AFFINE, code=1)
    header["vox_offset"] = 352
    with gzip.open(tmp_path / "v.nii.gz", "wb", compresslevel=1) as file:
        file.write(header.binaryblock + bytes(4))
        for _ in range(128):
            file.write(bytes(2**20))
    assert "134,217,728 pixels in 0.6 MB, and no scan is so empty" in refusal(tmp_path / "v.nii.gz")


@pytest.mark.parametrize(("offset", "length"), [(400, 2**30), (2**30, 2**30), (2**30, 64)])
def test_extensions_of_a_header_are_not_read_whatever_they_declare(tmp_path: Path, offset: int, length: int) -> None:
    content = bytearray(nib.Nifti1Image(HEAD, AFFINE).to_bytes())
    content[108:112] = struct.pack("<f", offset)
    content[348] = 1
    content[352:360] = struct.pack("<ii", length, 6)
    (tmp_path / "v.nii").write_bytes(content)
    assert "its header has an extension of 1074 MB" in refusal(tmp_path / "v.nii")


def test_slices_of_zeros_are_refused_together(tmp_path: Path) -> None:
    names = [f"v_{number}.tif" for number in range(1, 4)]
    for name in names:
        blank = np.zeros((3000, 3000, 3), np.uint8)
        tifffile.imwrite(tmp_path / name, blank, photometric="rgb", compression="zlib", rowsperstrip=3000)
    (volume,) = slice_volumes("", names, [])
    with pytest.raises(ScanError, match=r"v_2\.tif is of a volume of 18,000,000 pixels in 0\.1 MB"):
        volume.read(tmp_path)
