"""The width and height in compressed streams that a decoder believes, whatever is declared around them."""

import struct

from tifffile import TiffFrame, TiffPage

_NOT_FRAMES = {0xC4, 0xC8, 0xCC}  # JPEG markers among those of frames that are tables
_ALONE = {0x01, *range(0xD0, 0xDA)}  # markers without a length, of which none stands before a frame
_MAX_CHANNELS = 4
MAX_PIXELS = 4096 * 4096  # a 574 KB file can declare 400 MB; MR slices stay below 1024²
MAX_ITEM = 8  # bytes of a channel of a pixel


def png_shape(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", data[16:24])
    return height, width


def jpeg_shape(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        while data[at : at + 2] == b"\xff\xff":  # any marker may be filled up
            at += 1
        marker = data[at + 1]
        if data[at] != 0xFF or marker in _ALONE:
            raise ValueError("no marker where one is due")
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return int(height), int(width)
        at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])


def _jpeg2000_shape(data: bytes) -> tuple[int, int]:
    """Height and width in a JPEG 2000 codestream (ISO 15444-1, A.5.1) without boxes, which may hold a palette."""
    start, width, height, channels = struct.unpack_from(">I4xII24xH", data)
    if start != 0xFF4FFF51 or channels > _MAX_CHANNELS:
        raise ValueError("no codestream of a picture")
    return height, width


_SHAPES = {34933: png_shape, **dict.fromkeys((6, 7, 34892), jpeg_shape),
           **dict.fromkeys((33003, 33004, 33005, 34712), _jpeg2000_shape)}  # fmt: skip
_BOUNDED = {1, 2, 3, 4, 5, 8, 32773, 32946, 34925, 34926, 50000}
"""TIFF's compressions of bytes, of which tifffile takes no more than a strip or tile has."""


def stream_fault(page: TiffPage | TiffFrame, data: bytes) -> str | None:
    """Why decoding a page of a TIFF would take more memory than its width and height say, completing "the file …"."""
    key, kind = page.keyframe or page, int(page.compression)
    assert isinstance(key, TiffPage)
    if key.dtype is not None and key.dtype.itemsize > MAX_ITEM:
        return f"holds pixels of {8 * key.dtype.itemsize} bits, where up to {8 * MAX_ITEM} are read"
    height, width = (key.tilelength, key.tilewidth) if key.is_tiled else (key.rowsperstrip, key.imagewidth)
    if height * width * key.tiledepth > MAX_PIXELS:
        return f"declares tiles of {height} x {width} pixels; the limit is 4096 x 4096"
    if kind in _BOUNDED:
        return None
    if kind not in _SHAPES:
        raise ValueError("what such a stream holds is not known before it is decoded")
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        if count:
            rows, columns = _SHAPES[kind](data[offset : offset + count])
            if rows * columns > height * width:
                return f"holds {rows} x {columns} pixels in a strip or tile that is declared as {height} x {width}"
    return None
