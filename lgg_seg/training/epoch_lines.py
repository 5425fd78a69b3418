"""What a reader of a log sees of a training: an estimate before it starts, then a line an epoch."""

import logging
from typing import Any, cast

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint
from torch import nn

from lgg_seg.cli.logs import say
from lgg_seg.data.datamodule import DataModule
from lgg_seg.reporting.formatting import duration, three
from lgg_seg.runs.monitor import LAST, LOSS, Monitor, epoch_of, monitor_of
from lgg_seg.training.base import TrainingModule
from lgg_seg.training.callbacks import History, seconds_left
from lgg_seg.training.dry_run import step_seconds

log = logging.getLogger(__name__)

FEW = 20  # batches; a training of fewer is not estimated, which takes two of them


class EpochLines(Checkpoint):
    """A line an epoch in `run.log`, and on stdout where there is no progress bar.

    It stands in the list after `History`, whose row it reads; a `Checkpoint` for the reason that that one is.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self._told = 0  # rows

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Estimate what is left to train. The rows of a resumed run were told before it stopped."""
        self._told = len(self.history.rows)
        assert isinstance(pl_module, TrainingModule)
        if not trainer.is_global_zero or trainer.should_stop or trainer.fit_loop.restarted_mid_epoch:
            return  # the clock of an epoch that goes on is running
        if any(isinstance(layer, nn.SyncBatchNorm) for layer in pl_module.network.modules()):
            return  # it would wait for the other processes
        steps = int(trainer.estimated_stepping_batches) - trainer.global_step  # an epoch's last may have fewer batches
        epochs = (trainer.max_epochs or 0) - trainer.current_epoch
        batches = min(steps * trainer.accumulate_grad_batches, epochs * int(trainer.num_training_batches))
        if batches < FEW:
            return
        data = cast(DataModule, trainer.datamodule)  # type: ignore[attr-defined]  # set by fit(datamodule=)
        seconds = batches * step_seconds(pl_module, data.training_shape(trainer.world_size))
        say(log, f"{batches} batches to train: about {duration(seconds)} here, loading and validation not counted")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if len(rows := self.history.rows) > self._told:
            self._told = len(rows)
            self._say(trainer, epoch_line(rows, trainer.max_epochs, self.history.monitor))

    on_validation_end = on_train_epoch_end  # of a validation within an epoch

    def _say(self, trainer: pl.Trainer, line: str) -> None:
        if trainer.is_global_zero:
            say(log, line, printed=trainer.progress_bar_callback is None)


def epoch_line(rows: list[dict[str, Any]], epochs: int | None, monitor: Monitor | None = None) -> str:
    """What the last of the rows of `history.csv` brought; the best epoch is that by `monitor`."""
    row, monitor = rows[-1], monitor or monitor_of(rows)
    parts = [f"epoch {epoch_of(row)}/{epochs}"]
    parts += [f"{name.replace('/', ' ')} {three(row[name])}" for name in ("train/loss", "val/loss") if name in row]
    if monitor != LAST:
        best = max(rows, key=monitor.score)
        if monitor != LOSS:  # which stands there already
            parts.append(f"val {monitor.title} {three(row[monitor.column])}")
        parts.append(f"best {three(best[monitor.column])} (epoch {epoch_of(best)})")
    parts += [f"rate {row['lr']:.2g}", duration(row["seconds"])]
    if left := seconds_left(rows, epochs):
        parts.append(f"about {duration(left)} left")
    return ", ".join(parts)
