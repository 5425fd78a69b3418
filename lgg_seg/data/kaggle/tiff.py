"""What a TIFF file says about itself, read before anything is decoded."""

from __future__ import annotations

import struct
from dataclasses import dataclass

# TIFF 6.0, section 8: tags of the baseline image file directory.
_WIDTH, _HEIGHT, _BITS, _CHANNELS = 256, 257, 258, 277
_TILE_WIDTH, _TILE_HEIGHT = 322, 323  # section 15
_STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES = 273, 279, 324, 325
_FORMATS = {1: "B", 3: "H", 4: "I"}  # TIFF's BYTE, SHORT and LONG in `struct`'s letters
_MAX_ENTRIES = 512  # a slice's directory has about ten; more says that the file is no slice


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
    pages: int
    end: int


def read_header(data: bytes) -> Header:
    """Read the first page's directory of a classic TIFF file.

    `pages` is 2 where there is more than one page.

    Raises:
        ValueError: if `data` is no TIFF file, breaks off inside its directory, or says one thing twice there: a
            decoder might believe the other. The message completes "the file …".
    """
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(data[:4])
    if order is None:
        raise ValueError(_what_else(data))
    try:
        (directory,) = struct.unpack_from(order + "I", data, 4)
        (entries,) = struct.unpack_from(order + "H", data, directory)
        if entries > _MAX_ENTRIES:
            raise ValueError(f"is damaged: its directory claims {entries} entries")
        tags: dict[int, tuple[int, ...]] = {}
        named = set()
        for entry in range(entries):
            at = directory + 2 + 12 * entry
            tag, kind, count = struct.unpack_from(order + "HHI", data, at)
            if tag in named:
                raise ValueError("is damaged: its directory says one thing twice")
            named.add(tag)
            if kind in _FORMATS and count <= len(data):
                tags[tag] = _values(data, order, at + 8, _FORMATS[kind], count)
        (following,) = struct.unpack_from(order + "I", data, directory + 2 + 12 * entries)
    except struct.error as error:
        raise ValueError("is truncated: it breaks off inside its directory") from error
    if not tags.get(_WIDTH) or not tags.get(_HEIGHT):
        raise ValueError("is damaged: it does not say its width and height")
    if not named.isdisjoint({_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES}):
        sides = tags.get(_TILE_HEIGHT), tags.get(_TILE_WIDTH)
        if not (sides[0] and sides[1]):
            raise ValueError("is damaged: it does not say how large its tiles are")
        tile = sides[0][0], sides[1][0]
    else:
        tile = None
    offsets = tags.get(_STRIP_OFFSETS) or tags.get(_TILE_OFFSETS) or ()
    lengths = tags.get(_STRIP_BYTES) or tags.get(_TILE_BYTES) or ()
    return Header(
        shape=(tags[_HEIGHT][0], tags[_WIDTH][0]),
        tile=tile,
        channels=(tags.get(_CHANNELS) or (1,))[0],
        bits=max(tags.get(_BITS) or (1,)),
        pages=2 if following else 1,
        end=max((start + length for start, length in zip(offsets, lengths, strict=False)), default=0),
    )


def _values(data: bytes, order: str, at: int, letter: str, count: int) -> tuple[int, ...]:
    """A tag's values: in the entry itself where they fit into four bytes, else where the entry points."""
    layout = f"{order}{count}{letter}"
    if struct.calcsize(layout) > 4:
        (at,) = struct.unpack_from(order + "I", data, at)
    return struct.unpack_from(layout, data, at)


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
