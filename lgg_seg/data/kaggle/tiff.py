"""What a TIFF file declares, read before its pixels are decoded."""

import logging
import struct
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from tifffile import TiffFile

# tifffile logs what it skips in a damaged file; every such file is reported by us, with its name.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_TILE_TAGS = {322, 323, 324, 325}  # width, height, offsets, byte counts: TIFF 6.0, section 15


@dataclass(frozen=True)
class Header:
    """What the first page declares.

    `shape` is (height, width) in pixels; `tile` that of the tiles it is stored in, each of which is decoded whole
    however small the image is, or None for strips; `bits` is per channel; `end` is the byte where the pixel data ends.
    """

    shape: tuple[int, int]
    tile: tuple[int, int] | None
    channels: int
    bits: int
    multipage: bool
    end: int


def read_header(data: bytes) -> Header:
    """Read the first page's directory of a classic TIFF file.

    Raises:
        ValueError: if `data` is no TIFF file, breaks off inside its directory, or says one thing twice there: a
            decoder might believe the other. The message completes "the file …".
    """
    if data[:4] not in (b"II*\x00", b"MM\x00*"):
        raise ValueError(_what_else(data))
    try:
        with TiffFile(BytesIO(data)) as file:
            page, order = file.pages.first, file.byteorder
        # tifffile leaves out entries that it cannot read, where a decoder might read them: all are counted here.
        (entries,) = struct.unpack_from(f"{order}H", data, page.offset)
        *tags, next_page = struct.unpack_from(order + entries * "H10x" + "I", data, page.offset + 2)
        header = Header(
            shape=(int(page.imagelength), int(page.imagewidth)),
            tile=None if _TILE_TAGS.isdisjoint(tags) else (int(page.tilelength), int(page.tilewidth)),
            channels=int(page.samplesperpixel),
            bits=int(np.max(page.bitspersample)),
            multipage=next_page > 0,
            end=max(map(sum, zip(page.dataoffsets, page.databytecounts, strict=False)), default=0),
        )
    except Exception as error:  # tifffile passes on what its readers of makers' own tags raise
        raise ValueError("is truncated or damaged: its directory cannot be read") from error
    if len(set(tags)) < len(tags):
        raise ValueError("is damaged: its directory says one thing twice")
    if min(header.shape) < 1:
        raise ValueError("is damaged: it does not say its width and height")
    if header.tile and min(header.tile) < 1:
        raise ValueError("is damaged: it does not say how large its tiles are")
    return header


def _what_else(data: bytes) -> str:
    if not data:
        return "is empty (zero bytes)"
    start = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "is a web page saved under a TIFF's name"
    if data.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the file itself"
    if data[:4] in (b"II+\x00", b"MM\x00+"):
        return "is a BigTIFF, which is not read"
    return "is not a TIFF"
