"""Objects from config nodes, for targets on an allow-list only.

Hydra's own `instantiate` reaches any importable object (`os.system`, `torch.load`), and a config may come with a
run folder from elsewhere. Here each group has a list of its own, and nothing outside it is imported.
"""

import functools
import importlib
import importlib.metadata
import inspect
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import hydra
from hydra.errors import InstantiationException
from omegaconf import DictConfig, ListConfig, OmegaConf

from lgg_seg.config.groups import is_below
from lgg_seg.errors import UserError

_CALLBACKS = (
    "DeviceStatsMonitor", "EMAWeightAveraging", "EarlyStopping", "GradientAccumulationScheduler", "LearningRateMonitor",
    "ModelSummary", "StochasticWeightAveraging", "ThroughputMonitor", "Timer", "WeightAveraging",
)  # fmt: skip
"""Those of Lightning that write no file and call nothing that a config could name."""

_INSTEAD = {
    # Lightning's finder sets the optimizer's rate alone, and the schedule's next step undoes it.
    "pytorch_lightning.callbacks.LearningRateFinder": "python -m lgg_seg.lr_find finds a rate before the training",
    "pytorch_lightning.callbacks.SpikeDetection": "it writes a file; a loss that is not finite stops a run as it is",
    "pytorch_lightning.callbacks.ModelCheckpoint": "callbacks=epoch_checkpoints keeps that of every nth epoch",
}
"""What does the work of a target that people ask for and a config may not name."""

ALLOWED: dict[str, tuple[str, ...]] = {
    "augment": ("lgg_seg.data.Augmentation", "lgg_seg.data.SubstituteFlair", "albumentations"),
    "callbacks": (
        "lgg_seg.training.EarlyStopping",
        "lgg_seg.training.EpochCheckpoints",
        "lgg_seg.training.ValidationImages",
        *(f"pytorch_lightning.callbacks.{name}" for name in _CALLBACKS),
    ),
    "data.tree": ("lgg_seg.data.ensure_tree", "lgg_seg.data.existing_tree", "lgg_seg.data.write_phantom"),
    "data": ("lgg_seg.data.DataModule",),
    "evaluation": ("lgg_seg.evaluation.EvaluationSettings",),
    # CSVLogger removes the metrics.csv of a folder that a config can name
    "logger": ("lgg_seg.reporting.wandb.wandb_logger", "pytorch_lightning.loggers.TensorBoardLogger"),
    "loss": ("lgg_seg.losses",),
    "model": ("lgg_seg.networks",),
    "optimizer": ("torch.optim",),
    "preprocess": ("lgg_seg.data.Preprocess",),
    "sampler": ("lgg_seg.data.TumourWeighted", "lgg_seg.data.Uniform"),
    "scheduler": ("lgg_seg.schedulers",),
    "split": ("lgg_seg.data.splits",),
    "trainer": ("lgg_seg.training.TrainerSettings",),
}
"""Group, or a key below it that comes first → the names a `_target_` may have there; a package stands for its public
classes, one of ours for its public functions, too."""

PACKAGES, ENTRY_POINTS = "LGG_SEG_PACKAGES", "lgg_seg.packages"

TARGET = "_target_"
MODIFIERS = frozenset({TARGET, "_partial_"})


def resolve_target(path: object, key: str) -> Any:
    """The class or function that the `_target_` of the node `key` names: on its group's list, or of an own package."""
    allowed = next((names for group, names in ALLOWED.items() if is_below(key.partition("[")[0], (group,))), ())
    refused = UserError(f"{key}._target_ is {path!r}, which a config may not use there; {_remedy(path, allowed)}.")
    package, _, name = path.rpartition(".") if isinstance(path, str) else ("", "", "")
    own = next((one for one in own_packages() if is_below(package, (one,))), None) if allowed else None
    if not package or not name or name.startswith("_") or not (own or path in allowed or package in allowed):
        raise refused
    try:
        target = getattr(importlib.import_module(package), name)
    except (ImportError, AttributeError) as error:
        if path in allowed:  # a package that nothing has imported yet
            raise refused from error
        raise UserError(f"{key}._target_ names {path}, which does not exist ({error}).") from error
    callable_ = inspect.isclass(target) or (inspect.isfunction(target) and is_own(target))
    # What a package only imports is not its own.
    if not callable_ or not (path in allowed or is_below(target.__module__, (own or package,))):
        raise refused
    return target


def _remedy(path: object, allowed: tuple[str, ...]) -> str:
    """What to take in place of a target that is not among the `allowed` ones."""
    if not allowed:
        return "no key of this group is built"
    if path in _INSTEAD:
        return _INSTEAD[str(path)]
    packages = sorted({name.rpartition(".")[0] for name in allowed})
    listed = " or ".join(allowed) if len(allowed) < 4 else f"{' or '.join(packages)} and writes no file"
    return f"what may stand there is from {listed}, or from a package of your own that ${PACKAGES} names"


def own_packages() -> tuple[str, ...]:
    """The user's packages, whose public classes and functions a config may name in any group.

    `$LGG_SEG_PACKAGES` lists them, separated by commas; an installed package can name itself by an entry point of the
    group `lgg_seg.packages`. No config can.
    """
    listed = (name.strip() for name in os.environ.get(PACKAGES, "").split(","))
    return tuple(name for name in (*listed, *_declared_packages(tuple(sys.path))) if name)


@functools.cache
def _declared_packages(path: tuple[str, ...]) -> tuple[str, ...]:
    """The modules of the group's entry points on a `sys.path`: a config asks for them forty times, for 30 ms each."""
    installed = importlib.metadata.distributions(path=list(path))
    return tuple(point.module for one in installed for point in one.entry_points.select(group=ENTRY_POINTS))


def is_own(target: Any) -> bool:
    """Whether a class or function is of this package or of one of the user's."""
    return is_below(target.__module__, ("lgg_seg", *own_packages()))


def instantiate(node: DictConfig | Mapping[str, Any], key: str, **arguments: Any) -> Any:
    """The object that `node` describes, built with `arguments` beside its keys."""
    plain = to_plain(node)
    if has_interpolation(plain):
        raise UserError(f"{key} has an escaped interpolation (${{…}}) within a text; write its value.")
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
        if not arguments:
            return built
        try:
            return built(**arguments)
        except (TypeError, ValueError) as error:  # as Hydra, which says so of what it builds itself
            raise InstantiationException(str(error)) from error
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, UserError):
            raise cause from None
        raise UserError(f"{key} cannot be built: {' '.join(str(cause or error).split())}") from error


def to_plain(node: Any) -> Any:
    """Plain containers, interpolations resolved."""
    return OmegaConf.to_container(node, resolve=True) if isinstance(node, DictConfig | ListConfig) else node


def has_interpolation(node: Any) -> bool:
    """Whether Hydra would still resolve a text below `node` (plain containers): to a target that nobody has checked."""
    if isinstance(node, Mapping):
        return any(map(has_interpolation, (*node, *node.values())))
    return any(map(has_interpolation, node)) if isinstance(node, list) else isinstance(node, str) and "${" in node


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
