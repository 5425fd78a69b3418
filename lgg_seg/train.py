"""The whole story of a run: data, network, training, the best epoch, the test, the run folder."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.loggers import WandbLogger

from lgg_seg.cli.logs import configure_logs
from lgg_seg.config.validation import check_config
from lgg_seg.data.datamodule import DataModule
from lgg_seg.errors import UserError
from lgg_seg.evaluation import Evaluation, choose_threshold, evaluate
from lgg_seg.hardware import Hardware, peak_memory_bytes
from lgg_seg.reporting.run_figures import draw_evaluation
from lgg_seg.reporting.run_table import print_result
from lgg_seg.reporting.wandb.logger import describe_run, runs_ended
from lgg_seg.reporting.wandb.media import publish_result
from lgg_seg.runs.checkpoint import read_checkpoint
from lgg_seg.runs.cost import network_cost
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.provenance import provenance
from lgg_seg.runs.status import record_status
from lgg_seg.training.callbacks import GracefulStop, History, Progress, Pruning, Trial, ValidationImages, checkpoints
from lgg_seg.training.experiment import Experiment

log = logging.getLogger(__name__)


def run(config: DictConfig, path: Path, overrides: Sequence[str], *, trial: Trial | None = None) -> None:
    """A new run in the folder `path`, from the data to the table on the terminal.

    Raises:
        UserError: anything the user can mend; `status.json` says it too.
        Pruned: its study has stopped the `trial` that it is.
    """
    experiment = Experiment.of(config)
    folder = RunFolder(path)
    # Lightning starts the other processes of a distributed run by the same command.
    if int(os.environ.get("LOCAL_RANK", 0)) > 0:
        train(experiment, folder, overrides)
        return
    folder.create()
    configure_logs(folder.path / "run.log")
    for key in ("root", "cache_dir"):  # the folder alone must do, from whichever directory
        if config.data[key] is not None:
            config.data[key] = str(Path(config.data[key]).absolute())
    folder.write_config(config, overrides)
    with record_status(folder), runs_ended():
        _report(folder, train(experiment, folder, overrides, trial=trial), config.name)


def resume(path: Path, *, trial: Trial | None = None) -> None:
    """Go on with the run in the folder `path` where it stopped, with its own config.

    Raises:
        UserError: it is no run, has finished, has no checkpoint to go on from, or its data have changed.
        Pruned: its study has stopped the `trial` that it is.
    """
    folder = RunFolder(path)
    config, overrides = folder.read_config()
    check_config(config)
    if folder.read_json("status.json")["state"] == "finished":
        raise UserError(f"{path} has finished; start a new run, for example with a larger trainer.max_epochs.")
    experiment = Experiment.of(config)
    read_checkpoint(folder.last)
    configure_logs(folder.path / "run.log")
    with record_status(folder), runs_ended():
        _report(folder, train(experiment, folder, overrides, resume=True, trial=trial), config.name)


def train(
    experiment: Experiment,
    folder: RunFolder,
    overrides: Sequence[str],
    *,
    resume: bool = False,
    trial: Trial | None = None,
) -> dict[str, Any]:
    """Train, choose the best epoch on validation patients, test it, fill the folder.

    Returns:
        the content of `metrics.json`; nothing in the other processes of a distributed run.

    Raises:
        UserError: anything the user can mend.
    """
    started = time.perf_counter()
    config = experiment.config
    pl.seed_everything(config.seed, workers=True, verbose=False)
    hardware = experiment.trainer.prepare()
    data = experiment.data()
    data.prepare_data()
    data.setup("fit")
    for subset in ("val", "test"):
        if not data.split.slices(subset):
            raise UserError(f"The split leaves no {subset} patients; give split.{subset} a share or a number of them.")
    facts = provenance(hardware, overrides, config.seed, data.index, data.split)
    if resume:
        _refuse_other_data(folder, facts)
    module = experiment.module(data, hardware, pretrained=not resume)
    history = History(folder, f"{config.name}, seed {config.seed}", data.split.protocol)
    extras, stop = experiment.callbacks(), GracefulStop()
    callbacks = [
        stop,
        *extras,
        history,
        *checkpoints(folder, module.monitor),
        *([Progress()] if experiment.trainer.enable_progress_bar else []),
    ]
    if trial is not None:
        callbacks.append(Pruning(trial, history))  # last: it ends the run from within
    loggers = experiment.loggers(folder.path)
    boards = [logger for logger in loggers if isinstance(logger, WandbLogger)]
    for board in boards:
        describe_run(board, config, data.split.protocol)
    trainer = experiment.trainer.build(hardware, folder.path, callbacks, loggers)
    if not resume and trainer.is_global_zero:
        folder.write_json("provenance.json", facts)
    log.info("%s", _summary(data, module, hardware))
    with stop:
        trainer.fit(module, datamodule=data, ckpt_path=folder.last if resume else None, weights_only=True)
    if not trainer.is_global_zero:
        return {}

    history.draw()
    for images in (c for c in extras if isinstance(c, ValidationImages)):
        images.draw(folder, data)
    content, evaluation = test(experiment, folder, data, hardware, history.train_seconds)
    for board in boards:
        publish_result(evaluation, board, folder, content, data)
    folder.write_json(
        "provenance.json",
        {**folder.read_json("provenance.json"), "wall_seconds": time.perf_counter() - started},
    )
    return content


def test(
    experiment: Experiment, folder: RunFolder, data: DataModule, hardware: Hardware, train_seconds: float
) -> tuple[dict[str, Any], Evaluation]:
    """Measure the best checkpoint on the test patients; write numbers, tables and figures.

    Returns:
        the content of `metrics.json`, and what it was made from.
    """
    settings, loss = experiment.evaluation, experiment.loss
    predictor = experiment.predictor(folder, data, hardware)
    threshold = choose_threshold(predictor, data, loss, settings)
    evaluation = evaluate(predictor, data, "test", loss, threshold["value"], settings)
    cost = {
        **network_cost(predictor.network, data.preprocess.channel_count, data.cache.images.shape[1:3], hardware),
        "checkpoint_bytes": folder.best.stat().st_size,
        "train_seconds": train_seconds,
        "peak_memory_bytes": peak_memory_bytes(hardware.device),
    }
    content = evaluation.result("test", data.split.protocol, threshold, settings, data.patient_metadata, cost)
    evaluation.write(folder, ".", content, data.patient_metadata)
    draw_evaluation(evaluation, folder, "figures", data, content)
    return content, evaluation


def _report(folder: RunFolder, content: dict[str, Any], name: str) -> None:
    print_result(content, name)
    print(f"run folder: {folder.display_path}")


def _refuse_other_data(folder: RunFolder, facts: dict[str, Any]) -> None:
    before = folder.read_json("provenance.json")
    if (before["data_fingerprint"], before["split"]["hash"]) != (facts["data_fingerprint"], facts["split"]["hash"]):
        raise UserError(
            f"{folder.path} was started on other data or another split than these; restore the tree that it was "
            "trained on, or start a new run."
        )


def _summary(data: DataModule, module: pl.LightningModule, hardware: Hardware) -> str:
    counts = " / ".join(str(data.patient_count(subset)) for subset in ("train", "val", "test"))
    parameters = sum(p.numel() for p in module.parameters() if p.requires_grad)
    return (
        f"patients {counts} (train / val / test, {data.split.protocol}), {parameters:,} trainable parameters, "
        f"{hardware.device.type}, {hardware.precision}"
    )
