"""The whole story of a run: data, network, training, the best epoch, the test, the run folder."""

from __future__ import annotations

import logging
import runpy
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.callbacks import LambdaCallback
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger

from lgg_seg.cli.logs import configure_logs
from lgg_seg.config.instantiate import to_plain
from lgg_seg.devices import Accelerator
from lgg_seg.errors import UserError
from lgg_seg.files import writable
from lgg_seg.hardware import Hardware
from lgg_seg.inference.starting_weights import start
from lgg_seg.networks.build import build_network
from lgg_seg.reporting import tensorboard, wandb
from lgg_seg.reporting.run_table import print_end
from lgg_seg.runs.checkpoint import DamagedCheckpointError, UnrestorableCheckpointError, is_in_mid_epoch, read_newest
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.latest import find_run
from lgg_seg.runs.provenance import provenance
from lgg_seg.runs.status import record_interruption, record_status
from lgg_seg.training.callbacks import History, Pruning
from lgg_seg.training.checkpoints import require_space_for_checkpoints
from lgg_seg.training.experiment import Experiment
from lgg_seg.training.graceful_stop import GracefulStop
from lgg_seg.training.processes import announce_main_process, end_with_main_process
from lgg_seg.training.resumption import Changes, Resumption, record_hardware, require_same_config, restoring, same_data
from lgg_seg.training.trainer import refusals
from lgg_seg.training.validation_images import ValidationImages

if TYPE_CHECKING:
    from optuna import Trial

log = logging.getLogger(__name__)

NO_CHANGES = Changes()


def run(
    config: DictConfig, path: Path, overrides: Sequence[str], *, trial: Trial | None = None, brief: bool = False
) -> None:
    """A new run in the folder `path`, from the data to the table on the terminal; `brief`, to a line of its result.

    Raises:
        Pruned: its study has stopped the `trial` that it is.
    """
    experiment, folder = Experiment.of(config), RunFolder(path)
    configure_logs()
    hardware = experiment.trainer.prepare()
    if experiment.trainer.rank(hardware) == 0:
        folder.create()
        for key in ("root", "cache_dir"):  # the folder alone must do, from whichever directory
            if config.data[key] is not None:
                config.data[key] = str(Path(config.data[key]).expanduser().absolute())
        if file := config.split.get("file"):
            config.split.file = str(Path(file).expanduser().absolute())
        folder.write_config(config, overrides)
    else:
        with suppress(OSError):  # it writes nothing; where Slurm or torchrun started it, Hydra has made it a folder
            path.rmdir()
    _train_and_report(experiment, folder, overrides, hardware, brief, resumption=None, trial=trial)


def resume(
    path: Path,
    device: Accelerator | None = None,
    changes: Changes = NO_CHANGES,
    *,
    trial: Trial | None = None,
    brief: bool = False,
) -> None:
    """Go on with the run in the folder `path`, with its own config but for the `changes`, on `device` or the best.

    A deterministic run stays on its own device where that is here. A folder that is refused stays as it is.

    Raises:
        Pruned: its study has stopped the `trial` that it is.
    """
    folder = RunFolder(find_run(path, unfinished=True))
    folder.remedy = "free some space, make it writable, or resume a copy of the run."
    folder.require_no_links_outside()
    try:
        _go_on(folder, device, changes, trial, brief)
    except UnrestorableCheckpointError as error:
        if error.path != folder.last:
            raise
        _go_on(folder, device, changes, trial, brief, fault=error)


def _go_on(
    folder: RunFolder,
    device: Accelerator | None,
    changes: Changes,
    trial: Trial | None,
    brief: bool,
    fault: DamagedCheckpointError | None = None,
) -> None:
    config, overrides = folder.read_checked_config()
    checkpoint, content = read_newest(folder, fault)
    require_same_config(content, config, folder)
    changes.check(folder, config, content)
    mid_epoch = is_in_mid_epoch(content)
    del content
    changes.apply(config)
    experiment = Experiment.of(config)
    configure_logs()
    hardware = experiment.trainer.prepare_again(device)
    experiment.trainer.share_out(hardware, mid_epoch=mid_epoch)
    resumption = Resumption(checkpoint, same_data(experiment, folder), changes)
    try:
        _train_and_report(experiment, folder, overrides, hardware, brief, resumption=resumption, trial=trial)
    except DamagedCheckpointError as error:
        if experiment.trainer.is_distributed:  # its processes cannot begin again together
            raise UserError(str(error)) from error
        raise


