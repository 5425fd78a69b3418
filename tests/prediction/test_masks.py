"""Masks in the format of their scans, each with the mark that says who wrote it."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import nibabel as nib
import numpy as np
import tifffile
from PIL import Image

from lgg_seg.prediction.masks import write_mask
from lgg_seg.prediction.output import OutputFolder, encode_image
from lgg_seg.scans.discover import find_scans
from lgg_seg.scans.marks import is_marked
from lgg_seg.scans.roles import FLAIR
from lgg_seg.scans.volumes import VolumeFiles

HEAD = np.random.default_rng(0).integers(0, 1000, (5, 7, 6), dtype=np.int16)
LPS = np.array([[-2.0, 0, 0, 30], [0, -2.0, 0, 40], [0, 0, 5.0, -20], [0, 0, 0, 1]])


def test_the_mask_keeps_the_header_that_says_where_it_is(tmp_path: Path) -> None:
    image = nib.Nifti1Image(HEAD.transpose(2, 1, 0), LPS)
    image.header.set_xyzt_units("mm")
    image.set_sform(LPS, code=2)
    image.set_qform(LPS, code=1)
    image.header.set_slope_inter(3, -50)
    nib.save(image, tmp_path / "v.nii.gz")
    source = VolumeFiles("v", "v", {FLAIR: "v.nii.gz"})
    scan = source.read(tmp_path)
    mask = HEAD > 500
    write_mask(source, tmp_path, scan, mask, OutputFolder(tmp_path / "out"))
    written = nib.load(tmp_path / "out" / "v_mask.nii.gz")
    assert written.get_data_dtype() == np.uint8
    assert sorted(np.unique(np.asarray(written.dataobj))) == [0, 1]
    assert written.header.get_zooms() == image.header.get_zooms()
    assert (int(written.header["sform_code"]), int(written.header["qform_code"])) == (2, 1)
    assert written.header.get_xyzt_units()[0] == "mm"
    assert np.array_equal(np.asarray(written.dataobj) > 0, mask.transpose(2, 1, 0))


def test_a_mask_has_its_slices_size_folder_and_format_but_png_for_jpeg(tmp_path: Path) -> None:
    for name in ("p/a_1.tif", "q/b_1.png", "r/c_1.jpg"):
        (tmp_path / name).parent.mkdir()
        Image.fromarray((HEAD[0] / 4).astype(np.uint8)).save(tmp_path / name)
    tifffile.imwrite(tmp_path / "s.tif", HEAD.astype(np.uint16), photometric="minisblack")
    output, tumour = OutputFolder(tmp_path / "out"), HEAD > 500
    for files in find_scans(tmp_path).volumes:
        scan = files.read(tmp_path)
        write_mask(files, tmp_path, scan, tumour[: len(scan.images)], output)
    made = {str(path.relative_to(tmp_path / "out")): path for path in (tmp_path / "out").rglob("*.*")}
    assert made.keys() == {"p/a_1_mask.tif", "q/b_1_mask.png", "r/c_1_mask.png", "s_mask.tif"}
    for name in sorted(made)[:3]:
        with Image.open(made[name]) as image:
            assert (image.format, image.mode) == ("TIFF" if name.endswith(".tif") else "PNG", "L")
            assert np.array_equal(np.asarray(image), tumour[0] * np.uint8(255))
    assert np.array_equal(tifffile.imread(made["s_mask.tif"]), tumour * np.uint8(255))


def test_masks_that_a_prediction_wrote_are_no_truth_wherever_they_lie(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    nib.save(nib.Nifti1Image(HEAD, np.eye(4)), tmp_path / "in" / "P_flair.nii.gz")
    cv2.imwrite(str(tmp_path / "in" / "s_1.tif"), (HEAD[0] / 8).astype(np.uint8))
    tifffile.imwrite(tmp_path / "in" / "z.tif", HEAD.astype(np.uint16), photometric="minisblack")
    output = OutputFolder(tmp_path / "out")
    for files in find_scans(tmp_path / "in").volumes:
        scan = files.read(tmp_path / "in")
        write_mask(files, tmp_path / "in", scan, scan.flair > 0, output)
    masks = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert masks == ["P_mask.nii.gz", "s_1_mask.tif", "z_mask.tif"]
    shutil.copytree(tmp_path / "in", tmp_path / "out", dirs_exist_ok=True)
    for path in (tmp_path / "out", tmp_path / "out" / "z.tif"):
        found = find_scans(path)
        assert not found.masks
        (issue,) = (issue for issue in found.issues if "earlier" in issue.reason)
        assert (
            issue.reason == "was written by an earlier prediction, as 2 others beside it were, and is no ground truth"
        )
    picture = encode_image(np.eye(9, dtype=np.uint8), ".png")
    (tmp_path / "m.png").write_bytes(picture)
    assert is_marked(tmp_path / "m.png")
    assert np.array_equal(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_UNCHANGED), np.eye(9))
    # Another's mask counts, but not in a folder that a prediction wrote, as an older version did without the mark.
    nib.save(nib.Nifti1Image((HEAD > 800).astype(np.int16), np.eye(4)), tmp_path / "out" / "P_seg.nii.gz")
    assert find_scans(tmp_path / "out").masks == ("P_seg.nii.gz",)
    (tmp_path / "out" / "per_volume.csv").touch()
    assert not find_scans(tmp_path / "out").masks
    assert not find_scans(tmp_path / "out" / "P_flair.nii.gz").masks
