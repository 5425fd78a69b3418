"""NIfTI volumes: orientation there and back, units, warnings, and files that cannot be used."""

from __future__ import annotations

import gzip
from itertools import permutations, product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine

from lgg_seg.scans.scan import ScanError
from lgg_seg.scans.volumes import VolumeFiles

RNG = np.random.default_rng(0)
# Slices to the crown, rows to the back, columns to the left; sides all different, so that no two axes are confused.
HEAD = RNG.integers(0, 256, (5, 7, 6, 3), dtype=np.uint8)
LPS = np.array([[-2.0, 0, 0, 30], [0, -2.0, 0, 40], [0, 0, 5.0, -20], [0, 0, 0, 1]])
ORIENTATIONS = [
    np.column_stack([order, flips]) for order in permutations(range(3)) for flips in product((1, -1), repeat=3)
]


def warnings(root: Path) -> str:
    """The warnings of `v.nii`."""
    return "; ".join(files(flair="v.nii").read(root).warnings)


def stored(orientation: np.ndarray, head: np.ndarray = HEAD) -> nib.Nifti1Image:
    """The head with its voxel axes in that orientation, by nibabel."""
    return nib.Nifti1Image(np.ascontiguousarray(head.transpose(2, 1, 0, 3)), LPS).as_reoriented(orientation)


def files(**sequences: str) -> VolumeFiles:
    named = {"flair": "FLAIR", "pre": "pre-contrast", "post": "post-contrast"}
    return VolumeFiles("v", "v", {named[key]: file for key, file in sequences.items()})


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda o: "".join(map(str, o.ravel().astype(int))))
def test_every_orientation_gives_the_same_head_and_its_mask_the_same_position(
    tmp_path: Path, orientation: np.ndarray
) -> None:
    image = stored(orientation)
    nib.save(image, tmp_path / "v.nii")
    source = files(flair="v.nii")
    scan = source.read(tmp_path)
    assert np.array_equal(scan.images, HEAD)
    assert scan.voxel_mm3 == pytest.approx(20)
    assert source.shape(tmp_path) == HEAD.shape[:3]
    mask = np.zeros(HEAD.shape[:3], np.uint8)
    mask[3, 2, 4] = 1
    back = source.in_file(tmp_path, mask)
    assert back.shape == image.shape[:3]
    assert np.allclose(back.affine, image.affine)
    (voxel,) = np.argwhere(np.asarray(back.dataobj))
    assert np.allclose(apply_affine(back.affine, voxel), apply_affine(LPS, [4, 2, 3]))


def test_an_oblique_volume_is_sliced_along_the_axis_nearest_to_the_bodys(tmp_path: Path) -> None:
    tilt = np.deg2rad(20)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]
    nib.save(nib.Nifti1Image(HEAD.transpose(2, 1, 0, 3), turn @ LPS), tmp_path / "v.nii")
    assert np.array_equal(files(flair="v.nii").read(tmp_path).images, HEAD)


def test_flair_alone_stands_in_for_the_others_and_8_bits_stay_unscaled(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(HEAD[..., 1].transpose(2, 1, 0), LPS), tmp_path / "v.nii")
    scan = files(flair="v.nii").read(tmp_path)
    assert np.array_equal(scan.images, np.repeat(HEAD[..., 1:2], 3, axis=3))
    assert scan.missing_sequences == ("pre-contrast", "post-contrast")


def test_sequences_in_separate_files_become_the_channels(tmp_path: Path) -> None:
    for channel, name in enumerate(("pre", "flair", "post")):
        nib.save(nib.Nifti1Image(HEAD[..., channel].transpose(2, 1, 0), LPS), tmp_path / f"{name}.nii")
    scan = files(pre="pre.nii", flair="flair.nii", post="post.nii").read(tmp_path)
    assert np.array_equal(scan.images, HEAD)
    without = files(flair="flair.nii", post="post.nii").read(tmp_path)
    assert np.array_equal(without.images, HEAD[..., [1, 1, 2]])


def test_other_dtypes_are_scaled_sequence_by_sequence(tmp_path: Path) -> None:
    loud = HEAD.transpose(2, 1, 0, 3).astype(np.float32) * np.array([1, 100, 0.01], np.float32)
    nib.save(nib.Nifti1Image(loud, LPS), tmp_path / "v.nii")
    scan = files(flair="v.nii").read(tmp_path)
    for channel in range(3):
        assert np.corrcoef(scan.images[..., channel].ravel(), HEAD[..., channel].ravel())[0, 1] > 0.999


def test_air_apart_from_the_tissue_is_black_and_noted(tmp_path: Path) -> None:
    volume = np.pad(HEAD[..., 1].transpose(2, 1, 0).astype(np.float32) + 1, 3, constant_values=-1024)
    nib.save(nib.Nifti1Image(volume, LPS), tmp_path / "v.nii")
    assert "the air of v.nii has the value -1024" in warnings(tmp_path)
    assert not files(flair="v.nii").read(tmp_path).images[0].any()


