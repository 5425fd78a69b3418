"""What runs beside the training steps: early stopping, history, progress bar, pruning."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
from pytorch_lightning import callbacks as lightning
from pytorch_lightning.callbacks import Checkpoint, RichProgressBar

from lgg_seg.errors import Pruned, require
from lgg_seg.reporting.figures import learning_curves, write_png
from lgg_seg.reporting.formatting import duration
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.monitor import LAST, Monitor, epoch_of, epochs_done, monitor_of, scores
from lgg_seg.training.base import TrainingModule
from lgg_seg.training.validations import is_measured, validates_within_epochs

if TYPE_CHECKING:
    from optuna import Trial


class EarlyStopping(lightning.EarlyStopping):
    """Stops when what chooses the best checkpoint has not improved for `patience` epochs, or validations within one."""

    def __init__(self, patience: int = 20) -> None:
        require(patience >= 1, "callbacks.early_stopping.patience", patience, "1 or more")
        super().__init__(monitor="", patience=patience)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        assert isinstance(pl_module, TrainingModule)
        # Anew, because the first value to beat follows from the mode; a checkpoint's state is restored after this.
        super().__init__(
            monitor=pl_module.monitor.column,
            mode=pl_module.monitor.mode,
            patience=self.patience,
            # Lightning by itself would take an interval of 1 batch for one of an epoch.
            check_on_train_epoch_end=not validates_within_epochs(trainer) and trainer.check_val_every_n_epoch == 1,
        )
        super().setup(trainer, pl_module, stage)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop at once a run that had stopped before it was resumed: it was ended in its test."""
        trainer.should_stop = trainer.should_stop or self.stopped_epoch > 0 or self.wait_count >= self.patience


class Progress(RichProgressBar):
    """Lightning's bar on stderr, without the loggers' version in it."""

    def __init__(self) -> None:
        super().__init__(console_kwargs={"stderr": True})

    def _get_train_description(self, current_epoch: int) -> str:
        return f"epoch {current_epoch + 1}/{self.trainer.max_epochs}"

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        """What stands beside the bar: the last numbers, the best score so far, and the time that is left in all."""
        shown = {name: value for name, value in super().get_metrics(trainer, pl_module).items() if name != "v_num"}
        rows = next((one.rows for one in trainer.callbacks if isinstance(one, History)), [])  # type: ignore[attr-defined]  # Lightning's trainer has them
        if rows and isinstance(pl_module, TrainingModule) and (monitor := pl_module.monitor) != LAST:
            shown["best"] = f"{max(rows, key=monitor.score)[monitor.column]:.3f}"
        if left := seconds_left(rows, trainer.max_epochs):
            shown["left"] = duration(left)
        return shown


def seconds_left(rows: list[dict[str, Any]], epochs: int | None) -> float:
    """What the remaining epochs take at the mean speed of the last three rows; early stopping may end them sooner."""
    if not rows:
        return 0.0
    done = epochs_done(rows[-1])
    before = epochs_done(rows[-4]) if len(rows) > 3 else 0
    return float(sum(row["seconds"] for row in rows[-3:])) / (done - before) * ((epochs or done) - done)


