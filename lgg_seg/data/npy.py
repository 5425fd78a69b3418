"""Writing a `.npy` file piece by piece."""

from __future__ import annotations

import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


class NpyWriter:
    """Writes an array of `rows` rows as they come, and keeps the CRC-32 of the file in `checksum`.

    With ordinary writes, a full disk is an OSError; in a memory-mapped file it would be a signal that ends the
    process.
    """

    def __init__(self, path: Path, rows: int) -> None:
        self.checksum = 0
        self._rows = rows
        self._file = path.open("wb")

    def append(self, array: NDArray[Any]) -> None:
        """Add rows: (n, …), all of one dtype and of one shape from the second axis on."""
        if not self._file.tell():
            header = np.lib.format.header_data_from_array_1_0(array[:0])
            np.lib.format.write_array_header_1_0(self, {**header, "shape": (self._rows, *array.shape[1:])})
        self.write(np.ascontiguousarray(array).tobytes())

    def write(self, data: bytes) -> None:
        """Add bytes to the file and to the checksum."""
        self._file.write(data)
        self.checksum = zlib.crc32(data, self.checksum)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
