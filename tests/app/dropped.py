"""Files as people drop them, made in memory: TIFF slices, masks, zips of them, and a phantom patient."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Members = Mapping[str, bytes] | Sequence[tuple[str | zipfile.ZipInfo, bytes]]
RNG = np.random.default_rng(0)


def tiff(pixels: NDArray[np.uint8], compression: str | None = None) -> bytes:
    """Written by another library than the one that reads."""
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "TIFF", compression=compression)
    return stream.getvalue()


def image(height: int = 16, width: int = 12) -> NDArray[np.uint8]:
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def mask(height: int = 16, width: int = 12, tumour: int = 255) -> NDArray[np.uint8]:
    found = np.zeros((height, width), np.uint8)
    found[3:7, 2:9] = tumour
    return found


def zipped(members: Members, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = BytesIO()
    pairs = members.items() if isinstance(members, Mapping) else members
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in pairs:
            archive.writestr(name, content)
    return stream.getvalue()


def raw_tiff(shape_tags: Sequence[tuple[int, int]], offset_tag: int, pixels: bytes) -> bytes:
    """A grey, deflated TIFF whose directory says what its maker wants.

    Args:
        shape_tags: (tag, value) of whatever says how large it is, in the directory's order.
        offset_tag: under which the place of the pixels stands: 273 of strips, 324 of tiles.
        pixels: before they are deflated.
    """
    body = zlib.compress(pixels, 9)
    fixed = [(258, 8), (259, 8), (262, 1), (277, 1)]  # bits, deflate, black is zero, one channel
    start = 8 + 2 + 12 * (len(shape_tags) + len(fixed) + 2) + 4
    lengths_tag = {273: 279, 324: 325}[offset_tag]
    tags = sorted([*shape_tags, *fixed, (offset_tag, start), (lengths_tag, len(body))], key=lambda tag: tag[0])
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + directory + bytes(4) + body


def patient(root: Path, name: str | None = None) -> dict[str, bytes]:
    """The files of a phantom patient below its tree, by their paths there."""
    folder = root / name if name else sorted(path for path in root.iterdir() if path.is_dir())[0]
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(folder.glob("*.tif"))}
