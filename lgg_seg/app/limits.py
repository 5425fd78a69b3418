"""What the page takes at the most, and the count of what was really read: nothing that a file says of itself counts."""

from __future__ import annotations

from dataclasses import dataclass

MB = 2**20  # as Streamlit counts, so that the page names one number

MAX_UPLOAD = 128 * MB
"""Bytes of all files dropped; a patient of the Kaggle dataset is 23 MB at the most."""

MAX_UNPACKED = 256 * MB
"""Bytes that all archives together may unpack to."""

MAX_FILE = 16 * MB
"""Bytes of a slice: what the largest takes in three channels, and its directory."""

MAX_FILES = 2000
"""Files dropped, and members of an archive."""

MAX_SIDE = 2048
"""Pixels of a slice's longer side."""

MAX_PIXELS = 2**25
"""Of all slices together (512 of 256 x 256), padded to squares as a network sees them. A prediction takes four bytes
a pixel, and what is drawn some more."""

MAX_NAME = 255
"""Characters of a path in an archive."""


class LimitError(Exception):
    """A limit is passed; the message completes the sentence "the file …"."""


@dataclass
class Budget:
    """What may still be read."""

    unpacked: int = MAX_UNPACKED
    pixels: int = MAX_PIXELS

    def take_bytes(self, count: int) -> None:
        """Count bytes that came out of an archive.

        Raises:
            LimitError: there are none left.
        """
        self.unpacked -= count
        if self.unpacked < 0:
            raise LimitError(f"unpacks to more than {MAX_UNPACKED // MB} MB; zip one patient's slices alone")

    def take_pixels(self, count: int) -> None:
        """Count the pixels of a slice that is about to be decoded.

        Raises:
            LimitError: there are none left.
        """
        self.pixels -= count
        if self.pixels < 0:
            raise LimitError(
                f"is beyond the limit of {MAX_PIXELS // 10**6} million pixels in all; drop one patient at a time"
            )
