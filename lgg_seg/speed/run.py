"""What a run costs around its network: loader, callbacks and logging at each step, validation, the test."""

import io
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig

from lgg_seg.evaluation.subsets import evaluate
from lgg_seg.hardware import Hardware
from lgg_seg.networks.build import build_network
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.provenance import provenance
from lgg_seg.speed.steps import training_step
from lgg_seg.speed.timing import Timed, clock
from lgg_seg.training.base import Batch
from lgg_seg.training.callbacks import History
from lgg_seg.training.experiment import Experiment
from lgg_seg.training.graceful_stop import GracefulStop

SLICES = 16  # of a phantom patient
VALIDATED, TESTED = 3, 3  # patients
BATCHES = (4, 50)  # of an epoch, at least and at most


def run_words(size: int, batch_size: int, seconds: float, rate: float) -> list[str]:
    """Overrides of a run of two epochs on phantom heads, each of some `seconds` at `rate` slices a second."""
    batches = min(max(int(seconds * rate / batch_size), BATCHES[0]), BATCHES[1])
    patients = -(-batches * batch_size // SLICES) + VALIDATED + TESTED
    data = {"patients": patients, "slices": SLICES, "size": size}
    return [
        "data=phantom", *(f"data.tree.{key}={value}" for key, value in data.items()), f"split.val={VALIDATED}",
        f"split.test={TESTED}", f"preprocess.size={size}", f"data.batch_size={batch_size}", "trainer.max_epochs=2",
    ]  # fmt: skip


def run_costs(config: DictConfig, hardware: Hardware) -> Iterator[tuple[str, dict[str, float]]]:
    """A run of the config beside a bare loop over its batches, and its validation and test, on `hardware`.

    `overhead` has slices a second of both, without the first batch of an epoch, and `added`, the share that the run
    takes more. `protocol` has the seconds a slice of validation and of the test, and those that each of the two takes
    once: checkpoints and history, and intervals, tables and figures.
    """
    now = clock(hardware)
    with TemporaryDirectory() as place, _silent():
        root, folder = Path(place), RunFolder(Path(place) / "run")
        folder.create()
        config.data.root, config.data.cache_dir = str(root / "tree"), str(root / "cache")
        experiment = Experiment.of(config)
        data = experiment.ready_data()
        module = experiment.module(build_network(config.model, data.preprocess.channel_count), data, hardware)
        history = History(folder, "bench", data.split.protocol, module.monitor)
        times = BareLoop(training_step(config, hardware), now)
        callbacks = experiment.callbacks(folder, data.split, history, GracefulStop(folder.last))
        trainer = experiment.trainer.build(hardware, folder.path, [times, *callbacks], experiment.loggers(folder.path))
        folder.write_json("provenance.json", provenance(hardware, [], config.seed, data.index, data.split))
        trainer.fit(module, datamodule=data)
        before = now()
        settings, runner = experiment.evaluation, experiment.runner(folder, data, hardware)
        evaluate(runner, data, "test", experiment.loss, settings.fixed_threshold, settings)
        measured = now() - before
        experiment.test(folder, data, hardware, history.train_seconds)
        once = now() - before - 2 * measured
    bare, whole = min(times.bare), min(times.whole)
    batch_size = config.data.batch_size
    yield "overhead", {"bare": batch_size / bare, "run": batch_size / whole, "added": whole / bare - 1}
    protocol = {"validation": min(times.validation) / len(data.split.val), "test": measured / len(data.split.test)}
    yield "protocol", {**protocol, "epoch_once": min(times.ends), "test_once": once}


class BareLoop(pl.Callback):
    """Seconds a batch of an epoch, and of the same batches again in a loop with nothing around the step.

    It comes first of a run's callbacks. The first batch of either is not counted; `ends` is what an epoch takes after
    it.
    """

    def __init__(self, step: Callable[[Batch], None], now: Timed) -> None:
        self._step, self._now = step, now
        self.whole: list[float] = []
        self.bare: list[float] = []
        self.validation: list[float] = []
        self.ends: list[float] = []
        self._batches: list[Batch] = []
        self._began = 0.0

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        self._batches.append(batch)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx == 0:
            self._began = self._now()
        elif batch_idx + 1 == trainer.num_training_batches:
            self.whole.append((self._now() - self._began) / batch_idx)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._began = self._now()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.validation.append(self._now() - self._began)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        first, *others = self._batches
        self._step(first)
        self._began = self._now()
        for batch in others:
            self._step(batch)
        self.bare.append((self._now() - self._began) / len(others))
        self._batches.clear()
        self._began = self._now()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.bare:
            self.ends.append(self._now() - self._began)


@contextmanager
def _silent() -> Iterator[None]:
    """Without a run's own lines, but for its bar on a terminal: a benchmark prints what it measures."""
    bar = sys.stderr if sys.stderr.isatty() else io.StringIO()
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(bar):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
