"""The folder that predictions go to: a fresh one, every file of it whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgg_seg.errors import UserError
from lgg_seg.files import replacing, writable

LZW = 5  # what a mask shrinks to nearly nothing by, and every reader of TIFF knows
REMEDY = "free some space or choose another output=."


class OutputFolder:
    """Writes below `path`, which is made and must hold nothing yet.

    Raises:
        UserError: it holds something, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._written: set[str] = set()
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise UserError(f"{path} is not empty, and nothing is overwritten; name a new folder with output=.")
        with writable(self.path, REMEDY):
            self.path.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """A temporary path beside `name`, renamed to it when the block ends well; each name but once."""
        target = self.path / name
        # By the least that file systems tell apart: what one would overwrite is refused on all.
        if name.casefold() in self._written:
            raise UserError(f"{target} would be written twice: two files of the input have one name; rename one.")
        self._written.add(name.casefold())
        with writable(target, REMEDY), replacing(target) as partial:
            yield partial

    def write_image(self, name: str, pixels: NDArray[np.uint8]) -> None:
        """Write (H, W) or RGB (H, W, 3) in the format that the name's ending says: TIFF or PNG."""
        with self.writing(name) as path:
            path.write_bytes(encode_image(pixels, path.suffix))

    def write_table(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write `rows` as CSV; None leaves a cell empty."""
        with self.writing(name) as path:
            pd.DataFrame(list(rows)).to_csv(path, index=False)

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write `content`; NaN and infinity are not JSON and are refused."""
        with self.writing(name) as path:
            path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def encode_image(pixels: NDArray[np.uint8], ending: str) -> bytes:
    """The content of a file of (H, W) or RGB (H, W, 3) whose format its `ending` says: `.tif` or `.png`."""
    ordered = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(ending, ordered, [cv2.IMWRITE_TIFF_COMPRESSION, LZW])
    return bytes(encoded.tobytes())
