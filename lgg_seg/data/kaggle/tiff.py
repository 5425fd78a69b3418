"""What a TIFF file declares, read before its pixels are decoded."""

import logging
import struct
from dataclasses import dataclass
from io import BytesIO
from mmap import ACCESS_READ, mmap
from pathlib import Path

import numpy as np
from tifffile import TiffFile, TiffFrame, TiffPage

# tifffile logs what it skips in a damaged file; every such file is reported by us, with its name.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_TILE_TAGS = {322, 323, 324, 325}  # width, height, offsets, byte counts: TIFF 6.0, section 15
_ALPHA = {1, 2}  # of the tag ExtraSamples: section 18
_AXES = {"C": "channels", "Z": "slices", "T": "time points", "Q": "pages", "I": "pages"}  # as tifffile names them
_CLASSIC, _BIG = (b"II*\x00", b"MM\x00*"), (b"II+\x00", b"MM\x00+")


@dataclass(frozen=True)
class Header:
    """What the first page declares."""

    shape: tuple[int, int]  # height and width in pixels as stored
    channels: int
    alpha: bool  # whether a channel is transparency
    bits: int  # of a channel
    tile: tuple[int, int] | None = None  # each is decoded whole, however small the image is; None for strips
    multipage: bool = False
    end: int = 0  # the byte where the pixel data ends
    compression: int = 1  # TIFF's number, as the next
    orientation: int = 1


def read_header(data: bytes) -> Header:
    """Read the first page's directory of a TIFF file, classic or BigTIFF.

    A ValueError completes "the file …": it is no TIFF file, breaks off inside its directory, or says one thing twice
    there, of which a decoder might believe the other.
    """
    if data[:4] not in (*_CLASSIC, *_BIG):
        raise ValueError(_what_else(data))
    try:
        with TiffFile(BytesIO(data)) as file:
            page = file.pages.first
        tags, next_page = _directory(data)
        orientation = page.tags.get("Orientation")
        header = Header(
            shape=(int(page.imagelength), int(page.imagewidth)),
            tile=None if _TILE_TAGS.isdisjoint(tags) else (int(page.tilelength), int(page.tilewidth)),
            channels=int(page.samplesperpixel),
            alpha=any(int(sample) in _ALPHA for sample in page.extrasamples),
            bits=int(np.max(page.bitspersample)),
            multipage=next_page > 0,
            end=max(map(sum, zip(page.dataoffsets, page.databytecounts, strict=False)), default=0),
            compression=int(page.compression),
            orientation=int(orientation.value) if orientation else 1,
        )
    except Exception as error:  # tifffile passes on what its readers of makers' own tags raise
        raise ValueError("is truncated or damaged: its directory cannot be read") from error
    if len(set(tags)) < len(tags):
        raise ValueError("is damaged: its directory says one thing twice")
    if page.imagedepth > 1:
        raise ValueError("holds a volume in one page; save each slice as a page of its own")
    if min(header.shape) < 1:
        raise ValueError("is damaged: it does not say its width and height")
    if header.tile and min(header.tile) < 1:
        raise ValueError("is damaged: it does not say how large its tiles are")
    return header


def is_stack(path: Path) -> bool:
    """Whether a file is a TIFF with several pages of one size; a preview is smaller. False where it cannot be read."""
    try:
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            if data[:4] not in (*_CLASSIC, *_BIG) or _directory(data)[1] == 0:
                return False
        with TiffFile(path) as tiff:
            return len(full_pages(tiff)) > 1
    except Exception:  # tifffile passes on what its readers of makers' own tags raise; reading reports it
        return False


def page_count(data: bytes, most: int) -> int:
    """How many pages a TIFF has that `read_header` has taken; `most` where there are more, or they go in a circle."""
    count, (_, following) = 1, _directory(data)
    try:
        while following and count < most:
            count, (_, following) = count + 1, _directory(data, following)
    except (struct.error, ValueError) as error:
        raise ValueError("is truncated or damaged: the directory of a page cannot be read") from error
    return count


def full_pages(file: TiffFile) -> list[TiffPage | TiffFrame]:
    return [page for page in file.pages if page.shape == file.pages.first.shape]


def channels_fault(file: TiffFile) -> str | None:
    """Why the pages are not the slices of one volume, by what ImageJ, OME or tifffile says of their axes, completing
    "the file …"; None where they may be."""
    first = file.series[0]
    sides = zip(first.axes, first.shape, strict=True)
    axes = [f"{count} {_AXES.get(axis, axis)}" for axis, count in sides if count > 1 and axis not in "YXS"]
    if len(axes) < 2 and not any(axis.endswith("channels") for axis in axes):
        return None
    remedy = "save each sequence as a file of its own, or each slice as RGB (pre-contrast, FLAIR, post-contrast)"
    return f"has pages of {' x '.join(axes)}, where pages are slices; {remedy}"


def _directory(data: bytes | mmap, at: int | None = None) -> tuple[list[int], int]:
    """The tags of the page whose directory is `at` a byte, else of the first, and where the next page's is, or 0.

    tifffile leaves out entries that it cannot read, where a decoder might read them: all are here.
    """
    order, big = "<" if data[:2] == b"II" else ">", data[:4] in _BIG
    (first,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    offset = first if at is None else at
    count, entry, link = ("Q", "H18x", "Q") if big else ("H", "H10x", "I")
    (entries,) = struct.unpack_from(order + count, data, offset)
    if entries > len(data) // 12:
        raise ValueError("more entries than bytes")
    layout = order + entries * entry + link
    *tags, next_page = struct.unpack_from(layout, data, offset + struct.calcsize(count))
    return tags, next_page


def _what_else(data: bytes) -> str:
    if not data:
        return "is empty (zero bytes)"
    start = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "is a web page saved under a TIFF's name"
    if data.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the file itself"
    return "is not a TIFF"
