"""Overrides of the command line checked against the config groups before Hydra starts: a typo gets the nearest name."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import InterpolationResolutionError

from lgg_seg.config.aliases import ELSEWHERE
from lgg_seg.config.groups import CONFIG_NAME, conf_dir, groups, own_folders
from lgg_seg.config.instantiate import MODIFIERS, TARGET, resolve_target
from lgg_seg.config.legacy import KEYS
from lgg_seg.config.resume import RESUME
from lgg_seg.config.suggestions import did_you_mean
from lgg_seg.config.validation import COLLECTIONS, check_config, keys_of, takes_options
from lgg_seg.errors import UserError
from lgg_seg.files import writable

SEARCH_PATH = "hydra.searchpath"
OPTIONAL = ("experiment", "debug")  # groups of which no member may be chosen


def compose_config(overrides: Sequence[str] = ()) -> DictConfig:
    """The config that `python -m lgg_seg <overrides>` would train with."""
    with _hydra():
        return without_hydra(compose(CONFIG_NAME, overrides=list(overrides), return_hydra_config=True))


def chosen(overrides: Sequence[str] = ()) -> dict[str, str]:
    """The member of each group that these overrides choose."""
    with _hydra():
        choices = compose(CONFIG_NAME, overrides=list(overrides), return_hydra_config=True).hydra.runtime.choices
    return {str(group): str(member) for group, member in choices.items() if member and "/" not in str(group)}


def without_hydra(config: DictConfig) -> DictConfig:
    """A composed config, changed in place: its node `hydra` removed, its interpolations resolved."""
    before = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(config)  # `name` asks Hydra which model was chosen
    try:
        with read_write(config), open_dict(config), read_write(config.hydra):
            # At a folder that cannot be resolved, Hydra itself ends with a traceback.
            OmegaConf.resolve(config.hydra.run)
            del config["hydra"]
            OmegaConf.resolve(config)
    finally:
        HydraConfig.instance().cfg = before
    return config


def check_overrides(
    arguments: Sequence[str], *, sweep: bool, values: bool = True, config_dir: str | None = None
) -> Path | None:
    """Refuse an override that names no group, no member, no key, or gives a value of the wrong type.

    The members are ours, and those in the user's `config_dir` and `hydra.searchpath`. In a sweep, values are checked
    job by job when it runs, because one wrong job must not stop the others. With `values=False` no type is checked:
    types are those of the code behind the config, whose import takes seconds.

    Returns:
        the folder of a run that started now, where its `values` were checked.
    """
    with _hydra() as loader:
        parser = OverridesParser.create(config_loader=loader)
        overrides = parser.parse_overrides(list(arguments))
        paths = [path for o in overrides if o.key_or_group == SEARCH_PATH for path in _values_of_list(o)]
        folders = own_folders(config_dir, paths)
        members = groups(folders)
        choices, changes = [], []
        for override in overrides:
            key = override.key_or_group
            if override.is_sweep_override() and not (sweep or override.is_hydra_override()):
                raise UserError(f"{override.input_line} gives several values; put -m before it to run a sweep.")
            if key == "sweep" and not override.is_delete():
                _check_sweep(override, sweep=sweep)
            if key in members or key.startswith("hydra/"):
                _check_members(override, members.get(key) or _hydra_members(key, loader))
                choices.append(override)
            else:
                changes.append(override)
        # One composition, of the chosen members; of a sweep, the first of each group.
        of_sweep = _sweep_choices(choices, members, parser, [*folders, conf_dir()])
        chosen = [f"{SEARCH_PATH}={[f'file://{folder}' for folder in folders]}"] if folders else []
        chosen += [_first_choice(o) if sweep else o.input_line or "" for o in (*of_sweep, *choices)]
        config = compose(CONFIG_NAME, overrides=chosen, return_hydra_config=True)
        keys = _keys(config)
        own = [key for key in keys if key.partition(".")[0] != "hydra"]
        for override in changes:
            if not override.is_hydra_override():
                _check_key(override, [*own, *members, RESUME], config, values)
            elif override.key_or_group != SEARCH_PATH and not (
                override.is_add() or override.is_force_add() or override.is_delete()
            ):  # else left to Hydra
                _check_key(override, [key for key in keys if key.startswith("hydra.")])
        if values and not sweep:
            ConfigLoaderImpl._apply_overrides_to_config(changes, config)  # as Hydra itself will
            run = config.hydra.run
            check_config(without_hydra(config))
            return Path(run.dir)
    return None


@contextmanager
def _hydra() -> Iterator[ConfigLoader]:
    """Hydra over our config groups; an error of its own becomes a UserError."""
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="lgg_seg"):
            yield GlobalHydra.instance().config_loader()
    except OverrideParseException as error:
        raise UserError(
            f"{error.override!r} is not an override of the form key=value. Put quotes around special characters."
        ) from error
    except HydraException as error:
        raise UserError(" ".join(str(error).split())) from error
    except InterpolationResolutionError as error:
        raise UserError(f"The config cannot be resolved: {' '.join(str(error).split())}") from error


def _sweep_choices(
    choices: Sequence[Override],
    members: dict[str, list[str]],
    parser: OverridesParser,
    folders: Sequence[Path],
) -> list[Override]:
    """The groups that a ready-made sweep varies and the command line does not."""
    given = {override.key_or_group: override for override in choices}
    if "sweep" not in given or given["sweep"].is_delete():
        return []
    files = (folder / "sweep" / f"{_values(given['sweep'])[0]}.yaml" for folder in folders)
    file = next(file for file in files if file.is_file())
    params = OmegaConf.select(OmegaConf.load(file), "hydra.sweeper.params") or {}
    overrides = parser.parse_overrides([f"{key}={value}" for key, value in params.items()])
    return [o for o in overrides if o.key_or_group in members and o.key_or_group not in given]


def _hydra_members(group: str, loader: ConfigLoader) -> list[str]:
    members = loader.get_group_options(group, ObjectType.CONFIG)
    if not members:
        valid = [f"hydra/{name}" for name in loader.list_groups("hydra")]
        raise UserError(f"{group}: no such group; {did_you_mean(group, valid)}")
    return members


def _check_sweep(override: Override, *, sweep: bool) -> None:
    if not sweep and _values(override) != ["none"]:
        raise UserError(f"{override.input_line} chooses a sweep; put -m before it to run one.")
    if len(_values(override)) > 1:
        raise UserError(f"{override.input_line} chooses several sweeps; run them one after the other.")


def _check_members(override: Override, members: Sequence[str]) -> None:
    if override.is_delete():
        if not isinstance(override.value(), str | None):  # Hydra breaks off at it
            raise UserError(f"{override.input_line} names no choice; leave a group out with ~{override.key_or_group}.")
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


def _values_of_list(override: Override) -> list[str]:
    value = override.value()
    if not (isinstance(value, list) and all(isinstance(one, str | QuotedString) for one in value)):
        raise UserError(f"{override.input_line} is no list of folders, such as {SEARCH_PATH}=[file:///home/me/conf].")
    return [one.text if isinstance(one, QuotedString) else one for one in value]


def _values(override: Override) -> list[str]:
    if override.is_interval_sweep():
        raise UserError(f"{override.input_line} gives an interval to a group; name its members: choice(a,b).")
    if override.is_sweep_override():
        return [str(value) for value in override.sweep_string_iterator()]
    value = override.value()  # a quoted one comes without its quotes
    return ["null" if value is None else str(value)]


def _first_choice(override: Override) -> str:
    return override.input_line or "" if override.is_delete() else f"{override.key_or_group}={_values(override)[0]}"


def _check_key(
    override: Override, valid: Sequence[str], config: DictConfig | None = None, values: bool = False
) -> None:
    key = override.key_or_group
    if key in valid:
        if override.is_add():
            raise UserError(f"+{key}: the key exists, write {key}=… without the plus.")
        return
    if key in KEYS:
        raise UserError(f"{key} is called {' and '.join(KEYS[key])} now.")
    if new := ELSEWHERE.get(key):
        raise UserError(f"{key}: no such key; here it is {new}.")
    adds, nearest = override.is_add() or override.is_force_add(), did_you_mean(key, valid)
    collection, _, rest = key.partition(".")
    if adds and collection in COLLECTIONS and rest and f"{collection}.{rest.partition('.')[0]}" not in valid:
        return  # one more object, which `check_config` sees whole
    if adds and _is_parameter(config, key, values):
        return
    # A parameter comes before a near word, as `trainer.max_steps` is no misspelt max_epochs; of a library's options any
    # name may be one, so that a near word comes first.
    if not adds and values and _is_parameter(config, key, values, options="did you mean" not in nearest):
        raise UserError(f"{key}: the config does not have this key yet; write +{override.input_line} to add it.")
    if others := _members_with(key):
        raise UserError(f"{key}: no such key here; it belongs to {' or '.join(others)}.")
    added = " (a key that nothing reads cannot be added)" if adds else ""
    raise UserError(f"{key}: no such key{added}; {nearest}")


def _is_parameter(config: DictConfig | None, key: str, values: bool, *, options: bool = True) -> bool:
    """Whether the object above the key has a parameter of its name, as in `optimizer.eps`, or, with `options`, hands
    what it does not name on to a library.

    Without `values` its code is not imported, and any name will do.
    """
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(config, parent, throw_on_resolution_failure=False) if config and parent else None
    if not isinstance(node, DictConfig) or TARGET not in node:
        return False
    if not values:
        return True
    return name in keys_of(parent, node) or (options and takes_options(resolve_target(node[TARGET], parent)))


def _members_with(key: str) -> list[str]:
    """The choices that bring a key of a group, such as `model=unet_slim` for `model.alpha`."""
    group, _, rest = key.partition(".")
    files = sorted((conf_dir() / group).glob("*.yaml")) if group not in OPTIONAL else []
    return [f"{group}={file.stem}" for file in files if rest in _keys(DictConfig(OmegaConf.load(file)))]


def _keys(config: DictConfig, prefix: str = "") -> list[str]:
    names: list[str] = []
    for name in (str(name) for name in config if name not in MODIFIERS):
        names.append(f"{prefix}{name}")
        child = OmegaConf.select(config, name, throw_on_resolution_failure=False)
        if isinstance(child, DictConfig):
            names.extend(_keys(child, f"{prefix}{name}."))
    return names


def make_output_folder(path: str, key: str) -> None:
    """Make the folder that Hydra is about to write to, up to its first interpolation: Hydra fails with a traceback."""
    folder = Path(path.partition("${")[0] or ".")
    with writable(folder, f"choose another {key}."):
        folder.mkdir(parents=True, exist_ok=True)
