"""The learning-rate finder: a training whose rate grows at every step, and the rate at which its loss falls fastest.

L. N. Smith, "Cyclical learning rates for training neural networks" (arXiv 1506.01186), section 3.3. Lightning's own
finder (2.6) averages from half of the first loss on, so that a curve seems to rise, and takes the slope over the rate
instead of its logarithm, so that the noise at the smallest rates decides.
"""

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytorch_lightning as pl
from omegaconf import DictConfig, open_dict
from pytorch_lightning.callbacks import Checkpoint
from scipy.ndimage import gaussian_filter1d, median_filter

from lgg_seg.cli.progress import tracked
from lgg_seg.errors import Diverged, UserError
from lgg_seg.inference.starting_weights import start
from lgg_seg.metrics.arrays import Floats
from lgg_seg.runs.folder import AtomicFolder
from lgg_seg.training.base import Batch
from lgg_seg.training.experiment import Experiment
from lgg_seg.training.processes import started_together
from lgg_seg.training.trainer import refusals

FIRST, DIVERGED = 10, 4  # steps whose losses are those of an untrained network, and what multiple of them ends it
SMOOTHING = 0.05  # of the steps: the standard deviation of the Gaussian window


class RateSteps(Checkpoint):
    """Sets the optimizer's rate for each of its steps, and keeps the losses of the batches that the step adds up.

    It is a `Checkpoint` so that Lightning adds none of its own.
    """

    def __init__(self, rates: Iterator[float]) -> None:
        self._rates = rates
        self.losses: list[list[float]] = []

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        if trainer.global_step == len(self.losses):
            self.losses.append([])
            rate = next(self._rates)
            for group in trainer.optimizers[0].param_groups:
                group["lr"] = rate

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note the loss; raise Diverged where it is not finite, or far above those of the first rates."""
        loss = float(outputs["loss"])
        grown = len(self.losses) > FIRST and loss > DIVERGED * max(map(max, self.losses[:FIRST]))
        if grown or not math.isfinite(loss):
            raise Diverged(f"The training loss became {loss:g}.")
        self.losses[-1].append(loss)


@dataclass(frozen=True)
class RateCurve:
    """The training loss (N,) of the step with each learning rate (N,), as it was and smoothed over its neighbours."""

    rates: Floats
    losses: Floats

    @property
    def smoothed(self) -> Floats:
        """The losses under a Gaussian window, which unlike a running average does not lag.

        Medians of five come first: one batch without tumour has hardly any loss, and says nothing of its rate.
        """
        medians = median_filter(self.losses, 5)
        smoothed: Floats = gaussian_filter1d(medians, max(1, SMOOTHING * len(self.losses)), mode="nearest")
        return smoothed

    @property
    def suggestion(self) -> float | None:
        """The rate at which the smoothed loss falls fastest with the logarithm of the rate; None where it never falls.

        The last rates, from the lowest loss on, are those at which the training diverges; the last twentieth is too
        near the end to be smoothed.
        """
        smoothed = self.smoothed[: -math.ceil(SMOOTHING * len(self.losses))]
        lowest = int(smoothed.argmin())
        slopes = np.gradient(smoothed, np.log(self.rates[: len(smoothed)]))[: lowest + 1]
        steepest = int(slopes.argmin())
        return float(self.rates[steepest]) if slopes[steepest] < 0 else None


def find_lr(config: DictConfig, rates: Floats, folder: AtomicFolder) -> RateCurve:
    """Train a network of the config with each of the rates (N,), ascending, for one step; it ends where that diverges.

    Schedule, callbacks, loggers and validation of the config are left out.
    """
    steps = len(rates)
    with open_dict(config):
        config.scheduler = {"_target_": "lgg_seg.schedulers.none", "_partial_": True}
        config.trainer.update(max_epochs=steps, max_steps=steps, enable_progress_bar=False)
        config.trainer.update(check_val_every_n_epoch=1, val_check_interval=None)
    experiment = Experiment.of(config)
    if experiment.trainer.is_distributed or started_together()[0] > 1:
        raise UserError("The rate is sought in one process; give trainer.devices=1 and all of its data.batch_size.")
    hardware = experiment.trainer.prepare()
    pl.seed_everything(config.seed, workers=True, verbose=False)
    data = experiment.ready_data()
    network, _ = start(config.model, data.preprocess.channel_count)
    experiment.dry_run(network, data)
    module = experiment.module(network, data, hardware)
    tried = iter(tracked(rates.tolist(), "learning rates"))
    swept = RateSteps(tried)
    trainer = experiment.trainer.build(hardware, folder.path, [swept], [], validates=False)
    with suppress(Diverged), refusals():
        trainer.fit(module, datamodule=data)
    for _ in tried:  # to the end of its bar, which would stay on the terminal
        pass
    losses = np.array([np.mean(batches) for batches in swept.losses if batches])
    if len(losses) < 2:
        raise UserError(f"The training diverges at a learning rate of {rates[0]:g} already; give a smaller min_lr=.")
    return RateCurve(rates[: len(losses)], losses)
