"""Weights & Biases as a logger of a run: offline unless asked, and telling nothing of the machine it ran on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePath
from typing import Literal

import wandb
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from lgg_seg.config.instantiate import to_plain
from lgg_seg.errors import Pruned
from lgg_seg.reporting.redaction import without_folders
from lgg_seg.runs.folder import RunFolder

log = logging.getLogger(__name__)

Mode = Literal["offline", "online"]

IDENTITY = "wandb/identity.json"  # in the run folder: by it a resumed run goes on as the same one of W&B
STEP = "trainer/global_step"  # what Lightning counts in; every curve is drawn over it


def wandb_logger(save_dir: str, project: str = "lgg_seg", mode: Mode = "offline") -> WandbLogger:
    """Open a run that writes below `save_dir`/wandb; `wandb sync` publishes what was written offline.

    A job of a sweep belongs to the group that the sweep's folder names. Where `online` finds no key or no server, it
    says so and goes on offline: no training is lost for it. Neither the command line, the host's name, git's remote
    nor the code is recorded.
    """
    return WandbLogger(save_dir=save_dir, project=project, experiment=_open(RunFolder(Path(save_dir)), project, mode))


@rank_zero_only  # None in the other processes of a distributed run
def _open(folder: RunFolder, project: str, mode: Mode) -> wandb.Run:
    end_run(exit_code=1)  # whatever this process left open would be written on in
    known = folder.read_json(IDENTITY) if (folder.path / IDENTITY).exists() else {"id": None, "group": _sweep()}
    # The mode is said here: Lightning's `offline=True` sets WANDB_MODE for the sweep's other jobs too.
    start = partial(wandb.init, project=project, dir=folder.path, **known, resume="allow", job_type="train")
    run, problem = None, _offline_because() if mode == "online" else None
    if mode == "online" and not problem:
        try:
            run = start(mode="online", settings=_settings())
        except wandb.Error as error:  # it knows the key, but lets it write no run into this project, or has gone
            problem = _words(error)
    if run is None:
        run = start(mode="offline", settings=_settings())
    if problem:
        log.warning("W&B is not used online: %s. This run is recorded offline; `%s` publishes it.", problem, sync(run))
    folder.write_json(IDENTITY, {"id": run.id, "group": run.group or None})
    run.define_metric(STEP)
    run.define_metric("*", step_metric=STEP, step_sync=True)
    return run


@rank_zero_only
def describe_run(logger: WandbLogger, config: DictConfig, protocol: str) -> None:
    """Give the run its name, its tags and the resolved config, in which a path is its last part alone."""
    run = logger.experiment
    run.name = f"{config.name}, seed {config.seed}"
    run.tags = tuple({*(run.tags or ()), str(config.name)[:64], protocol})  # W&B refuses longer ones
    run.config.update(without_folders(to_plain(config)), allow_val_change=True)


@contextmanager
def runs_ended() -> Iterator[None]:
    """End the W&B run that was opened inside, if any, as failed where the block breaks off or is interrupted."""
    exit_code = 1
    try:
        yield
        exit_code = 0
    except Pruned:
        exit_code = 0
        raise
    finally:
        end_run(exit_code)


def end_run(exit_code: int) -> None:
    """End the run that is open in this process, if any. What a lost network keeps from the server stays on disk."""
    run = wandb.run
    if run is None:
        return
    try:
        run.finish(exit_code=exit_code)
    except (wandb.Error, TimeoutError) as error:
        log.warning("W&B did not take the end of the run (%s); `%s` publishes it.", error, sync(run))


def sync(run: wandb.Run) -> str:
    """The command that publishes all of the run, whatever parts it was resumed in."""
    return f"wandb sync {RunFolder(Path(run.dir).parent.parent).display_path}/*run-*-{run.id}"


def _settings() -> wandb.Settings:
    return wandb.Settings(
        host="",
        console="off",
        disable_code=True,
        disable_git=True,
        label_disable=True,  # else it reads the main script
        silent=True,
        init_timeout=20,  # seconds; its own 90 are long to wait for a server that is not there
        finish_timeout=60,  # its own is for ever
        finish_timeout_raises=True,
        x_disable_meta=True,
        x_disable_machine_info=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )


def _offline_because() -> str | None:
    """What keeps W&B from being used online, if anything: found within 10 s, and without asking at the terminal."""
    try:
        if wandb.login(prompt=False, verify=True):
            return None
    except wandb.Error as error:
        return f"its server does not answer or refuses the key ({_words(error)})"
    return "no key is found (`wandb login` stores one), or WANDB_MODE forbids it"


def _words(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _sweep() -> str | None:
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return None
    return PurePath(HydraConfig.get().sweep.dir).name or None
