"""Files that appear whole or not at all, and one sentence where a file cannot be written."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lgg_seg.errors import UserError


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A temporary path beside `target`, renamed to it when the block ends well; it has the same suffix."""
    partial = target.with_name(f".partial-{os.getpid()}-{target.name}")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        _flush(partial)
        partial.replace(target)
        _flush(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Have the disk hold a file, or the names in a folder: a power cut would leave an empty file under the name."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_space(folder: Path, needed: int, what: str, remedy: str) -> None:
    """Refuse to begin what will not fit on the disk of `folder`; `needed` is in bytes."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        sizes = f"{needed / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free"
        raise UserError(f"{what} needs about {sizes} on the disk of {folder}; {remedy}")


@contextmanager
def writable(path: Path, remedy: str) -> Iterator[None]:
    """An OSError inside becomes a UserError that names `path`, the reason and the `remedy`."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror or error}); {remedy}") from error
