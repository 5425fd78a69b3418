"""The config groups: inside the installed package, or at the top of a checkout."""

import importlib.resources
from collections.abc import Iterable
from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from lgg_seg.errors import UserError

CONFIG_NAME = "train"


def conf_dir() -> Path:
    """The folder of the config groups, absolute, whatever the working directory."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def groups(own: Iterable[Path] = ()) -> dict[str, list[str]]:
    """Every config group with its members, both sorted, with those in the user's `own` folders of configs."""
    members: dict[str, set[str]] = {}
    for file in (file for root in (conf_dir(), *own) for file in root.glob("*/*.yaml")):
        members.setdefault(file.parent.name, set()).add(file.stem)
    return {group: sorted(members[group]) for group in sorted(members)}


def own_folders(config_dir: str | None, searchpath: Iterable[str]) -> list[Path]:
    """The user's folders of configs: of `--config-dir`, and of `hydra.searchpath` (`file://FOLDER`, `pkg://PACKAGE`)."""
    given = {f"hydra.searchpath={one}": one for one in searchpath}
    given |= {f"--config-dir {config_dir}": config_dir} if config_dir else {}
    folders = []
    for argument, place in given.items():
        scheme, found, path = place.rpartition("://")
        folder = _package_folder(path) if found and scheme == "pkg" else Path(path).expanduser()
        if folder is None or not folder.is_dir():
            raise UserError(f"{argument}: there is no such folder.")
        folders.append(folder.absolute())
    return folders


def _package_folder(name: str) -> Path | None:
    try:
        return Path(str(importlib.resources.files(name.replace("/", "."))))
    except ModuleNotFoundError:
        return None


def chosen_members() -> dict[str, str]:
    """The chosen member of each of our groups in this process; empty where Hydra did not start it."""
    if not HydraConfig.initialized():
        return {}
    choices = HydraConfig.get().runtime.choices.items()
    return {str(group): str(member) for group, member in choices if member and not str(group).startswith("hydra/")}


def is_below(key: str, parents: Iterable[str]) -> bool:
    """Whether a dotted key or name is one of the parents, or below one."""
    return any(key == parent or key.startswith(f"{parent}.") for parent in parents)