class History(Checkpoint):
    """`history.csv`: a row for each epoch that is validated, or for each validation within epochs.

    Within an epoch, `epoch_part` is the share of its batches that were done, and the training's numbers and the rate
    are of those since the row before. `monitor` marks the best row of the learning curves.

    The rows travel in the checkpoint, so that a resumed run's history has neither a gap nor a repetition. It is a
    `Checkpoint` because Lightning calls only those after the module has logged the epoch, and in order: given before
    the one that saves the weights, it has the epoch's row ready for it.
    """

    def __init__(self, folder: RunFolder, title: str, protocol: str, monitor: Monitor) -> None:
        self.folder = folder
        self.title = f"{title}, protocol {protocol}"
        self.protocol = protocol
        self.monitor = monitor
        self.rows: list[dict[str, Any]] = []
        self.seconds_before = 0.0  # of the epochs that a resumed run had done
        self._started = self._trained = self._lr = self._without_row = 0.0
        self._slices = 0

    @property
    def train_seconds(self) -> float:
        """Time spent in all epochs so far, validation included."""
        return float(sum(row["seconds"] for row in self.rows)) + self._without_row

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock; note the learning rate the epoch begins with, which a logged one is to seven digits."""
        self._begin(trainer)

    def _begin(self, trainer: pl.Trainer) -> None:
        self._lr = float(trainer.optimizers[0].param_groups[0]["lr"])
        self._started, self._trained, self._slices = time.perf_counter(), 0.0, 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the slices of all processes; the clock read here leaves validation out of the training speed."""
        self._slices += len(batch["slice"]) * trainer.world_size
        self._trained = time.perf_counter() - self._started

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if validates_within_epochs(trainer):
            done = trainer.fit_loop.batch_idx + 1
            self._add_row(trainer, epoch_part=done / trainer.num_training_batches)
            self._begin(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if is_measured(trainer):
            self._add_row(trainer)
        else:
            self._without_row += time.perf_counter() - self._started

    def _add_row(self, trainer: pl.Trainer, **part: float) -> None:
        seconds, self._without_row = self._without_row + time.perf_counter() - self._started, 0.0
        metrics = trainer.callback_metrics
        measured = {name: float(metrics[name]) for name in sorted(metrics) if name.startswith(("train/", "val/"))}
        speed = self._slices / max(self._trained, 1e-9)
        row = {"epoch": trainer.current_epoch, **part, "step": trainer.global_step, **measured, "lr": self._lr}
        self.rows.append(row | {"seconds": seconds, "train_slices_per_second": speed, "protocol": self.protocol})
        for logger in trainer.loggers:
            logger.log_metrics({"train_slices_per_second": speed}, trainer.global_step)
        if trainer.is_global_zero:
            self.folder.write_table("history.csv", self.rows)

    def draw(self) -> None:
        if self.rows:
            with self.folder.writing("figures/learning_curves.png") as path:
                write_png(learning_curves(self.rows, self.title, self.monitor), path, 150)

    def state_dict(self) -> dict[str, Any]:
        """The rows so far, and the clock of an epoch that is not over."""
        clock = {"seconds": time.perf_counter() - self._started, "trained": self._trained, "slices": self._slices}
        return {"rows": self.rows, "lr": self._lr, "without_row": self._without_row, **clock}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore them in the run that is resumed; older versions saved the rows alone."""
        self.rows = list(state_dict["rows"])
        self._without_row = state_dict.get("without_row", 0.0)
        self.seconds_before = self.train_seconds
        if "seconds" in state_dict:
            self._lr, self._trained, self._slices = (state_dict[name] for name in ("lr", "trained", "slices"))
            self._started = time.perf_counter() - state_dict["seconds"]


class Pruning(Checkpoint):
    """Reports every epoch's score, those of a resumed run's past too, to the run's study, and ends a hopeless run.

    A `Checkpoint` for the reason that `History` is one: given after it and after those that save the weights, it
    finds the epoch's row there, and the epoch's checkpoint on disk. A run that has reached its last epoch is let
    through: nothing would be saved by stopping it.
    """

    def __init__(self, trial: Trial, history: History) -> None:
        self.trial = trial
        self.history = history
        self._reported = 0

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report what is new, and ask whether to go on."""
        rows = self.history.rows
        if len(rows) == self._reported:
            return
        monitor = monitor_of(rows)
        for score, number in scores(rows, monitor)[self._reported :]:
            self.trial.report(score, number)
        self._reported = len(rows)
        last = trainer.current_epoch + 1 == trainer.max_epochs
        if not last and self.trial.should_prune():
            self.history.draw()
            best = max(rows, key=monitor.score)[monitor.column]
            raise Pruned(
                f"pruned after epoch {epoch_of(rows[-1])}: a best validation {monitor.title} of {best:.3f} is "
                "worse than what half of the other trials had by then"
            )

    on_validation_end = on_train_epoch_end  # of a validation within an epoch
