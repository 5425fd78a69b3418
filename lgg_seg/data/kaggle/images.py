"""Reading one slice or one mask, within limits; an error says why a file cannot be read."""

import hashlib
from math import prod
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from lgg_seg.data.kaggle.tiff import read_header
from lgg_seg.errors import UserError

SEQUENCES = ("pre-contrast", "FLAIR", "post-contrast")  # the channels of a slice
MAX_PIXELS = 4096 * 4096  # a 574 KB file can declare 400 MB; MR slices stay below 1024²
MAX_BYTES = 16 * MAX_PIXELS  # nothing larger can be an 8-bit slice within MAX_PIXELS

_WANTED = {
    (3,): f"3 are read ({', '.join(SEQUENCES)})",
    (1,): "a mask has 1",
    (1, 3): f"3 are read ({', '.join(SEQUENCES)}), or FLAIR alone",
}

# OpenCV prints what libtiff says about a damaged file on stderr; every such file is reported by us, with its name.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


class ImageError(UserError):
    """A file that cannot be used as a slice or mask.

    `reason` completes the sentence "the file …"; `kind` is `values` for a mask that can be read, but whose values are
    not a mask's.
    """

    def __init__(self, path: Path | str, reason: str, kind: Literal["unreadable", "values"] = "unreadable") -> None:
        super().__init__(f"{path} {reason}; restore the file from its source or remove the slice")
        self.reason, self.kind = reason, kind


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read a slice: uint8 (H, W, 3), channels pre-contrast, FLAIR, post-contrast (the file's own order).

    Raises:
        ImageError: if the file is missing, empty, no TIFF, truncated, larger than `MAX_PIXELS`, not 8-bit, or has
            not three channels.
    """
    return decode_scan(_bytes(path), path, channels=(3,))


def read_scan(path: Path) -> NDArray[np.uint8]:
    """`read_image` for a slice to predict on, which may also be FLAIR alone: then uint8 (H, W, 3), FLAIR in each."""
    return decode_scan(_bytes(path), path)


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Read a mask: uint8 (H, W) with 1 where there is tumour, whether the file says {0, 255} or {0, 1}."""
    return decode_mask(_bytes(path), path)


def decode_scan(data: bytes, name: Path | str, *, channels: tuple[int, ...] = (1, 3)) -> NDArray[np.uint8]:
    """`read_scan` of a file's contents, for an upload; `name` stands in the error."""
    decoded = _decode(data, name, channels=channels)
    code = cv2.COLOR_GRAY2RGB if decoded.ndim == 2 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(decoded, code), dtype=np.uint8)


def decode_mask(data: bytes, name: Path | str) -> NDArray[np.uint8]:
    """`read_mask` of a file's contents, for an upload; `name` stands in the error."""
    mask = _decode(data, name, channels=(1,))
    tumour = np.minimum(mask, 1)
    if not np.array_equal(tumour * mask.max(), mask) or mask.max() not in (0, 1, 255):
        listed = ", ".join(str(v) for v in np.unique(mask)[:6])
        raise ImageError(name, f"holds the values {listed}, where a mask holds 0 and 255 (or 0 and 1)", "values")
    return tumour


def checksum(pixels: bytes) -> str:
    """16 hexadecimal digits of a decoded array's pixels (`tobytes`), the same however the file stores them."""
    return hashlib.blake2b(pixels, digest_size=8).hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ImageError(path, f"is larger than {MAX_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise ImageError(path, f"cannot be opened ({error.strerror})") from error


def _decode(data: bytes, name: Path | str, *, channels: tuple[int, ...]) -> NDArray[np.uint8]:
    try:
        header = read_header(data)
    except ValueError as error:
        raise ImageError(name, str(error)) from error
    height, width = header.shape
    if max(prod(header.shape), prod(header.tile or (0,))) > MAX_PIXELS or header.channels > 4:
        raise ImageError(
            name,
            f"declares {height} x {width} pixels of {header.channels} channels"
            f"{' in larger tiles' if header.tile else ''}; the limit is 4096 x 4096",
        )
    if header.multipage:
        raise ImageError(name, "holds several pages, where one file is one slice")
    if header.end > len(data):
        raise ImageError(name, f"is truncated: {len(data)} of at least {header.end} bytes are there")
    if header.bits not in (1, 8):
        raise ImageError(name, f"has {header.bits} bits a channel, where 8 are read")
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # raised where the file's own tags contradict one another
        decoded = None
    if decoded is None or decoded.shape[:2] != header.shape:
        raise ImageError(name, "is damaged: its pixels cannot be decoded")
    count = 1 if decoded.ndim == 2 else decoded.shape[2]
    if count not in channels:
        wanted = _WANTED[channels]
        raise ImageError(name, f"has {count} channel{'s' * (count > 1)}, where {wanted}")
    if decoded.dtype != np.uint8:
        raise ImageError(name, f"holds {decoded.dtype} pixels, where uint8 is read")
    return np.asarray(decoded, dtype=np.uint8)
