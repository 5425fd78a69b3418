"""What an upload may be: limits of size, and safe names. Sizes count what was read, not what a header declares."""

from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath

from lgg_seg.scans.filenames import is_picture, is_tiff

MB = 2**20  # as Streamlit counts, so that the page names one number

MAX_UPLOAD = 128 * MB  # all files dropped; a patient of the Kaggle dataset is 23 MB at the most
MAX_UNPACKED = 256 * MB  # all archives together
MAX_FILE = 16 * MB  # a slice: what the largest takes in three channels, and its directory; volumes have MAX_UPLOAD
MAX_FILES = 2000  # files dropped, and members of an archive
MAX_SIDE = 2048  # pixels of a slice's longer side
# Of all slices together (512 of 256 x 256), padded to squares as a network sees them. A prediction takes four bytes a
# pixel, and the pictures some more.
MAX_PIXELS = 2**25
MAX_NAME = 255  # characters of a path in an archive


def max_file(path: str) -> int:
    return MAX_FILE if is_tiff(path) or is_picture(path) else MAX_UPLOAD


class LimitError(Exception):
    """A limit is passed; the message completes the sentence "the file …"."""


@dataclass
class Budget:
    """Bytes and pixels that may still be read; `LimitError` where there are none left."""

    unpacked: int = MAX_UNPACKED
    pixels: int = MAX_PIXELS

    def take_bytes(self, count: int) -> None:
        """Count bytes that came out of an archive."""
        self.unpacked -= count
        if self.unpacked < 0:
            raise LimitError(f"unpacks to more than {MAX_UNPACKED // MB} MB; zip one patient's slices alone")

    def take_pixels(self, count: int) -> None:
        """Count the pixels of slices that are about to be decoded, padded to squares."""
        self.pixels -= count
        if self.pixels < 0:
            millions = MAX_PIXELS // 10**6
            raise LimitError(f"is beyond the limit of {millions} million pixels in all; drop one patient at a time")


def unsafe_path(path: str) -> str | None:
    """Why a file of this path (with slashes) is refused, completing "the file …"; None for a safe path."""
    if not PurePosixPath(path).name:
        return "has no name"
    if len(path) > MAX_NAME:
        return f"has a path of more than {MAX_NAME} characters"
    if not path.isprintable():
        return "has control characters in its name"
    windows = PureWindowsPath(path)
    if PurePosixPath(path).is_absolute() or windows.drive or windows.root or ".." in path.split("/"):
        return "has a path that leads out of its archive"
    return None
