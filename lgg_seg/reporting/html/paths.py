"""No absolute path of the machine stands in the page: it would tell strangers about it and help nobody."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote

_ABSOLUTE = re.compile(r"(?<![\w.…/\\])(?:~?/|[A-Za-z]:[\\/])(?:[^\s/\\:,;()'\"<>]+[/\\])+([^\s/\\:,;()'\"<>]*)")


def without_paths(text: str) -> str:
    """The text with every absolute path cut down to its last part: `…/best.ckpt`."""
    return _ABSOLUTE.sub(r"…/\1", text)


def link(target: Path, page: Path) -> str | None:
    """The folder `target` as a relative URL from the page; None where none leads there (another drive)."""
    try:
        relative = os.path.relpath(target, page.resolve().parent)
    except ValueError:
        return None
    return quote(Path(relative).as_posix()) + "/"
