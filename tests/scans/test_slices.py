"""Volumes of TIFF slices: what is read, and what is left out and why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from lgg_seg.scans.discover import find_scans
from lgg_seg.scans.intensity import to_uint8
from lgg_seg.scans.scan import ScanError
from lgg_seg.scans.slices import SliceFiles, StackFile

RNG = np.random.default_rng(0)


def write(path: Path, pixels: np.ndarray) -> None:
    """Write with another library than the one that reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def pixels(height: int = 8, width: int = 6, channels: int | None = 3) -> np.ndarray:
    shape = (height, width) if channels is None else (height, width, channels)
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def test_slices_are_stacked_with_their_channels_in_the_files_order(tmp_path: Path) -> None:
    first, second = pixels(), pixels()
    write(tmp_path / "a_1.tif", first)
    write(tmp_path / "a_2.tif", second)
    scan = SliceFiles("a", ((1, "a_1.tif"), (2, "a_2.tif"))).read(tmp_path)
    assert np.array_equal(scan.images, np.stack([first, second]))
    assert (scan.numbers, scan.issues, scan.missing_sequences) == ((1, 2), (), ())


def test_flair_alone_stands_in_for_the_other_sequences(tmp_path: Path) -> None:
    grey = pixels(channels=None)
    write(tmp_path / "a_1.tif", grey)
    scan = SliceFiles("a", ((1, "a_1.tif"),)).read(tmp_path)
    assert np.array_equal(scan.images, np.repeat(grey[None, ..., None], 3, axis=3))
    assert scan.missing_sequences == ("pre-contrast", "post-contrast")
    assert "own statistics" in scan.warnings[0]


def test_bad_slices_are_reported_with_a_reason_and_the_others_read(tmp_path: Path) -> None:
    write(tmp_path / "a_1.tif", pixels(9, 9))
    for n in (2, 3):
        write(tmp_path / f"a_{n}.tif", pixels())
    (tmp_path / "a_4.tif").write_bytes(b"")
    (tmp_path / "a_5.tif").write_bytes((tmp_path / "a_2.tif").read_bytes()[:90])
    (tmp_path / "a_6.tif").write_bytes(b"<!DOCTYPE html>")
    scan = SliceFiles("a", tuple((n, f"a_{n}.tif") for n in range(1, 8))).read(tmp_path)
    assert scan.files == ("a_2.tif", "a_3.tif")
    reasons = {issue.file: issue.reason for issue in scan.issues}
    assert reasons["a_1.tif"] == "is 9 x 9 pixels, where this volume's slices are 6 x 8"
    assert "zero bytes" in reasons["a_4.tif"]
    assert "truncated" in reasons["a_5.tif"]
    assert "web page" in reasons["a_6.tif"]
    assert "cannot be opened" in reasons["a_7.tif"]


def test_a_volume_of_which_nothing_can_be_read_names_every_file(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match=r"a_1\.tif cannot be opened.*a_2\.tif cannot be opened"):
        SliceFiles("a", ((1, "a_1.tif"), (2, "a_2.tif"))).read(tmp_path)


def test_a_file_that_declares_too_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    Image.new("RGB", (5000, 4000)).save(tmp_path / "a_1.tif", compression="tiff_adobe_deflate")
    assert (tmp_path / "a_1.tif").stat().st_size < 200_000
    with pytest.raises(ScanError, match="the limit is 4096 x 4096"):
        SliceFiles("a", ((1, "a_1.tif"),)).read(tmp_path)


def test_a_flat_volume_is_an_issue_and_a_black_slice_among_others_is_none(
    tmp_path: Path,
) -> None:
    for n in (1, 2):
        write(tmp_path / f"a_{n}.tif", np.zeros((8, 6, 3), np.uint8))
    write(tmp_path / "a_3.tif", pixels())
    black = ((1, "a_1.tif"), (2, "a_2.tif"))
    with pytest.raises(ScanError, match=r"a_1\.tif holds no intensities: every voxel is the same.*a_2\.tif holds no"):
        SliceFiles("a", black).read(tmp_path)
    scan = SliceFiles("a", (*black, (3, "a_3.tif"))).read(tmp_path)
    assert (scan.numbers, scan.issues, scan.warnings) == ((1, 2, 3), (), ())


def test_flair_stands_in_for_a_black_channel_with_a_warning(tmp_path: Path) -> None:
    image = pixels()
    image[..., 2] = 0
    write(tmp_path / "a_1.tif", image)
    scan = SliceFiles("a", ((1, "a_1.tif"),)).read(tmp_path)
    assert np.array_equal(scan.images[0], image[..., [0, 1, 1]])
    assert scan.warnings[0] == "the post-contrast sequence holds no intensities: every voxel is the same"


