"""Objects from config nodes, for targets on an allow-list only.

Hydra's own `instantiate` reaches any importable object (`os.system`, `torch.load`), and a config may come with a
run folder from elsewhere. Here a target must be defined in one of a few modules: the resolved object's own
`__module__` counts, so an alias that an allowed package re-exports is refused.
"""

import importlib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import hydra
from hydra.errors import InstantiationException
from omegaconf import DictConfig, ListConfig, OmegaConf

from lgg_seg.config.groups import is_below
from lgg_seg.errors import UserError

ALLOWED = (
    "lgg_seg.data",
    "lgg_seg.evaluation",
    "lgg_seg.losses",
    "lgg_seg.networks",
    "lgg_seg.reporting",
    "lgg_seg.schedulers",
    "lgg_seg.training",
    "torch.optim",
    "albumentations.augmentations",
    "albumentations.core.composition",
    "pytorch_lightning.callbacks",
    "pytorch_lightning.loggers",
)
PACKAGES = frozenset(prefix.partition(".")[0] for prefix in ALLOWED)
TARGET = "_target_"
MODIFIERS = frozenset({TARGET, "_partial_"})


def resolve_target(path: object, key: str) -> Any:
    """The class or function that a `_target_` names.

    Raises:
        UserError: it cannot be imported, is neither class nor function, or is outside the allow-list.
    """
    if not isinstance(path, str) or "." not in path:
        raise UserError(f"{key}._target_ is {path!r}; it must be a dotted name such as lgg_seg.networks.UNet.")
    if path.partition(".")[0] not in PACKAGES:
        raise UserError(f"{key}._target_ names {path}, which is outside the packages a config may use.")
    module_name, _, name = path.rpartition(".")
    try:
        target = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise UserError(f"{key}._target_ names {path}, which does not exist ({error}).") from error
    if not (inspect.isclass(target) or inspect.isfunction(target)) or not is_below(target.__module__, ALLOWED):
        raise UserError(f"{key}._target_ names {path}, which is not a class or function that a config may use.")
    return target


def instantiate(node: DictConfig | Mapping[str, Any], key: str, **arguments: Any) -> Any:
    """The object that `node` describes, built with `arguments` beside its keys.

    Raises:
        UserError: a target below `node` is not on the allow-list, or `node` gives one of the arguments too.
    """
    plain = to_plain(node)
    if twice := sorted(arguments.keys() & plain.keys()):
        raise UserError(f"{key}.{twice[0]} is set by the program; take it out of the config.")
    for path, child in target_nodes(plain, key):
        resolve_target(child[TARGET], path)
        unknown = {name for name in child if name.startswith("_") and name.endswith("_")} - MODIFIERS
        if unknown:
            raise UserError(f"{path} has {', '.join(sorted(unknown))}, which a config here may not use.")
    # Given to Hydra, an argument that is a data class would become a config and then a dictionary.
    partial = {"_partial_": True} if arguments else {}
    try:
        built = hydra.utils.instantiate(plain | partial, _convert_="all")
        return built(**arguments) if arguments else built
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, UserError):
            raise cause from None
        raise UserError(f"{key} cannot be built: {' '.join(str(cause or error).split())}") from error


def to_plain(node: Any) -> Any:
    """Plain containers, interpolations resolved."""
    return OmegaConf.to_container(node, resolve=True) if isinstance(node, DictConfig | ListConfig) else node


def target_nodes(node: Any, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every mapping below `node` (plain containers) with a `_target_`, and its dotted key, outermost first."""
    if isinstance(node, dict):
        if TARGET in node:
            yield key, node
        for name, child in node.items():
            yield from target_nodes(child, f"{key}.{name}" if key else str(name))
    elif isinstance(node, list):
        for position, child in enumerate(node):
            yield from target_nodes(child, f"{key}[{position}]")
