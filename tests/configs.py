"""Configs as the command line composes them, each once a process: Hydra takes a fifth of a second for one."""

from __future__ import annotations

import copy
from functools import cache

from omegaconf import DictConfig

from lgg_seg.config.overrides import compose_config


def composed(*overrides: str) -> DictConfig:
    """`compose_config`'s answer, to be changed at will."""
    return copy.deepcopy(_composed(overrides))


@cache
def _composed(overrides: tuple[str, ...]) -> DictConfig:
    return compose_config(overrides)
