"""The output folder of a prediction: a new one, in which every file appears whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lgg_seg.errors import UserError
from lgg_seg.files import writable
from lgg_seg.runs.folder import AtomicFolder

LZW = 5  # TIFF's compression that every reader knows; masks shrink to nearly nothing


class OutputFolder(AtomicFolder):
    """Writes below `path`, which is made and must hold nothing yet."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "free some space or choose another output=.")
        self._written: set[str] = set()
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise UserError(f"{path} is not empty, and nothing is overwritten; name a new folder with output=.")
        with writable(self.path, self.remedy):
            self.path.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """A temporary path beside `name`, renamed to it when the block ends well; each name but once."""
        # Without case, as some file systems compare names: what would be overwritten there is refused on all.
        if name.casefold() in self._written:
            twice = "would be written twice: two files of the input have one name; rename one"
            raise UserError(f"{self.path / name} {twice}.")
        self._written.add(name.casefold())
        with super().writing(name) as partial:
            yield partial

    def write_image(self, name: str, pixels: NDArray[np.uint8]) -> None:
        """Write (H, W) or RGB (H, W, 3) in the format of the name's ending: TIFF or PNG."""
        with self.writing(name) as path:
            path.write_bytes(encode_image(pixels, path.suffix))


def encode_image(pixels: NDArray[np.uint8], ending: str) -> bytes:
    """(H, W) or RGB (H, W, 3) encoded in the format of an `ending`: `.tif` or `.png`."""
    ordered = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(ending, ordered, [cv2.IMWRITE_TIFF_COMPRESSION, LZW])
    return bytes(encoded.tobytes())
