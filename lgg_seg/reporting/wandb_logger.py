"""Weights & Biases as a logger of a run: offline unless asked, and telling nothing of the machine it ran on."""

from __future__ import annotations

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
    settings = wandb.Settings(
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
    """Give the run its name and the resolved config."""
    logger.experiment.name = str(config.name)
    logger.experiment.config.update(to_plain(config), allow_val_change=True)


def publish_result(logger: WandbLogger, folder: RunFolder, content: dict[str, Any]) -> None:
    """Put the test's numbers in the run's summary and its figures among its media, and end it."""
    run = logger.experiment
    run.summary.update({f"test/{name}": value for name, value in content["metrics"].items()})
    run.log({path.stem: wandb.Image(str(path)) for path in sorted((folder.path / "figures").glob("*.png"))})
    run.finish()
