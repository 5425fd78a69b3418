"""Reading one slice or one mask, within limits; an error says why a file cannot be read."""

import hashlib
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lgg_seg.data.kaggle.pixels import MAX_STACK, Pixels, check_limits, decode_pages, decode_picture, picture_header
from lgg_seg.data.kaggle.streams import MAX_PIXELS
from lgg_seg.data.kaggle.tiff import Header, read_header
from lgg_seg.errors import UserError
from lgg_seg.messages import counted

SEQUENCES = ("pre-contrast", "FLAIR", "post-contrast")  # the channels of a slice
FLAIR = SEQUENCES.index("FLAIR")
MAX_BYTES = 16 * MAX_PIXELS  # nothing larger can be a slice within MAX_PIXELS
MAX_STACK_BYTES = 12 * MAX_STACK

_WANTED = f"3 are read ({', '.join(SEQUENCES)}), or FLAIR alone"


class ImageError(UserError):
    """A file that cannot be used as a slice or mask, by a `reason` that completes "the file …".

    `kind` is `values` for a mask that can be read, but whose values are not a mask's.
    """

    def __init__(self, path: Path | str, reason: str, kind: Literal["unreadable", "values"] = "unreadable") -> None:
        super().__init__(f"{path} {reason}; restore the file from its source or remove the slice")
        self.reason, self.kind = reason, kind


def read_slice(path: Path) -> tuple[NDArray[np.uint8], bool]:
    """Read a slice of a data set, and whether it is FLAIR alone, which is in each channel then.

    uint8 (H, W, 3), channels pre-contrast, FLAIR, post-contrast (the file's own order); else an ImageError says why.
    """
    decoded = _decode(_bytes(path), path)
    return (np.repeat(decoded[..., None], 3, axis=2), True) if decoded.ndim == 2 else (decoded, False)


def read_scan(path: Path) -> Pixels:
    """Read a slice to predict on, TIFF, PNG or JPEG: (H, W, 3) of any numbers; of FLAIR alone, FLAIR in each channel.

    A fourth channel is transparency and left out. Errors as `read_slice`.
    """
    return decode_scan(_bytes(path), path)


def read_stack(path: Path) -> Pixels:
    """Read the pages of a TIFF as the slices of a volume, (D, H, W, 3); details and errors as `read_scan`."""
    data = _bytes(path, MAX_STACK_BYTES)
    try:
        header = read_header(data)
        check_limits(header)
        return np.stack([_three_channels(page, header) for page in decode_pages(data)])
    except ValueError as error:
        raise ImageError(path, str(error)) from error


def read_mask(path: Path, threshold: int | None = None) -> NDArray[np.uint8]:
    """Read a mask, grey or in grey colours: uint8 (H, W), 1 for tumour, of {0, 255} or {0, 1}, or above `threshold`."""
    return mask_of(_decode(_bytes(path), path, is_mask=True), path, threshold)


def decode_scan(data: bytes, name: Path | str) -> Pixels:
    """`read_scan` of a file's contents; `name` stands in the error."""
    try:
        header = picture_header(data, name)
        check_limits(header)
        return _three_channels(decode_picture(data, header), header)
    except ValueError as error:
        raise ImageError(name, str(error)) from error


def _three_channels(decoded: Pixels, header: Header) -> Pixels:
    if decoded.dtype.kind not in "biuf":
        raise ValueError(f"holds {decoded.dtype} pixels, where numbers are read")
    if decoded.dtype.kind == "b":
        decoded = decoded.astype(np.uint8) * 255
    if decoded.ndim not in (2, 3):  # as a tag that counts samples or depth may say
        raise ValueError("is damaged: its pixels are no picture's")
    count = 1 if decoded.ndim == 2 else decoded.shape[2]
    opaque = count == 4 and (header.alpha or decoded[..., 3].min() == decoded[..., 3].max())
    if count not in (1, 3) and not opaque:
        raise ValueError(f"has {counted(count, 'channel')}, where {_WANTED}")
    return np.repeat(decoded.reshape(*decoded.shape[:2], 1), 3, axis=2) if count == 1 else decoded[..., :3]


def in_grey(pixels: Pixels) -> Pixels:
    """The one channel (…) of a picture (…, C) whose colours, opaque or not, are grey; another picture as it is."""
    colours = pixels[..., :3]
    is_grey = pixels.shape[-1] in (3, 4) and bool((colours == colours[..., :1]).all())
    return colours[..., 0] if is_grey else pixels


def mask_of(mask: NDArray[np.uint8], name: Path | str, threshold: int | None = None) -> NDArray[np.uint8]:
    """Decoded values of a mask, of any shape, as 0 and 1; details and errors as `read_mask`."""
    if threshold is not None:
        return (mask > threshold).astype(np.uint8)
    tumour = np.minimum(mask, 1)
    if not np.array_equal(tumour * mask.max(), mask) or mask.max() not in (0, 1, 255):
        listed = ", ".join(str(v) for v in np.unique(mask)[:6])
        raise ImageError(name, f"holds the values {listed}, where a mask holds 0 and 255 (or 0 and 1)", "values")
    return tumour


def checksum(pixels: bytes) -> str:
    """16 hexadecimal digits of a decoded array's pixels (`tobytes`), the same however the file stores them."""
    return hashlib.blake2b(pixels, digest_size=8).hexdigest()


def _bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    try:
        if path.stat().st_size > limit:
            raise ImageError(path, f"is larger than {limit} bytes")
        return path.read_bytes()
    except OSError as error:
        raise ImageError(path, f"cannot be opened ({error.strerror})") from error


def _decode(data: bytes, name: Path, *, is_mask: bool = False) -> NDArray[np.uint8]:
    """8-bit pixels of one TIFF page, or of what the name says is a PNG or JPEG, (H, W) or (H, W, C)."""
    try:
        header = picture_header(data, name)
        check_limits(header)
        if header.multipage:
            raise ValueError("holds several pages, where one file is one slice")
        if header.bits not in (1, 8) and header.end <= len(data):
            raise ValueError(f"has {header.bits} bits a channel, where 8 are read")
        decoded = decode_picture(data, header)
    except ValueError as error:
        raise ImageError(name, str(error)) from error
    if is_mask and decoded.ndim == 3:
        decoded = in_grey(decoded)
    count = 1 if decoded.ndim == 2 else decoded.shape[2]
    if count not in ((1,) if is_mask else (1, 3)):
        raise ImageError(name, f"has {counted(count, 'channel')}, where {'a mask has 1' if is_mask else _WANTED}")
    if decoded.dtype != np.uint8:
        raise ImageError(name, f"holds {decoded.dtype} pixels, where uint8 is read")
    return np.asarray(decoded, dtype=np.uint8)
