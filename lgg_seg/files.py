"""Files that appear whole or not at all, and one sentence where a file cannot be written."""

import os
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
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def writable(path: Path, remedy: str) -> Iterator[None]:
    """An OSError inside becomes a UserError that names `path`, the reason and the `remedy`."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror or error}); {remedy}") from error
