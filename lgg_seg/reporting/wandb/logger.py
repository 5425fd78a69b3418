"""The Weights & Biases logger of a run: offline by default, and without anything about the machine."""

import logging
from functools import partial
from pathlib import Path, PurePath
from typing import Any, Literal

import wandb
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from lgg_seg.config.instantiate import to_plain
from lgg_seg.reporting.redaction import without_folders
from lgg_seg.reporting.wandb.names import IDENTITY
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.monitor import AUROC, DICE, IOU, LOSS

log = logging.getLogger(__name__)

Mode = Literal["offline", "online"]

COMPARED = ("data_fingerprint", "metric_version", "code", "versions", "choices", "precision")  # of `provenance.json`
STEP = "trainer/global_step"  # Lightning's step, the x axis of every curve


def wandb_logger(save_dir: str, project: str = "lgg_seg", mode: Mode = "offline") -> WandbLogger:
    """A logger that writes below `save_dir`/wandb; `wandb sync` publishes an offline run.

    The jobs of a sweep form a group with the name of the sweep's folder. Without a key or a server, `online` warns and
    goes on offline, so that no training is lost. Command line, host name, git remote and code are not recorded.
    """
    return WandbLogger(save_dir=save_dir, project=project, experiment=_open(RunFolder(Path(save_dir)), project, mode))


@rank_zero_only  # None in the other processes of a distributed run
def _open(folder: RunFolder, project: str, mode: Mode) -> wandb.Run:
    end_run(exit_code=1)  # else a run that this process left open would be continued
    identity = folder.read_json(IDENTITY) if (folder.path / IDENTITY).exists() else {"id": None, "group": _sweep_name()}
    # The mode is passed here: Lightning's `offline=True` sets WANDB_MODE for the sweep's other jobs too.
    start = partial(wandb.init, project=project, dir=folder.path, **identity, resume="allow", job_type="train")
    run, problem = None, _offline_because() if mode == "online" else None
    if mode == "online" and not problem:
        try:
            run = start(mode="online", settings=_settings())
        except wandb.Error as error:  # the key may not write into this project, or the server has gone
            problem = _message(error)
    if run is None:
        run = start(mode="offline", settings=_settings())
    if problem:
        log.warning("W&B is not used online: %s. This run is recorded offline; `%s` publishes it.", problem, sync(run))
    folder.write_json(IDENTITY, {"id": run.id, "group": run.group or None})
    run.define_metric(STEP)
    run.define_metric("*", step_metric=STEP, step_sync=True)
    for monitor in (DICE, IOU, AUROC, LOSS):  # `val/dice.max` in the summary, which a pruned trial has, too
        run.define_metric(monitor.column, step_metric=STEP, step_sync=True, summary=monitor.mode)
    return run


def describe_run(logger: WandbLogger, config: DictConfig, provenance: dict[str, Any]) -> None:
    """Set the run's name, tags and config; its key `provenance` tells whether two runs may be compared.

    Paths are cut to their last part. The split's hash stands for its patients; hardware and command line are left out.
    """
    run, split = logger.experiment, {key: provenance["split"][key] for key in ("protocol", "hash")}
    run.name = f"{config.name}, seed {config.seed}"
    run.tags = tuple({*(run.tags or ()), str(config.name)[:64], split["protocol"]})  # W&B refuses longer ones
    shown = {key: provenance.get(key) for key in COMPARED} | {"split": split}
    run.config.update(without_folders(to_plain(config) | {"provenance": shown}), allow_val_change=True)


def end_run(exit_code: int) -> None:
    """End the run that is open in this process, if any. Without a network its records stay on disk."""
    run = wandb.run
    if run is None:
        return
    try:
        run.finish(exit_code=exit_code)
    except (wandb.Error, TimeoutError) as error:
        log.warning("W&B did not take the end of the run (%s); `%s` publishes it.", error, sync(run))


def sync(run: wandb.Run) -> str:
    """The command that publishes the run with all parts in which it was resumed."""
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
    """Why W&B cannot be used online, if so: within 10 s, and without a prompt."""
    try:
        if wandb.login(prompt=False, verify=True):
            return None
    except wandb.Error as error:
        return f"its server does not answer or refuses the key ({_message(error)})"
    return "no key is found (`wandb login` stores one), or WANDB_MODE forbids it"


def _message(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _sweep_name() -> str | None:
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return None
    return PurePath(HydraConfig.get().sweep.dir).name or None
