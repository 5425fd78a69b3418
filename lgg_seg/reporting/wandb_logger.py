"""Weights & Biases as a logger of a run: offline unless asked, and telling nothing of the machine it ran on."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, Literal

import wandb
from omegaconf import DictConfig
from pytorch_lightning.loggers import WandbLogger

from lgg_seg.records.folder import RunFolder
from lgg_seg.utils.instantiate import to_plain

Mode = Literal["offline", "online"]


def wandb_logger(save_dir: str, project: str = "lgg_seg", mode: Mode = "offline") -> WandbLogger:
    """A logger that writes below `save_dir`/wandb; `wandb sync` publishes an offline run later.

    Neither the command line, the host's name, git's remote nor the code is recorded.
    """
    if wandb.run is not None:
        wandb.finish(exit_code=1)  # a failed job of the same sweep left it open, and Lightning would write on in it
    settings = wandb.Settings(
        host="",
        console="off",
        disable_code=True,
        disable_git=True,
        silent=True,
        init_timeout=20,  # with a key and no network it would block for 90 s
        x_disable_meta=True,
        x_disable_machine_info=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )
    return WandbLogger(save_dir=save_dir, project=project, offline=mode == "offline", settings=settings)


def describe_run(logger: WandbLogger, config: DictConfig) -> None:
    """Give the run its name and the resolved config, in which a path is its last part alone."""
    logger.experiment.name = str(config.name)
    logger.experiment.config.update(_without_folders(to_plain(config)), allow_val_change=True)


def publish_result(logger: WandbLogger, folder: RunFolder, content: dict[str, Any]) -> None:
    """Put the test's numbers in the run's summary and its figures among its media, and end it."""
    run = logger.experiment
    run.summary.update({f"test/{name}": value for name, value in content["metrics"].items()})
    run.summary["protocol"] = content["protocol"]
    run.log({path.stem: wandb.Image(str(path)) for path in sorted((folder.path / "figures").glob("*.png"))})
    run.finish()


def _without_folders(node: Any) -> Any:
    """Plain containers with absolute paths cut to their last part: the folders above name people and machines."""
    if isinstance(node, dict):
        return {key: _without_folders(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_without_folders(value) for value in node]
    if isinstance(node, str) and (PurePath(node).is_absolute() or node.startswith("~")):
        return PurePath(node).name
    return node
