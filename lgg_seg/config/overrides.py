"""The command line held against the config groups before Hydra starts, so that a mistyped word names its neighbour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, ValueType
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from lgg_seg.config.groups import CONFIG_NAME, conf_dir, groups
from lgg_seg.config.instantiate import TARGET
from lgg_seg.config.legacy import renamed
from lgg_seg.config.suggestions import did_you_mean
from lgg_seg.config.validation import check_config
from lgg_seg.errors import UserError

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


def check_overrides(arguments: Sequence[str], *, sweep: bool, values: bool = True) -> None:
    """Refuse an override that names no group, no member, no key, or gives a value of the wrong type.

    In a sweep, values are checked job by job when it runs, because one wrong cell must not stop the others. With
    `values=False` no type is checked: types are those of the code behind the config, whose import takes seconds.

    Raises:
        UserError: with the nearest right word.
    """
    try:
        overrides = OverridesParser.create().parse_overrides(list(arguments))
    except OverrideParseException as error:
        raise UserError(
            f"{error.override!r} is not an override of the form key=value. Put quotes around special characters."
        ) from error
    hydra_overrides = [o for o in overrides if o.is_hydra_override()]
    overrides = [o for o in overrides if not o.is_hydra_override()]
    members = groups()
    for override in overrides:
        if override.is_sweep_override() and not sweep:
            raise UserError(f"{override.input_line} gives several values; put -m before it to run a sweep.")
        if override.key_or_group == "sweep" and not override.is_delete():
            _check_sweep(override, sweep=sweep)
        if override.key_or_group in members:
            _check_members(override, members[override.key_or_group])
    ready_made = [_first_choice(o) for o in overrides if o.key_or_group == "sweep"]
    _check_hydra(hydra_overrides, ready_made)
    of_groups = [o for o in (*_params(ready_made), *overrides) if o.key_or_group in members]
    chosen = list({o.key_or_group: _first_choice(o) for o in of_groups}.values())
    try:
        config = compose_config(chosen)
    except HydraException as error:
        raise UserError(" ".join(str(error).split())) from error
    for override in overrides:
        if override.key_or_group not in members:
            _check_key(override, config, members)
    if values and not sweep:
        plain = [o.input_line or "" for o in overrides]
        try:
            config = compose_config(plain)
        except HydraException as error:
            raise UserError(" ".join(str(error).split())) from error
        check_config(config)


def _params(ready_made: Sequence[str]) -> list[Override]:
    """The keys and values of a ready-made sweep, which may choose groups, too."""
    if not ready_made:
        return []
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="lgg_seg"):
        sweeper = compose(CONFIG_NAME, overrides=list(ready_made), return_hydra_config=True).hydra.sweeper
    return OverridesParser.create().parse_overrides([f"{key}={value}" for key, value in sweeper.params.items()])


def _check_hydra(overrides: Sequence[Override], ready_made: Sequence[str]) -> None:
    """Hydra's own groups (launcher, sweeper) and keys; a key to be added is left to Hydra."""
    changed = [o for o in overrides if not (o.is_add() or o.is_force_add() or o.is_delete())]
    if not changed:
        return
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="lgg_seg"):
        loader = GlobalHydra.instance().config_loader()
        chosen = [o for o in changed if "/" in o.key_or_group]
        for override in chosen:
            members = loader.get_group_options(override.key_or_group, ObjectType.CONFIG)
            if not members:
                known = [f"hydra/{group}" for group in loader.list_groups("hydra")]
                raise UserError(f"{override.key_or_group}: no such group; {did_you_mean(override.key_or_group, known)}")
            _check_members(override, members)
        words = [*map(_first_choice, chosen), *ready_made]  # a ready-made sweep chooses its sweeper
        config = compose(CONFIG_NAME, overrides=words, return_hydra_config=True).hydra
    known = _keys(config, "hydra.")
    for override in changed:
        if "/" not in override.key_or_group and override.key_or_group not in known:
            raise UserError(f"{override.key_or_group}: no such key; {did_you_mean(override.key_or_group, known)}")


def _values(override: Override) -> list[str]:
    if override.is_interval_sweep():
        raise UserError(f"{override.input_line} gives an interval to a group; name its members: choice(a,b).")
    if override.value_type is ValueType.GLOB_CHOICE_SWEEP:
        return cast(Glob, override.value()).filter(groups().get(override.key_or_group, []))
    if override.is_sweep_override():
        return [str(value) for value in override.sweep_string_iterator()]
    value = override.value()  # a quoted one comes without its quotes
    return ["null" if value is None else str(value)]


def _first_choice(override: Override) -> str:
    if override.is_delete() or override.is_interval_sweep():
        return override.input_line or ""
    return "=".join((override.key_or_group, _values(override)[0]))


def _check_members(override: Override, members: Sequence[str]) -> None:
    if override.is_delete():
        return
    values = _values(override)
    if not values:
        raise UserError(f"{override.input_line} fits none; {did_you_mean(override.key_or_group, members)}")
    for value in values:
        if value == "null" and override.key_or_group in OPTIONAL:  # Hydra breaks off at it
            raise UserError(f"{override.input_line}: leave it out; none is chosen unless it is named.")
        if value == "null" and "none" in members:
            raise UserError(f"{override.input_line}: no such choice; none is spelt {override.key_or_group}=none.")
        if value not in members:
            raise UserError(f"{override.key_or_group}={value}: no such choice; {did_you_mean(value, members)}")


def _check_sweep(override: Override, *, sweep: bool) -> None:
    if not sweep and _values(override) != ["none"]:
        raise UserError(f"{override.input_line} chooses a sweep; put -m before it to run one.")
    if len(_values(override)) > 1:
        raise UserError(f"{override.input_line} chooses several sweeps; run them one after the other.")


def _check_key(override: Override, config: DictConfig, members: dict[str, Any]) -> None:
    key = override.key_or_group
    known = [*_keys(config), *members, "resume"]
    if key not in known and (today := renamed(key)):
        raise UserError(f"{key} is called {today} now.")
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


def make_output_folder(path: str, key: str) -> None:
    """Make the folder that Hydra is about to write to, as far as it is known now: Hydra has no sentence for a failure.

    Raises:
        UserError: it cannot be made.
    """
    known = Path(path.partition("${")[0] or ".")
    try:
        known.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{known} cannot be written ({error.strerror or error}); choose another {key}.") from error