def _train_and_report(
    experiment: Experiment, folder: RunFolder, overrides: Sequence[str], hardware: Hardware, brief: bool, **options: Any
) -> None:
    rank = experiment.trainer.rank(hardware)
    if rank > 0:
        end_with_main_process()
        logging.disable(logging.INFO)  # the main process says it
        try:
            train(experiment, folder, overrides, hardware, rank, **options)
        except UserError:
            time.sleep(10)  # the main process meets the same; it says so, and its end is that of this one
            raise
        return
    announce_main_process()
    log_file = folder.path / "run.log"
    with writable(log_file, folder.remedy):
        configure_logs(log_file)
    with record_status(folder), wandb.runs_ended():
        folder.remove_partial_files()
        content = train(experiment, folder, overrides, hardware, rank, **options)
        print_end(content, folder, experiment.config.name, experiment.trainer.monitor, brief=brief)


def train(
    experiment: Experiment,
    folder: RunFolder,
    overrides: Sequence[str],
    hardware: Hardware,
    rank: int = 0,
    *,
    resumption: Resumption | None,
    trial: Trial | None,
) -> dict[str, Any]:
    """Train, choose the best epoch on validation patients, test it.

    Of the processes of a distributed run, that of `rank` 0 alone reads and writes the folder.

    Returns:
        the content of `metrics.json`; empty where nobody is left to test, and in the other processes.
    """
    started = time.perf_counter()
    config, is_main = experiment.config, rank == 0
    pl.seed_everything(config.seed, workers=True, verbose=False)
    data = resumption.data if resumption else experiment.ready_data()
    if trial is not None and data.split.training_only:
        raise UserError(
            "A search compares its trials by validation patients, and this split leaves none; take another split."
        )
    channels = data.preprocess.channel_count
    network, weights = (build_network(config.model, channels), None) if resumption else start(config.model, channels)
    unused = experiment.dry_run(network, data)
    module = experiment.module(network, data, hardware)
    history = History(folder, experiment.title, data.split.protocol, module.monitor)
    interrupted = partial(record_interruption, folder) if is_main else None
    stop = GracefulStop(folder.last, waits_for_others=experiment.trainer.is_distributed, interrupted=interrupted)
    callbacks = experiment.callbacks(folder, data.split, history, stop)
    if is_main:
        require_space_for_checkpoints(folder, network, callbacks, config.trainer.max_epochs)
    if trial is not None:
        callbacks.append(Pruning(trial, history))  # last: it ends the run from within
    loggers = experiment.loggers(folder.path)
    boards = [logger for logger in loggers if isinstance(logger, WandbLogger)]
    validates = not data.split.training_only

    metadata: dict[str, Any] = {}
    if not resumption and is_main:
        metadata = provenance(hardware, overrides, config.seed, data.index, data.split)
        if weights is not None:
            metadata["starting_weights"] = weights.metadata(data.index, data.split)
            if warning := weights.warning(data.index, data.split):
                log.warning("%s", warning)

    def begin(*_: Any) -> None:
        if not is_main:
            return
        if not resumption:
            folder.write_json("provenance.json", metadata)
            return
        resumption.changes.record(folder, config, overrides)
        record_hardware(folder, hardware)
        folder.set_status("running")

    # A checkpoint is restored by then: until now, nothing of a resumed run has changed, and a new one can be refused.
    callbacks.append(LambdaCallback(on_train_start=begin))
    trainer = experiment.trainer.build(
        hardware, folder.path, callbacks, loggers, validates=validates, find_unused_parameters=unused
    )
    for board in boards if is_main else ():
        wandb.describe_run(board, config, metadata or folder.read_json("provenance.json"))
    with stop:
        checkpoint = resumption.checkpoint if resumption else None
        with refusals(), restoring(checkpoint):
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    begin()  # where no epoch was left to train
    if not is_main:
        return {}

    history.draw()
    for images in (c for c in callbacks if isinstance(c, ValidationImages)):
        images.draw(folder, data)
    content: dict[str, Any] = {}
    if not data.split.training_only:
        content, evaluation = experiment.test(folder, data, hardware, history.train_seconds)
        for board in boards:
            wandb.publish_result(evaluation, board, folder, content, data)
        for event_files in (logger for logger in loggers if isinstance(logger, TensorBoardLogger)):
            tensorboard.publish_result(event_files, folder, to_plain(config), content, trainer.global_step)
    seconds = {"wall_seconds": history.seconds_before + time.perf_counter() - started}
    folder.write_json("provenance.json", folder.read_json("provenance.json") | seconds)
    return content


if __name__ == "__main__":
    runpy.run_module("lgg_seg", run_name="__main__", alter_sys=True)
