"""Names that came with an upload: which are refused, and how the others are shown."""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath

from lgg_seg.app.limits import MAX_NAME

_MARKUP = re.compile(r"([!-/:-@\[-`{-~])")  # all ASCII punctuation, which Markdown lets one escape


def unsafe(path: str) -> str | None:
    """Why a file of this path (with slashes) is not taken, completing "the file …"; None where it is.

    Nothing is written by these paths here; they go into the archive of masks and the tables that people download.
    """
    if not PurePosixPath(path).name:
        return "has no name"
    if len(path) > MAX_NAME:
        return f"has a path of more than {MAX_NAME} characters"
    if not path.isprintable():
        return "has control characters in its name"
    windows = PureWindowsPath(path)
    if PurePosixPath(path).is_absolute() or windows.drive or windows.root or ".." in path.split("/"):
        return "has a path that leads out of its archive"
    if path.startswith(("=", "+", "-", "@")):
        return "begins with a sign that spreadsheets take for a formula; rename it"
    return None


def hidden(path: str) -> bool:
    """Whether it is what systems leave behind in folders (`.DS_Store`, `__MACOSX/`), not what anybody dropped."""
    parts = path.replace("\\", "/").split("/")
    return "__MACOSX" in parts or (parts[-1].startswith(".") and parts[-1] != "..")


def plain(text: str) -> str:
    """Text as Streamlit's Markdown shows it unchanged: a file's name may be a picture's address or a formula."""
    return _MARKUP.sub(r"\\\1", text)
