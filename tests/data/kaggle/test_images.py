"""Reading a TIFF: its channels, what is refused, and damaged bytes."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from lgg_seg.data.kaggle.images import ImageError, read_mask, read_slice


def _write(path: Path, pixels: np.ndarray) -> None:
    assert cv2.imwrite(str(path), pixels, [cv2.IMWRITE_TIFF_COMPRESSION, 1])


def test_image_channels_keep_the_order_of_the_file(tmp_path: Path) -> None:
    _write(tmp_path / "a.tif", np.full((8, 9, 3), (30, 20, 10), np.uint8))  # OpenCV takes the last channel first
    image = read_slice(tmp_path / "a.tif")[0]
    assert image.shape == (8, 9, 3)
    assert image[0, 0].tolist() == [10, 20, 30]


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.zeros((8, 8, 4), np.uint8), "has 4 channels, where 3 are read"),
        (np.zeros((8, 8, 3), np.uint16), "has 16 bits a channel"),
        (np.zeros((8, 8, 3), np.float32), "has 32 bits a channel"),
    ],
)
def test_pixels_of_another_kind_are_refused(tmp_path: Path, pixels: np.ndarray, reason: str) -> None:
    _write(tmp_path / "a.tif", pixels)
    with pytest.raises(ImageError, match=reason):
        read_slice(tmp_path / "a.tif")[0]


def test_a_mask_in_grey_colours_is_taken_and_one_in_others_refused(tmp_path: Path) -> None:
    colours = np.full((8, 8, 3), (255, 0, 255), np.uint8)
    for name, opaque in (("rgb.tif", []), ("rgba.png", [np.full((8, 8, 1), 255, np.uint8)])):
        _write(tmp_path / name, np.concatenate([np.repeat(colours[..., :1], 3, axis=-1), *opaque], axis=-1))
        assert np.array_equal(read_mask(tmp_path / name), np.ones((8, 8)))
    _write(tmp_path / "a_mask.tif", colours)
    with pytest.raises(ImageError, match="has 3 channels, where a mask has 1"):
        read_mask(tmp_path / "a_mask.tif")


def test_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    entries = [(256, 4, 100_000), (257, 4, 100_000), (258, 3, 8), (277, 3, 1)]
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    data = b"II*\x00" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4)
    (tmp_path / "bomb.tif").write_bytes(data)
    with pytest.raises(ImageError, match="declares 100000 x 100000 pixels"):
        read_mask(tmp_path / "bomb.tif")


def test_damaged_bytes_never_raise_anything_but_image_error(phantom_root: Path, tmp_path: Path) -> None:
    sound = min(phantom_root.glob("*/*_3.tif")).read_bytes()
    rng = np.random.default_rng(0)
    for round_ in range(300):
        damaged = np.frombuffer(sound, np.uint8).copy()
        reach = len(damaged) if round_ % 2 else 200  # where OpenCV writes a directory, at the end or at the start
        places = len(damaged) - 1 - rng.integers(0, reach, 4) if round_ % 3 else rng.integers(0, reach, 4)
        damaged[places] = rng.integers(0, 256, 4)
        (tmp_path / "a.tif").write_bytes(damaged.tobytes())
        with contextlib.suppress(ImageError):
            assert read_slice(tmp_path / "a.tif")[0].dtype == np.uint8
