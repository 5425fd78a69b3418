"""The file by which a folder is known for a phantom, and how that is written anew."""

import json
import shlex
from pathlib import Path

MARKER = "phantom.json"


def written_anew(root: Path) -> str | None:
    """How the phantom at `root` is written anew, in a clause; None where `root` holds none."""
    try:
        parameters = json.loads((root / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(parameters, dict):
        return None
    words = [f"{key}={value}" for key, value in parameters.items() if key != "version"]
    command = shlex.join(["python", "-m", "lgg_seg.data", "phantom", f"root={root}", *words])
    return f"remove {root}, and {command} writes the phantom anew"
