"""Which configs make the same run: of two jobs of a sweep, and of two runs that repeat one configuration."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lgg_seg.config.groups import is_below

NON_RESULT_KEYS = ("logger", "trainer.enable_progress_bar", "trainer.threads", "data.workers", "data.cache_dir")
"""Keys, with all below them, that change how a run is watched and how fast it goes, and nothing of its result."""

ADDED_KEYS = {"preprocess.context": 0, "evaluation.tta": False, "evaluation.subset": "test", "data.feed": "host",
              "trainer.compile": False, "model.weights": None,
              "model.align_corners": False, "data.mask_threshold": None}  # fmt: skip
"""Keys that runs from before them lack, each with the value that changes nothing."""

_ROUNDING_KEYS = (  # these change neither the weights nor the numbers but in rounding
    *NON_RESULT_KEYS,
    "name",
    "data.root",
    "trainer.accelerator",
    "trainer.compile",
    "callbacks.epoch_checkpoints",
    "callbacks.validation_images",
)
NON_CONFIGURATION_KEYS = (*_ROUNDING_KEYS, "evaluation.n_bootstrap", "evaluation.batch_size", "seed", "split.fold")
"""Keys, with all below them, in which two runs of one configuration may differ: seeds are averaged, folds merged."""

RESUMABLE_KEYS = (*_ROUNDING_KEYS, "evaluation", "trainer.max_epochs", "trainer.precision")
"""Keys, with all below them, that may change before a run is resumed; others would make it two half runs."""


def changed_keys(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The values of a run's first part and of its next one by dotted key, where they differ and must not."""
    one, other = (_plain_without(RESUMABLE_KEYS, config) for config in (before, now))
    return {key: (one.get(key), other.get(key)) for key in sorted(one | other) if one.get(key) != other.get(key)}


def job_identity(config: DictConfig) -> dict[str, Any]:
    """The resolved config without `NON_RESULT_KEYS`, as plain containers: equal for two jobs that are the same run."""
    try:
        plain = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException:  # it is about to be refused
        plain = OmegaConf.to_container(config, resolve=False)
    # Through JSON, as a config does that is read back from its file.
    content: dict[str, Any] = json.loads(json.dumps(plain, default=str))
    for key in (*NON_RESULT_KEYS, *ADDED_KEYS):
        *parents, name = key.split(".")
        node: Any = content
        for parent in parents:
            node = node.get(parent) if isinstance(node, dict) else None
        if isinstance(node, dict) and (key not in ADDED_KEYS or node.get(name) == ADDED_KEYS[key]):
            node.pop(name, None)
    for group, key in (("data", "root"), ("split", "file")):
        node = content.get(group)
        if isinstance(node, dict) and isinstance(node.get(key), str):
            node[key] = str(Path(node[key]).expanduser().absolute())  # as a run records it
    return content


def configuration_identity(config: Mapping[str, Any]) -> str:
    """The same text for two configs if and only if one repeats the other with another seed or fold."""
    return json.dumps(_plain_without(NON_CONFIGURATION_KEYS, config), sort_keys=True, default=str)


def recipe(config: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a configuration but for its split, by dotted key: equal for a cross-validation's folds and for a run
    that was trained in the same way on other patients."""
    return _plain_without((*NON_CONFIGURATION_KEYS, "split"), config)


def _plain_without(excluded: Sequence[str], config: Mapping[str, Any]) -> dict[str, Any]:
    """A config by dotted key, without some keys, and without added ones whose value changes nothing."""
    flat = {key: value for key, value in flatten(config).items() if not is_below(key, excluded)}
    return {key: value for key, value in flat.items() if key not in ADDED_KEYS or value != ADDED_KEYS[key]}


def in_configuration(key: str) -> bool:
    """Whether a dotted key is part of what makes a configuration."""
    return not is_below(key, NON_CONFIGURATION_KEYS)


def flatten(node: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted keys; lists are values."""
    if not isinstance(node, Mapping):
        return {prefix: node}
    flat: dict[str, Any] = {}
    for name, child in node.items():
        flat |= flatten(child, f"{prefix}.{name}" if prefix else str(name))
    return flat