def test_oblong_pixels_and_an_unknown_position_are_warned_of(tmp_path: Path) -> None:
    oblong = nib.Nifti1Image(HEAD.transpose(2, 1, 0, 3), np.diag([-2.0, -4, 5, 1]))
    nib.save(oblong, tmp_path / "v.nii")
    assert "2 x 4 mm" in warnings(tmp_path)
    oblong.set_sform(None, code=0)
    oblong.set_qform(None, code=0)
    nib.save(oblong, tmp_path / "v.nii")
    assert "how the patient lay" in warnings(tmp_path)


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1), ("meter", 1000), ("micron", 0.001)])
def test_voxel_size_follows_the_affine_and_its_unit_not_pixdim(tmp_path: Path, unit: str, factor: float) -> None:
    image = nib.Nifti1Image(HEAD.transpose(2, 1, 0, 3), np.diag([1 / factor, 1 / factor, 1 / factor, 1]) @ LPS)
    image.header.set_xyzt_units(unit)
    content = bytearray(image.to_bytes())
    content[80:92] = np.array([1, 7, 1], np.float32).tobytes()  # pixdim[1:4], which disagrees
    (tmp_path / "v.nii").write_bytes(content)
    assert files(flair="v.nii").read(tmp_path).voxel_mm3 == pytest.approx(20)
    assert not warnings(tmp_path)


def test_a_missing_unit_is_taken_for_millimetres_with_a_warning(tmp_path: Path) -> None:
    image = nib.Nifti1Image(HEAD.transpose(2, 1, 0, 3), LPS)
    image.header["xyzt_units"] = 0
    nib.save(image, tmp_path / "v.nii")
    assert files(flair="v.nii").read(tmp_path).voxel_mm3 == pytest.approx(20)
    assert "does not say the unit" in warnings(tmp_path)


@pytest.mark.parametrize("value", [np.nan, 0, 7])
def test_a_flat_volume_is_an_issue(tmp_path: Path, value: float) -> None:
    nib.save(nib.Nifti1Image(np.full((6, 7, 5), value, np.float32), LPS), tmp_path / "v.nii")
    with pytest.raises(ScanError, match=r"v\.nii holds no intensities: every voxel is the same"):
        files(flair="v.nii").read(tmp_path)


def test_a_segmentation_in_flairs_place_is_an_issue_whatever_its_name(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(RNG.integers(0, 5, (6, 7, 5)).astype(np.int16), LPS), tmp_path / "v.nii")
    with pytest.raises(ScanError, match=r"v\.nii holds 12 values or fewer, as segmentations do"):
        files(flair="v.nii").read(tmp_path)


def test_voxels_that_are_not_finite_are_counted_in_a_warning(tmp_path: Path) -> None:
    holed = HEAD.transpose(2, 1, 0, 3).astype(np.float32)
    holed[:3, 0, 0, 1] = np.nan
    nib.save(nib.Nifti1Image(holed, LPS), tmp_path / "v.nii")
    assert "3 of the 630 voxels of v.nii are not finite" in warnings(tmp_path)


def test_flair_replaces_a_black_file_and_a_black_channel_and_each_is_reported(
    tmp_path: Path,
) -> None:
    black = HEAD.copy()
    black[..., 0] = 0
    for channel, name in enumerate(("pre", "flair", "post")):
        nib.save(nib.Nifti1Image(black[..., channel].transpose(2, 1, 0), LPS), tmp_path / f"{name}.nii")
    nib.save(nib.Nifti1Image(black.transpose(2, 1, 0, 3), LPS), tmp_path / "v.nii")
    apart = files(pre="pre.nii", flair="flair.nii", post="post.nii").read(tmp_path)
    together = files(flair="v.nii").read(tmp_path)
    for scan in (apart, together):
        assert np.array_equal(scan.images, HEAD[..., [1, 1, 2]])
        assert "FLAIR stands in for the missing pre-contrast sequence:" in scan.warnings[-1]
    assert [issue.file for issue in apart.issues] == ["pre.nii"]
    assert "the pre-contrast sequence holds no intensities" in "; ".join(together.warnings)


def test_a_single_slice_and_flair_alone_are_warned_of(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(HEAD[:1, ..., 1].transpose(2, 1, 0), LPS), tmp_path / "v.nii")
    assert "a single slice: normalised by its own statistics" in warnings(tmp_path)
    assert "FLAIR stands in for the missing pre-contrast and post-contrast sequences" in warnings(tmp_path)


