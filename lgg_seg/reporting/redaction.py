"""Absolute paths name people and machines; neither the HTML page nor W&B is given one."""

import re
from pathlib import PurePath
from typing import Any

_ABSOLUTE = re.compile(r"(?<![\w.…/\\])(?:~?/|[A-Za-z]:[\\/])(?:[^\s/\\:,;()'\"<>]+[/\\])+([^\s/\\:,;()'\"<>]*)")


def without_paths(text: str) -> str:
    """The text with every absolute path cut down to its last part: `…/best.ckpt`."""
    return _ABSOLUTE.sub(r"…/\1", text)


def without_folders(node: Any) -> Any:
    """Plain containers with every string that is an absolute path cut to its last part: `best.ckpt`."""
    if isinstance(node, dict):
        return {key: without_folders(value) for key, value in node.items()}
    if isinstance(node, list):
        return [without_folders(value) for value in node]
    if isinstance(node, str) and (PurePath(node).is_absolute() or node.startswith("~")):
        return PurePath(node).name
    return node
