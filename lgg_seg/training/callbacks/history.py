"""`history.csv` and the learning curves, brought up to date after every epoch."""

from __future__ import annotations

import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from lgg_seg.reporting.figures import learning_curves
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.monitor import Monitor
from lgg_seg.training.base import TrainingModule


class History(Checkpoint):
    """A row an epoch: losses, Dice, IoU, learning rate, seconds, training slices a second.

    The rows travel in the checkpoint, so that a resumed run's history has neither a gap nor a repetition. It is a
    `Checkpoint` because Lightning calls only those after the module has logged the epoch, and in order: given before
    the one that saves the weights, it has the epoch's row ready for it.
    """

    def __init__(self, folder: RunFolder, title: str, protocol: str) -> None:
        self.folder = folder
        self.title = f"{title}, protocol {protocol}"
        self.protocol = protocol
        self.monitor: Monitor | None = None
        self.rows: list[dict[str, Any]] = []
        self._started = self._trained = 0.0
        self._slices = 0
        self._rate = 0.0

    @property
    def train_seconds(self) -> float:
        """Time spent in all epochs so far, validation included."""
        return float(sum(row["seconds"] for row in self.rows))

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Learn from the module what the best epoch is chosen by."""
        if isinstance(pl_module, TrainingModule):
            self.monitor = pl_module.monitor

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock; note the learning rate the epoch begins with."""
        self._rate = float(trainer.optimizers[0].param_groups[0]["lr"])
        self._started, self._trained, self._slices = time.perf_counter(), 0.0, 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count slices; the clock read here leaves validation out of the training speed."""
        self._slices += len(batch["slice"])
        self._trained = time.perf_counter() - self._started

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add the epoch's row and write the table."""
        metrics = trainer.callback_metrics
        measured = {name: float(metrics[name]) for name in sorted(metrics) if name.startswith(("train/", "val/"))}
        self.rows.append(
            {
                "epoch": trainer.current_epoch,
                "step": trainer.global_step,
                **measured,
                "lr": self._rate,
                "seconds": time.perf_counter() - self._started,
                "train_slices_per_second": self._slices / max(self._trained, 1e-9),
                "protocol": self.protocol,
            }
        )
        if trainer.is_global_zero:
            self.folder.write_table("history.csv", self.rows)

    def draw(self) -> None:
        """Write `figures/learning_curves.png`."""
        if self.rows:
            with self.folder.writing("figures/learning_curves.png") as path:
                learning_curves(self.rows, self.title, self.monitor).savefig(path, dpi=150)

    def state_dict(self) -> dict[str, Any]:
        """The rows so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the rows of the run that is resumed."""
        self.rows = list(state_dict["rows"])
