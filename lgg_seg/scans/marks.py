"""The marks of what an earlier prediction wrote: it is no scan, and no ground truth."""

import os
import zlib
from contextlib import suppress
from pathlib import Path

MARK = "lgg_seg.predict"
"""Stands in every picture that is written, near its beginning: NIfTI's `descrip`, `Software` in TIFF and PNG.

`infer.py` beside an export, which has no library for tags, writes it at the end.
"""
JOURNAL, PER_VOLUME = ".unfinished.jsonl", "per_volume.csv"  # one or the other is in every output folder
OVERLAYS = "overlays"  # a folder in it
_HEADER, _TAIL = 1024, 64  # bytes in which the mark is


def is_marked(path: Path) -> bool:
    """Whether a prediction wrote a file."""
    with suppress(OSError, zlib.error), path.open("rb") as file:
        content = file.read(_HEADER)
        file.seek(max(len(content), file.seek(0, os.SEEK_END) - _TAIL))
        tail = file.read()
        if content.startswith(b"\x1f\x8b"):  # gzip
            content = zlib.decompressobj(wbits=31).decompress(content, _HEADER)
        return MARK.encode() in content + tail
    return False


def is_output(folder: Path) -> bool:
    """Whether a prediction wrote a folder, or one around it."""
    resolved = folder.resolve()
    return any((one / name).is_file() for one in (resolved, *resolved.parents) for name in (JOURNAL, PER_VOLUME))
