"""What a TIFF of unknown origin may be before its pixels are decoded."""

from __future__ import annotations

from lgg_seg.app.limits import MAX_FILE, MAX_SIDE, MB
from lgg_seg.data.kaggle.tiff import read_header


def slice_shape(data: bytes) -> tuple[int, int]:
    """Height and width in pixels of a TIFF file that is safe to decode.

    Raises:
        ValueError: it is none, or too large, or its directory could make a decoder take more memory than the shape
            says. The message completes "the file …".
    """
    if len(data) > MAX_FILE:
        raise ValueError(f"is larger than {MAX_FILE // MB} MB, which no slice is")
    if data[:2] == b"\x1f\x8b" or data[344:348] in (b"n+1\x00", b"ni1\x00"):
        raise ValueError("is NIfTI or gzip, which this page does not read; `python -m lgg_seg.predict` reads NIfTI")
    header = read_header(data)
    if header.tile is not None:
        raise ValueError("is stored in tiles, which this page does not read; save it in strips")
    height, width = header.shape
    if max(header.shape) > MAX_SIDE or header.channels > 4:
        raise ValueError(
            f"declares {width} x {height} pixels of {header.channels} channels; the limit is {MAX_SIDE} x {MAX_SIDE}"
        )
    return header.shape
