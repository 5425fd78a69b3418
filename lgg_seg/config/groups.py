"""The config groups: inside the installed package, or at the top of a checkout."""

from collections.abc import Iterable
from pathlib import Path

from hydra.core.hydra_config import HydraConfig

import lgg_seg

CONFIG_NAME = "train"


def conf_dir() -> Path:
    """The folder of the config groups, absolute, whatever the working directory."""
    package = Path(lgg_seg.__file__).resolve().parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def groups() -> dict[str, list[str]]:
    """Every config group with its members, both sorted."""
    root = conf_dir()
    return {
        folder.name: sorted(file.stem for file in folder.glob("*.yaml"))
        for folder in sorted(root.iterdir())
        if folder.is_dir() and any(folder.glob("*.yaml"))
    }


def chosen_members() -> dict[str, str]:
    """The chosen member of each of our groups in this process; empty where Hydra did not start it."""
    if not HydraConfig.initialized():
        return {}
    choices = HydraConfig.get().runtime.choices.items()
    return {str(group): str(member) for group, member in choices if member and not str(group).startswith("hydra/")}


def is_below(key: str, parents: Iterable[str]) -> bool:
    """Whether a dotted key or name is one of the parents, or below one."""
    return any(key == parent or key.startswith(f"{parent}.") for parent in parents)
