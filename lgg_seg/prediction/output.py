"""The output folder of a prediction: a new one, or an interrupted job's; every file appears whole or not at all."""

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tifffile import imwrite

from lgg_seg.errors import UserError
from lgg_seg.files import writable
from lgg_seg.prediction.journal import Finished, Journal
from lgg_seg.runs.folder import AtomicFolder
from lgg_seg.runs.status import LOCK, locked
from lgg_seg.scans.marks import JOURNAL, MARK

_AFTER_IHDR = 33  # bytes of PNG's signature and first chunk
MAX_NAME = 200  # bytes of a file's name: disks take 255, and the name that it has while it is written is longer
_HEAD, _TAIL = 120, 40  # bytes of a longer one that stay


class OutputFolder(AtomicFolder):
    """Writes below `path`, which is made; it must hold nothing yet, or a job that was interrupted."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "free some space or choose another output=.")
        self._written: set[str] = set()
        self._journal: Journal | None = None
        fresh = not self.path.exists() or (self.path.is_dir() and not any(self.path.iterdir()))
        if not fresh and not (self.path / JOURNAL).is_file():
            raise UserError(f"{path} is not empty, and nothing is overwritten; name a new folder with output=.")
        with writable(self.path, self.remedy):
            self.path.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def job(self) -> Iterator[Journal]:
        """The journal of what is written inside; it goes when the block ends well, else another process can go on."""
        with writable(self.path, self.remedy):
            (self.path / JOURNAL).touch()  # before the lock, whose file alone would make the folder a foreign one
        with locked(self):
            self.remove_partial_files()
            self._journal = Journal(self)
            yield self._journal
            with writable(self.path, self.remedy):
                self._journal.close()
                (self.path / LOCK).unlink()

    def keep(self, done: Finished) -> None:
        """Leave the files of a volume as they are."""
        self._written.update(name.casefold() for name in done.files)

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """A temporary path beside `name`, renamed to it when the block ends well; each name but once."""
        name = "/".join(map(_fitting, name.split("/")))
        # Without case, as some file systems compare names: what would be overwritten there is refused on all.
        if name.casefold() in self._written:
            twice = "would be written twice: two files of the input have one name; rename one"
            raise UserError(f"{self.path / name} {twice}.")
        self._written.add(name.casefold())
        if self._journal:
            self._journal.begin(name)
        with super().writing(name) as partial:
            yield partial

    def write_tiff(self, name: str, pixels: NDArray[Any]) -> None:
        """Write (H, W), or pages (D, H, W), of any numbers as a TIFF with zlib's compression."""
        with self.writing(name) as path:
            imwrite(path, pixels, photometric="minisblack", compression="zlib", software=MARK)

    def write_image(self, name: str, pixels: NDArray[np.uint8]) -> None:
        """Write (H, W) or RGB (H, W, 3) in the format of the name's ending: TIFF or PNG."""
        with self.writing(name) as path:
            path.write_bytes(encode_image(pixels, path.suffix))


def _fitting(name: str) -> str:
    """A folder's or file's name; of one that is too long for a disk, a digest stands in for the middle."""
    content = os.fsencode(name)
    if len(content) <= MAX_NAME:
        return name
    head, tail = (part.decode(errors="ignore") for part in (content[:_HEAD], content[-_TAIL:]))
    return f"{head}~{hashlib.sha256(content).hexdigest()[:8]}~{tail}"


def encode_image(pixels: NDArray[np.uint8], ending: str) -> bytes:
    """(H, W) or RGB (H, W, 3) encoded in the format of an `ending`: `.tif` or `.png`."""
    if ending != ".png":
        file = BytesIO()  # every reader knows LZW, and masks shrink to nearly nothing
        imwrite(file, pixels, photometric="minisblack" if pixels.ndim == 2 else "rgb", compression="lzw", software=MARK)
        return file.getvalue()
    ordered = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(ending, ordered)[1].tobytes()
    text = b"tEXtSoftware\0" + MARK.encode()
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    return encoded[:_AFTER_IHDR] + chunk + encoded[_AFTER_IHDR:]
