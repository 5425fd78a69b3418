"""What a reader of a log sees of a training: an estimate after a few batches, then a line an epoch."""

import logging
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from lgg_seg.cli.logs import say
from lgg_seg.reporting.formatting import duration, three
from lgg_seg.runs.monitor import LAST, LOSS, Monitor, epoch_of, monitor_of
from lgg_seg.training.callbacks import History, seconds_left

log = logging.getLogger(__name__)

WARM_UP, TIMED = 3, 10  # batches that are not timed, as the first ones are slow, and those that are
LONG = 20.0  # seconds after which fewer do


class EpochLines(Checkpoint):
    """A line an epoch in `run.log`, and on stdout where there is no progress bar.

    It stands in the list after `History`, whose row it reads; a `Checkpoint` for the reason that that one is.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self._started = 0.0
        self._estimated = False
        self._told = 0  # rows

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Those of a resumed run were told before it stopped."""
        self._told = len(self.history.rows)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Estimate the training from a few batches of the first epoch."""
        if self._estimated or self.history.rows or trainer.max_epochs is None:
            return
        timed, passed = batch_idx + 1 - WARM_UP, time.perf_counter() - self._started
        if timed <= 0:
            self._started = time.perf_counter()
        elif timed == TIMED or passed > LONG:
            self._estimated = True
            batches = int(trainer.num_training_batches)
            estimate = duration(passed / timed * batches * trainer.max_epochs)
            epochs = f"{trainer.max_epochs} epochs of {batches} batches: about {estimate}"
            self._say(trainer, f"{epochs}, as timed over {timed} of them, and validation on top")

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
