"""Directories of TIFF files that would make a decoder take more memory than their shape says."""

from __future__ import annotations

import numpy as np
import pytest

from lgg_seg.data.kaggle.images import ImageError, decode_scan
from lgg_seg.data.kaggle.tiff import read_header
from tests.app.dropped import raw_tiff

SIZE = [(256, 64), (257, 64)]


def test_a_tile_larger_than_any_slice_is_refused_and_a_usual_one_read() -> None:
    usual = raw_tiff([*SIZE, (322, 64), (323, 64)], 324, bytes(range(256)) * 16)
    assert read_header(usual).tile == (64, 64)
    assert np.array_equal(decode_scan(usual, "usual.tif")[..., 0].reshape(-1), np.arange(64 * 64) % 256)
    huge = raw_tiff([*SIZE, (322, 16384), (323, 16384)], 324, bytes(1024))
    with pytest.raises(ImageError, match=r"huge\.tif declares 64 x 64 pixels of 1 channels in larger tiles"):
        decode_scan(huge, "huge.tif")


def test_a_directory_that_says_one_thing_twice_is_damaged() -> None:
    twice = raw_tiff([(256, 16000), *SIZE, (278, 64)], 273, bytes(64 * 64))
    with pytest.raises(ImageError, match="says one thing twice"):
        decode_scan(twice, "twice.tif")


def test_tiles_without_a_size_are_damaged() -> None:
    with pytest.raises(ImageError, match="how large its tiles are"):
        decode_scan(raw_tiff([*SIZE, (322, 64)], 324, bytes(64 * 64)), "half.tif")