def declaring(path: Path, shape: tuple[int, ...]) -> None:
    """Write a header of that shape with hardly a voxel behind it."""
    header = nib.Nifti1Header()
    header.set_data_shape(shape)
    header.set_data_dtype(np.float32)
    header.set_sform(LPS, code=1)
    header["vox_offset"] = 352
    path.write_bytes(gzip.compress(header.binaryblock + b"\0" * 400))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4000, 4000, 4000), "the limit is 512³"),
        ((20, 20, 20), "cannot be read as NIfTI"),
        ((5, 5, 5, 2), "3 sequences along the fourth axis"),
        ((5, 5), "where a volume is read"),
    ],
)
def test_a_volume_too_large_truncated_or_of_another_shape_is_an_issue_with_its_name(
    tmp_path: Path, shape: tuple[int, ...], message: str
) -> None:
    declaring(tmp_path / "v.nii.gz", shape)
    with pytest.raises(ScanError, match=message) as caught:
        files(flair="v.nii.gz").read(tmp_path)
    assert caught.value.issues[0].file == "v.nii.gz"


def test_a_volume_cut_off_is_named_without_the_folder_it_lies_in(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(HEAD[..., 1].transpose(2, 1, 0), LPS), tmp_path / "v.nii")
    (tmp_path / "v.nii").write_bytes((tmp_path / "v.nii").read_bytes()[:400])
    with pytest.raises(ScanError, match="cannot be read as NIfTI") as caught:
        files(flair="v.nii").read(tmp_path)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"\x5c\x01\x00\x00" + b"\xff" * 344, gzip.compress(b"no", mtime=0)]
)
def test_a_file_that_is_no_nifti_is_an_issue(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "v.nii.gz").write_bytes(content)
    with pytest.raises(ScanError, match=r"v\.nii\.gz (cannot be read|is no|holds|declares|is )"):
        files(flair="v.nii.gz").read(tmp_path)


def test_a_sequence_on_another_grid_is_an_issue_and_flair_stands_in_for_it(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(HEAD[..., 1].transpose(2, 1, 0), LPS), tmp_path / "flair.nii")
    nib.save(nib.Nifti1Image(HEAD[..., 2].transpose(2, 1, 0), LPS + np.eye(4)[:, [3, 3, 3, 0]]), tmp_path / "post.nii")
    scan = files(flair="flair.nii", post="post.nii").read(tmp_path)
    assert np.array_equal(scan.images, HEAD[..., [1, 1, 1]])
    assert [issue.file for issue in scan.issues] == ["post.nii"]
    assert "is on another grid than its FLAIR" in scan.issues[0].reason
    assert "FLAIR stands in for the missing pre-contrast and post-contrast sequences" in "; ".join(scan.warnings)


@pytest.mark.parametrize("orientation", ORIENTATIONS[::7], ids=lambda o: "".join(map(str, o.ravel().astype(int))))
def test_sequences_in_another_order_of_axes_or_a_fraction_of_a_voxel_away_belong_together(
    tmp_path: Path, orientation: np.ndarray
) -> None:
    nib.save(nib.Nifti1Image(HEAD[..., 1].transpose(2, 1, 0), LPS), tmp_path / "flair.nii")
    other = stored(orientation, HEAD[..., 2:])
    other = nib.Nifti1Image(np.asarray(other.dataobj)[..., 0], other.affine + np.eye(4)[:, [3, 3, 3, 1]] * 0.6)
    nib.save(other, tmp_path / "post.nii")
    nib.save(nib.Nifti1Image((np.asarray(other.dataobj) > 100).astype("u1"), other.affine), tmp_path / "seg.nii")
    source = files(flair="flair.nii", post="post.nii")
    assert np.array_equal(source.read(tmp_path).images, HEAD[..., [1, 1, 2]])
    assert np.array_equal(source.read_mask(tmp_path, "seg.nii"), HEAD[..., 2] > 100)


def test_a_flat_picture_in_place_of_a_mask_is_an_issue(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(HEAD[..., 1].transpose(2, 1, 0), LPS), tmp_path / "flair.nii")
    nib.save(nib.Nifti1Image(HEAD[0, ..., 1], LPS), tmp_path / "seg.nii")
    with pytest.raises(ScanError, match=r"seg\.nii is on another grid"):
        files(flair="flair.nii").read_mask(tmp_path, "seg.nii")


def test_a_degenerate_affine_is_refused(tmp_path: Path) -> None:
    image = nib.Nifti1Image(HEAD.transpose(2, 1, 0, 3), LPS)
    image.header["srow_x"] = 0
    image.header["sform_code"] = 1
    (tmp_path / "v.nii").write_bytes(image.to_bytes())
    data = bytearray((tmp_path / "v.nii").read_bytes())
    data[280:296] = b"\0" * 16  # srow_x, whatever to_bytes has made of it
    (tmp_path / "v.nii").write_bytes(bytes(data))
    with pytest.raises(ScanError, match="affine"):
        files(flair="v.nii").read(tmp_path)
