"""Configs as the command line composes them, each choice of members once a process: Hydra takes a fifth of a second."""

from __future__ import annotations

import copy
from functools import cache
from typing import ClassVar

from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig

from lgg_seg.config.groups import CONFIG_NAME, conf_dir, groups
from lgg_seg.config.overrides import without_hydra


def composed(*overrides: str) -> DictConfig:
    """`compose_config`'s answer, to be changed at will."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    choices = tuple(one.input_line or "" for one in parsed if one.key_or_group in groups())
    config = copy.deepcopy(_chosen(choices))
    ConfigLoaderImpl._apply_overrides_to_config([one for one in parsed if one.key_or_group not in groups()], config)
    return without_hydra(config)


class ReadOnce(ConfigRepository):
    """Hydra's own, which reads each file once a process; a composition changes what it is given, hence the copies."""

    _read: ClassVar[dict[str, ConfigResult | None]] = {}

    def load_config(self, config_path: str) -> ConfigResult | None:
        if config_path not in self._read:
            self._read[config_path] = super().load_config(config_path)
        return copy.deepcopy(self._read[config_path])


@cache
def _chosen(choices: tuple[str, ...]) -> DictConfig:
    GlobalHydra.instance().clear()  # a test may be within a Hydra of its own
    with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="lgg_seg"):
        loader = GlobalHydra.instance().config_loader()
        assert isinstance(loader, ConfigLoaderImpl)
        loader.repository = ReadOnce(loader.config_search_path)
        return compose(CONFIG_NAME, overrides=list(choices), return_hydra_config=True)
