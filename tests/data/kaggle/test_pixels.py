"""Pictures in every way that TIFF stores them, and in PNG and JPEG."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from lgg_seg.data.kaggle.images import ImageError, decode_scan, read_mask

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (32, 20, 3), dtype=np.uint8)


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    photometric = "rgb" if pixels.ndim == 3 and not options.get("volumetric") else "minisblack"
    return written(pixels, photometric=photometric, **options)


def written(pixels: np.ndarray | Iterator[bytes], **options: Any) -> bytes:
    """A TIFF, of pixels or of strips that are compressed already."""
    stream = BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "packbits", "jpeg2000", "zstd", "lzma", "png"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_lossless_compression_gives_the_same_pixels(
    compression: str | None, dtype: type[np.integer[Any]]
) -> None:
    image: np.ndarray = IMAGE.astype(dtype) * (1 if dtype is np.uint8 else 7)
    assert np.array_equal(decode_scan(tiff(image, compression=compression), "a.tif"), image)


def test_a_mask_in_jpeg_2000_is_not_black(tmp_path: Path) -> None:
    mask = (IMAGE[..., 0] > 99).astype(np.uint8) * 255
    (tmp_path / "a_mask.tif").write_bytes(tiff(mask, compression="jpeg2000"))
    assert np.array_equal(read_mask(tmp_path / "a_mask.tif"), mask // 255)


def test_a_compression_that_nothing_reads_is_named() -> None:
    data = tiff(IMAGE, compression="zstd").replace((50000).to_bytes(2, "little"), (34676).to_bytes(2, "little"))
    with pytest.raises(ImageError, match=r"cannot be decoded \(compression SGILOG\); .* save it with LZW"):
        decode_scan(data, "a.tif")
    with pytest.raises(ImageError, match=r"cannot be decoded \(compression LERC\); .* save it with LZW"):
        decode_scan(tiff(IMAGE, compression="lerc"), "a.tif")  # which could hold any number of pixels


@pytest.mark.parametrize("kind", ["jpeg2000", "png", "jpeg"])
def test_a_stream_of_more_pixels_than_its_page_says_is_not_decoded(kind: str) -> None:
    large: np.ndarray = np.zeros((2048, 2048), np.uint16 if kind == "jpeg" else np.uint8)
    options = {"bitspersample": 12} if kind == "jpeg" else {}  # the usual 8 bits are OpenCV's, which refuses it
    form = {"codecformat": "j2k"} if kind == "jpeg2000" else {}
    encode: dict[str, Any] = {
        "jpeg2000": imagecodecs.jpeg2k_encode,
        "png": imagecodecs.png_encode,
        "jpeg": imagecodecs.jpeg8_encode,
    }
    stream = bytes(encode[kind](large, **options, **form))
    bomb = written(
        iter([stream]), shape=(64, 64), dtype=large.dtype, compression=kind, photometric="minisblack", **options
    )
    with pytest.raises(ImageError, match="holds 2048 x 2048 pixels in a strip or tile that is declared as 64 x 64"):
        decode_scan(bomb, "a.tif")


@pytest.mark.parametrize("compression", ["zstd", "lzma", "deflate", "lzw"])
def test_a_stream_of_more_bytes_than_its_page_has_is_cut_off_or_refused(compression: str) -> None:
    names = {"deflate": "zlib"}
    stream = bytes(getattr(imagecodecs, f"{names.get(compression, compression)}_encode")(bytes(2**24)))
    bomb = written(iter([stream]), shape=(64, 64), dtype=np.float32, compression=compression, photometric="minisblack")
    with contextlib.suppress(ImageError):
        assert decode_scan(bomb, "a.tif").shape == (64, 64, 3)


def test_large_pixels_of_zeros_are_not_unpacked() -> None:
    for dtype in (np.uint16, np.float32):
        zeros = tiff(np.zeros((3000, 3000, 3), dtype), compression="deflate", rowsperstrip=3000)
        if dtype is np.uint16:
            assert decode_scan(zeros, "a.tif").nbytes == 54_000_000
        else:
            with pytest.raises(ImageError, match=r"of 9,000,000 pixels in 0\.1 MB, and no scan is so empty"):
                decode_scan(zeros, "a.tif")


def test_a_volume_in_one_page_is_refused() -> None:
    for compression in (None, "zstd"):
        data = tiff(np.zeros((16, 32, 32), np.uint8), volumetric=True, tile=(16, 16, 16), compression=compression)
        with pytest.raises(ImageError, match="holds a volume in one page; save each slice as a page of its own"):
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


def test_pages_that_break_off_are_not_taken_for_one_slice() -> None:
    stack = written(np.stack([IMAGE] * 3), photometric="rgb")
    with pytest.raises(ImageError, match="is truncated"):
        decode_scan(stack[: len(stack) * 3 // 4], "a.tif")


def test_a_fourth_channel_that_is_no_transparency_is_refused() -> None:
    four = np.dstack([IMAGE, IMAGE[..., 0]])
    alpha = tiff(four, extrasamples=["unassalpha"])
    assert np.array_equal(decode_scan(alpha, "a.tif"), IMAGE)
    with pytest.raises(ImageError, match="has 4 channels"):
        decode_scan(tiff(four, extrasamples=["unspecified"]), "a.tif")
