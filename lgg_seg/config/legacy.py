"""Old names in recorded configs, of a run folder or a zoo card written before a renaming, under today's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

TARGETS: dict[str, str] = {}
"""Old `_target_` → today's. Entries are never removed: folders live longer than code."""

KEYS: dict[str, tuple[str, ...]] = {}
"""Old dotted key, its group first (`trainer.accumulate`) → today's key or keys, each of which gets the value."""


def upgraded(
    config: DictConfig | Mapping[str, Any],
    targets: Mapping[str, str] = TARGETS,
    keys: Mapping[str, Sequence[str]] = KEYS,
) -> DictConfig:
    """A copy of a recorded config under today's names; a current one is equal to its copy, and no default is filled in.

    A key that is there under today's name as well keeps today's value.
    """
    content: DictConfig = OmegaConf.create(_retargeted(_plain(config), targets))
    for old, new in keys.items():
        *parents, name = old.split(".")
        parent = OmegaConf.select(content, ".".join(parents)) if parents else content
        if not isinstance(parent, DictConfig) or name not in parent:
            continue
        value = parent.pop(name)
        for key in new:
            if not _holds(content, key):
                OmegaConf.update(content, key, value)
    return content


def upgraded_overrides(
    overrides: Sequence[str],
    targets: Mapping[str, str] = TARGETS,
    keys: Mapping[str, Sequence[str]] = KEYS,
) -> list[str]:
    """Recorded overrides (`+trainer.accumulate=2`) under today's names, in their order."""
    result: list[str] = []
    for override in overrides:
        left, equals, value = override.partition("=")
        key = left.lstrip("+~")
        sign = left[: len(left) - len(key)]
        if key.endswith("_target_"):
            value = targets.get(value, value)
        result += [f"{sign}{new}{equals}{value}" for new in keys.get(key, (key,))]
    return result


def renamed(key: str, keys: Mapping[str, Sequence[str]] = KEYS) -> str | None:
    """Today's name or names of an old dotted key, as a sentence lists them; None for a key that was not renamed."""
    return " and ".join(keys[key]) if key in keys else None


def _plain(config: DictConfig | Mapping[str, Any]) -> Any:
    return OmegaConf.to_container(config) if isinstance(config, DictConfig) else config


def _holds(config: DictConfig, key: str) -> bool:
    *parents, name = key.split(".")
    parent = OmegaConf.select(config, ".".join(parents)) if parents else config
    return isinstance(parent, DictConfig) and name in parent


def _retargeted(node: Any, targets: Mapping[str, str]) -> Any:
    if isinstance(node, Mapping):
        return {
            key: targets.get(value, value) if key == "_target_" else _retargeted(value, targets)
            for key, value in node.items()
        }
    return [_retargeted(part, targets) for part in node] if isinstance(node, list) else node
