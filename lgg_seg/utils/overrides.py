"""The command line held against the config groups before Hydra starts, so that a mistyped word names its neighbour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from lgg_seg.errors import UserError
from lgg_seg.utils.check import check_config
from lgg_seg.utils.conf import CONFIG_NAME, conf_dir, groups
from lgg_seg.utils.instantiate import TARGET
from lgg_seg.utils.nearest import did_you_mean

OPTIONAL = ("experiment", "debug")  # groups of which no member may be chosen


def compose_config(overrides: Sequence[str] = ()) -> DictConfig:
    """The config that `python -m lgg_seg <overrides>` would train with."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="lgg_seg"):
        config = compose(CONFIG_NAME, overrides=list(overrides), return_hydra_config=True)
    before = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(config)  # `name` asks Hydra which model was chosen
    with read_write(config), open_dict(config):
        config.name = config.name
        del config["hydra"]
    HydraConfig.instance().cfg = before
    return config


def check_overrides(arguments: Sequence[str], *, sweep: bool) -> None:
    """Refuse an override that names no group, no member, no key, or gives a value of the wrong type.

    In a sweep, values are checked job by job when it runs, because one wrong cell must not stop the others.

    Raises:
        UserError: with the nearest right word.
    """
    try:
        overrides = OverridesParser.create().parse_overrides(list(arguments))
    except OverrideParseException as error:
        raise UserError(
            f"{error.override!r} is not an override of the form key=value. Put quotes around special characters."
        ) from error
    overrides = [o for o in overrides if not o.key_or_group.startswith("hydra")]
    members = groups()
    for override in overrides:
        if override.is_sweep_override() and not sweep:
            raise UserError(f"{override.input_line} gives several values; put -m before it to run a sweep.")
        if override.key_or_group in members:
            _check_members(override, members[override.key_or_group])
    chosen = [_first_choice(o) for o in overrides if o.key_or_group in members]
    try:
        config = compose_config(chosen)
    except HydraException as error:
        raise UserError(" ".join(str(error).split())) from error
    for override in overrides:
        if override.key_or_group not in members:
            _check_key(override, config, members)
    if not sweep:
        plain = [o.input_line or "" for o in overrides]
        try:
            config = compose_config(plain)
        except HydraException as error:
            raise UserError(" ".join(str(error).split())) from error
        check_config(config)


def _values(override: Override) -> list[str]:
    if override.is_sweep_override():
        return [str(value) for value in override.sweep_string_iterator()]
    value = override.value()
    return [value.text if isinstance(value, QuotedString) else str(value)]


def _first_choice(override: Override) -> str:
    if override.is_delete():
        return override.input_line or ""
    return "=".join((override.key_or_group, _values(override)[0]))


def _check_members(override: Override, members: Sequence[str]) -> None:
    if override.is_delete():
        return
    for value in _values(override):
        left_out = value in ("None", "null") and override.key_or_group in OPTIONAL
        if value not in members and not left_out:
            raise UserError(f"{override.key_or_group}={value}: no such choice; {did_you_mean(value, members)}")


def _check_key(override: Override, config: DictConfig, members: dict[str, Any]) -> None:
    key = override.key_or_group
    known = [*_keys(config), *members, "resume"]
    if key not in known:
        added = " (a key that nothing reads cannot be added)" if override.is_add() else ""
        raise UserError(f"{key}: no such key{added}; {did_you_mean(key, known)}")
    if override.is_add():
        raise UserError(f"+{key}: the key exists, write {key}=… without the plus.")


def _keys(config: DictConfig, prefix: str = "") -> list[str]:
    names: list[str] = []
    for name in (word for word in map(str, config) if word != TARGET):
        key = f"{prefix}{name}"
        names.append(key)
        child = OmegaConf.select(config, name, throw_on_resolution_failure=False)
        if isinstance(child, DictConfig):
            names.extend(_keys(child, f"{key}."))
    return names


def run_folder_argument(arguments: Sequence[str]) -> Path | None:
    """The folder in `resume=RUN`, which must stand alone: a resumed run keeps its own config.

    Raises:
        UserError: other overrides stand beside it, or it is empty.
    """
    folders = [argument.partition("=")[2] for argument in arguments if argument.startswith("resume=")]
    if not folders:
        return None
    if len(arguments) > 1:
        others = " ".join(argument for argument in arguments if not argument.startswith("resume="))
        raise UserError(f"resume= goes on with the run's own config; take away {others}, or start a new run with it.")
    if not folders[0]:
        raise UserError("resume= needs the folder of a run, for example resume=runs/unet_bn/2026-01-31_12-00-00.")
    return Path(folders[0])
