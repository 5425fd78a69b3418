"""What makes two cells of a sweep the same run: everything in their configs that may change a result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lgg_seg.runs.identity import NON_RESULT_KEYS


def identity(config: DictConfig) -> dict[str, Any]:
    """The resolved config without what has no effect on the result, as plain containers.

    A config that cannot be resolved, which is about to be refused, is compared as it stands.
    """
    try:
        plain = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException:
        plain = OmegaConf.to_container(config, resolve=False)
    # Through JSON, as a config does that is read back from its file.
    content: dict[str, Any] = json.loads(json.dumps(plain, default=str))
    for key in NON_RESULT_KEYS:
        *parents, name = key.split(".")
        node: Any = content
        for parent in parents:
            node = node.get(parent) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node.pop(name, None)
    data = content.get("data")
    if isinstance(data, dict) and isinstance(data.get("root"), str):
        data["root"] = str(Path(data["root"]).absolute())  # as a run records it
    return content
