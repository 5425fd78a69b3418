"""Pictures in every way that TIFF stores them, and in PNG and JPEG."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from lgg_seg.data.kaggle.images import ImageError, decode_mask, decode_scan

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (32, 20, 3), dtype=np.uint8)


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    stream = BytesIO()
    tifffile.imwrite(stream, pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack", **options)
    return stream.getvalue()


@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "packbits", "jpeg2000", "zstd", "lzma", "png", "lerc"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_lossless_compression_gives_the_same_pixels(
    compression: str | None, dtype: type[np.integer[Any]]
) -> None:
    image: np.ndarray = IMAGE.astype(dtype) * (1 if dtype is np.uint8 else 7)
    assert np.array_equal(decode_scan(tiff(image, compression=compression), "a.tif"), image)


def test_a_mask_in_jpeg_2000_is_not_black() -> None:
    mask = (IMAGE[..., 0] > 99).astype(np.uint8) * 255
    assert np.array_equal(decode_mask(tiff(mask, compression="jpeg2000"), "a_mask.tif"), mask // 255)


def test_a_compression_that_nothing_reads_is_named() -> None:
    data = tiff(IMAGE, compression="zstd").replace((50000).to_bytes(2, "little"), (34676).to_bytes(2, "little"))
    with pytest.raises(ImageError, match=r"cannot be decoded \(compression SGILOG\); .* save it with LZW"):
        decode_scan(data, "a.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", [None, "zstd"])
def test_an_oblong_slice_is_upright_whatever_its_orientation(orientation: int, compression: str | None) -> None:
    data = tiff(IMAGE, compression=compression, extratags=[(274, "H", 1, orientation, True)])
    with Image.open(BytesIO(tiff(IMAGE, extratags=[(274, "H", 1, orientation, True)]))) as image:
        upright = np.asarray(image)  # Pillow turns what it reads
    assert np.array_equal(decode_scan(data, "a.tif"), upright)


def test_planes_big_files_and_other_numbers_are_read() -> None:
    planes = tiff(IMAGE.transpose(2, 0, 1), planarconfig="separate", compression="zstd")
    assert np.array_equal(decode_scan(planes, "a.tif"), IMAGE)
    assert np.array_equal(decode_scan(tiff(IMAGE, bigtiff=True), "a.tif"), IMAGE)
    grey = RNG.normal(size=(9, 8)).astype(np.float32)
    assert np.array_equal(decode_scan(tiff(grey), "a.tif")[..., 1], grey)


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_picture_that_declares_too_many_pixels_or_breaks_off_is_refused(kind: str) -> None:
    stream = BytesIO()
    Image.new("L", (5000, 4000)).save(stream, kind)
    with pytest.raises(ImageError, match="declares 4000 x 5000 pixels"):
        decode_scan(stream.getvalue(), f"a.{kind}")
    with pytest.raises(ImageError, match="is truncated or damaged"):
        decode_scan(stream.getvalue()[:20], f"a.{kind}")


def test_a_fourth_channel_that_is_no_transparency_is_refused() -> None:
    four = np.dstack([IMAGE, IMAGE[..., 0]])
    alpha = tiff(four, extrasamples=["unassalpha"])
    assert np.array_equal(decode_scan(alpha, "a.tif"), IMAGE)
    with pytest.raises(ImageError, match="has 4 channels"):
        decode_scan(tiff(four, extrasamples=["unspecified"]), "a.tif")