def test_gaps_and_missing_sequences_are_warned_of_and_a_whole_volume_has_no_warning(tmp_path: Path) -> None:
    for n in range(3, 18):
        write(tmp_path / f"a_{n}.tif", pixels())
        write(tmp_path / f"b_{n}.tif", pixels(channels=None))
    assert SliceFiles("a", tuple((n, f"a_{n}.tif") for n in range(3, 18))).read(tmp_path).warnings == ()
    gaps, stands_in = SliceFiles("b", tuple((n, f"b_{n}.tif") for n in (3, 5, 9, 12, 13))).read(tmp_path).warnings
    assert gaps == "the volume is not whole: there is no slice 4, 6 to 8, 10 to 11"
    assert "missing pre-contrast and post-contrast sequences: expect a worse mask" in stands_in
    assert stands_in.endswith("give them where there are any")
    many = SliceFiles("a", tuple((n, f"a_{n}.tif") for n in range(3, 18, 2))).read(tmp_path).warnings
    assert many == ("the volume is not whole: there is no slice 4, 6, 8, 10, 12, …",)


def listing(root: Path) -> list[SliceFiles | StackFile]:
    found = find_scans(root)
    assert not found.issues
    return [one for one in found.volumes if isinstance(one, SliceFiles | StackFile)]


def test_a_slice_without_intensities_between_others_is_an_issue(tmp_path: Path) -> None:
    for n, image in enumerate((np.zeros((8, 6, 3), np.uint8), pixels(), np.zeros((8, 6, 3), np.uint8), pixels()), 1):
        write(tmp_path / f"a_{n}.tif", image)
    scan = SliceFiles("a", tuple((n, f"a_{n}.tif") for n in range(1, 5))).read(tmp_path)
    assert scan.numbers == (1, 2, 4)
    assert [issue.file for issue in scan.issues] == ["a_3.tif"]
    assert "without intensities between others" in scan.issues[0].reason


def test_slices_of_16_bits_are_scaled_over_the_volume(tmp_path: Path) -> None:
    volume = RNG.integers(0, 3000, (4, 8, 6), dtype=np.uint16)
    for n, image in enumerate(volume, 1):
        write(tmp_path / f"a_{n}.tif", image)
    (source,) = listing(tmp_path)
    scan = source.read(tmp_path)
    assert np.array_equal(scan.flair, to_uint8(volume.astype(np.float32)))
    assert scan.warnings[0].startswith("uint16 was scaled to 8 bits")


@pytest.mark.parametrize("bigtiff", [False, True])
def test_the_pages_of_a_tiff_are_one_volume(tmp_path: Path, bigtiff: bool) -> None:
    volume = RNG.integers(0, 256, (5, 8, 6), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "P1.tif", volume, photometric="minisblack", bigtiff=bigtiff, metadata=None)
    write(tmp_path / "Q_1.tif", pixels())
    _, stack = listing(tmp_path)
    scan = stack.read(tmp_path)
    assert np.array_equal(scan.flair, volume)
    assert (stack.name, scan.numbers) == ("P1", (1, 2, 3, 4, 5))


def test_png_and_jpeg_slices_are_read_and_transparency_is_left_out(tmp_path: Path) -> None:
    image = pixels(40, 30)
    write(tmp_path / "a" / "a_1.png", np.dstack([image, np.full((40, 30), 9, np.uint8)]))
    smooth = np.asarray(Image.fromarray(pixels(4, 3)).resize((30, 40), Image.Resampling.BICUBIC))
    write(tmp_path / "b" / "b_1.jpg", smooth)
    png, jpeg = listing(tmp_path)
    assert np.array_equal(png.read(tmp_path).images[0], image)
    scan = jpeg.read(tmp_path)
    assert np.abs(scan.images[0].astype(int) - smooth).mean() < 20
    assert "JPEG has lost detail" in scan.warnings[0]


def test_a_picture_beside_scans_is_an_issue(tmp_path: Path) -> None:
    write(tmp_path / "a_1.tif", pixels())
    write(tmp_path / "plot.png", pixels())
    found = find_scans(tmp_path)
    assert [one.name for one in found.volumes] == ["a"]
    assert [issue.file for issue in found.issues] == ["plot.png"]


def test_a_hyperstack_with_channels_is_refused(tmp_path: Path) -> None:
    volume = RNG.integers(0, 256, (6, 3, 16, 12), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "imagej.tif", volume, imagej=True, metadata={"axes": "ZCYX"})
    tifffile.imwrite(tmp_path / "ome.ome.tif", volume, metadata={"axes": "ZCYX"}, photometric="minisblack")
    tifffile.imwrite(tmp_path / "one.tif", volume[0], imagej=True, metadata={"axes": "CYX"})
    for name in ("imagej.tif", "ome.ome.tif", "one.tif"):
        with pytest.raises(ScanError, match=r"has pages of .*3 channels.*, where pages are slices; save each sequence"):
            StackFile(name, name).read(tmp_path)
    tifffile.imwrite(tmp_path / "slices.tif", volume[:, 0], imagej=True, metadata={"axes": "ZYX"})
    assert np.array_equal(StackFile("slices", "slices.tif").read(tmp_path).flair, volume[:, 0])
