"""The pixels of a picture's bytes, in TIFF, PNG or JPEG, upright and with the channels in the file's order."""

import struct
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile, TiffFrame, TiffPage

from lgg_seg.data.kaggle.streams import MAX_PIXELS, jpeg_shape, png_shape, stream_fault
from lgg_seg.data.kaggle.tiff import Header, channels_fault, full_pages, page_count, read_header

Pixels = NDArray[Any]
PICTURES = (".png", ".jpg", ".jpeg")  # the endings of names
MAX_STACK = 2**27  # pixels of a volume: 512³
UNSUSPECTED = 2**24  # 256³: up to here a volume's files may be as small as they like
MAX_PER_BYTE = 100  # pixels; a brain cut out of a large grid of zeros has 50, a file of zeros alone 1,000
USUAL = 6  # bytes of a pixel: three channels of 16 bits; of larger pixels fewer may be in a byte

OPENCV = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}
"""TIFF's compressions that OpenCV decodes; of others it makes black pixels, or nothing. tifffile decodes those."""

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_PNG_END, _JPEG_END = b"IEND\xaeB`\x82", b"\xff\xd9"
_TRANSPOSED = 5  # from this orientation on, rows are stored as columns: TIFF 6.0, section 8

# OpenCV prints what libtiff says about a damaged file on stderr; every such file is reported by us, with its name.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def picture_header(data: bytes, name: Path | str) -> Header:
    """What a TIFF's first page declares, or a PNG or JPEG that is named so; of these only what limits are checked by.

    The message of its ValueError, as of the others here, completes "the file …".
    """
    if not str(name).lower().endswith(PICTURES) or not data.startswith((_PNG, _JPEG)):
        return read_header(data)
    try:
        height, width = jpeg_shape(data) if data.startswith(_JPEG) else png_shape(data)
    except (struct.error, IndexError, ValueError) as error:
        raise ValueError("is truncated or damaged: it does not say its width and height") from error
    if (_PNG_END if data.startswith(_PNG) else _JPEG_END) not in data[-64:]:  # OpenCV fills up what is missing
        raise ValueError("is truncated: its end is missing")
    return Header((height, width), channels=1, alpha=True, bits=8)


def check_limits(header: Header) -> None:
    """Refuse with a ValueError what would take too much memory."""
    height, width = header.shape
    if max(prod(header.shape), prod(header.tile or (0,))) > MAX_PIXELS or header.channels > 4:
        raise ValueError(
            f"declares {height} x {width} pixels of {header.channels} channels"
            f"{' in larger tiles' if header.tile else ''}; the limit is 4096 x 4096"
        )


def size_fault(pixels: int, size: int, each: float = USUAL) -> str | None:
    """Why a volume of so many pixels is not read from files of `size` bytes, completing "the file …": it is too large,
    or unpacks as no scan does. None where it may be read. A pixel takes `each` bytes of memory."""
    if pixels > MAX_STACK:
        return f"is of a volume of {pixels:,} pixels; the limit is 512³"
    if pixels * max(1, each / USUAL) > max(UNSUSPECTED, MAX_PER_BYTE * size):
        reason = f"is of a volume of {pixels:,} pixels in {size / 1e6:.1f} MB, and no scan is so empty"
        return f"{reason}; crop it, or restore it from its source"
    return None


def decode_picture(data: bytes, header: Header) -> Pixels:
    """The pixels of a picture, (H, W) or (H, W, C), of the first page within the limits of `check_limits`."""
    if header.end > len(data):
        raise ValueError(f"is truncated: {len(data)} of at least {header.end} bytes are there")
    if header.multipage:  # refuses a stack that breaks off, which would pass for its first slice
        page_count(data, most=len(data) // 12)  # bytes of the shortest entry
    # OpenCV multiplies colours by what it takes for transparency.
    if header.compression not in OPENCV or header.bits not in (1, 8, 16) or header.channels == 4:
        return decode_pages(data)[0]
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # raised where the file's own tags contradict one another
        decoded = None
    expected = header.shape[::-1] if header.orientation >= _TRANSPOSED else header.shape
    if decoded is None or decoded.shape[:2] != expected:
        raise ValueError("is damaged: its pixels cannot be decoded")
    if decoded.ndim == 2:
        return decoded
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB if decoded.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)


def decode_pages(data: bytes) -> list[Pixels]:
    """The pages of a TIFF that are as large as the first (others are previews), each (H, W) or (H, W, C)."""
    compression = "unknown"
    try:
        with TiffFile(BytesIO(data)) as file:
            first = file.pages.first
            compression = getattr(first.compression, "name", str(first.compression))
            pages = full_pages(file)
            fault = _pages_fault(file, pages, data)
            decoded = [] if fault else [_upright(page.asarray(), page) for page in pages]
    except Exception as error:  # tifffile and its decoders raise anything
        remedy = "restore it from its source, or save it with LZW compression or none"
        raise ValueError(f"cannot be decoded (compression {compression}); {remedy}") from error
    if fault:
        raise ValueError(fault)
    return decoded


def _pages_fault(file: TiffFile, pages: list[TiffPage | TiffFrame], data: bytes) -> str | None:
    first = file.pages.first
    pixels, unpacked = first.imagelength * first.imagewidth * len(pages), sum(page.nbytes for page in pages)
    fault = size_fault(pixels, len(data), unpacked / pixels)
    fault = fault or next(filter(None, (stream_fault(page, data) for page in pages)), None)
    return fault or (channels_fault(file) if len(pages) > 1 else None)


def _upright(pixels: Pixels, page: Any) -> Pixels:
    """A page's pixels with its channels last, turned as its orientation says."""
    if pixels.ndim == 3 and page.planarconfig == 2:
        pixels = np.moveaxis(pixels, 0, -1)
    tag = page.tags.get("Orientation")
    orientation = int(tag.value) if tag else 1
    if orientation >= _TRANSPOSED:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
