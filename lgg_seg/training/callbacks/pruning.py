"""A run that is a trial of a study: told of every epoch, and stopped when the study has seen enough."""

from __future__ import annotations

from typing import Protocol

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from lgg_seg.errors import Pruned
from lgg_seg.runs.monitor import monitor_of
from lgg_seg.training.callbacks.history import History


class Trial(Protocol):
    """What the callback asks of a trial; Optuna's has both."""

    def report(self, value: float, step: int) -> None:
        """Tell the study the value of one epoch."""
        ...

    def should_prune(self) -> bool:
        """Whether the study calls the trial hopeless, after what was reported."""
        ...


class Pruning(Checkpoint):
    """Reports every epoch's score, those of a resumed run's past too, and ends a hopeless run.

    A `Checkpoint` for the reason that `History` is one: given after it and after those that save the weights, it
    finds the epoch's row there, and the epoch's checkpoint on disk. A run that has reached its last epoch is let
    through: nothing would be saved by stopping it.

    Raises:
        Pruned: from within the training, when the study says so.
    """

    def __init__(self, trial: Trial, history: History) -> None:
        self.trial = trial
        self.history = history
        self._reported = 0

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report what is new, and ask."""
        rows = self.history.rows
        monitor = monitor_of(rows)
        for row in rows[self._reported :]:
            self.trial.report(monitor.score(row), row["epoch"])
        self._reported = len(rows)
        last = trainer.current_epoch + 1 == trainer.max_epochs
        if not last and self.trial.should_prune():
            self.history.draw()
            best = max(rows, key=monitor.score)[monitor.column]
            raise Pruned(
                f"pruned after epoch {trainer.current_epoch}: a best validation {monitor.title} of {best:.3f} is worse "
                "than what half of the other trials had by then"
            )
