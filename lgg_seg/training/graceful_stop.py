"""SIGTERM and Ctrl-C end a training between two optimizer steps, never within one, and nothing of it is lost."""

import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from lgg_seg.training.processes import SignalWatch
from lgg_seg.training.validations import is_validated_after, validates_within_epochs

SIGNALS = (signal.SIGINT, signal.SIGTERM)

log = logging.getLogger(__name__)


class GracefulStop(Checkpoint):
    """Saves the training at the next optimizer step and ends it with exit code 128 + signal; a second one ends it now.

    A callback that `Trainer.fit` runs within: `with stop: trainer.fit(…)`. From an epoch's last step on, the epoch is
    validated and saved first: Lightning would go on from there without the validation. It is a `Checkpoint` because
    Lightning calls those after the others: an average of the weights has the step by then.

    The processes of a distributed run (`waits_for_others`) end at the same step, whichever of them got the signal; the
    main one's exit code is that of the run. Before it trains, such a process may wait for the others in vain: the first
    signal ends it at once, and `interrupted` does what is left to do, with the exit code.

    An exception raised by the handler itself would fall between any two instructions: inside TensorBoard's queue it
    leaves a waiting thread that nobody wakes, and the process hangs while it closes the logger.
    """

    def __init__(
        self, checkpoint: Path, *, waits_for_others: bool = False, interrupted: Callable[[int], None] | None = None
    ) -> None:
        self._checkpoint = checkpoint
        self._interrupted = interrupted
        self._watch = SignalWatch(self._end_at_once) if waits_for_others else None
        self._received: int | None = None
        self._replaced: dict[int, Any] = {}
        self._process = os.getpid()
        self._is_main = True

    def __enter__(self) -> None:
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:  # as Ctrl-C is for a job in the background
                self._replaced[number] = signal.signal(number, self._note)
        if self._watch is not None:
            self._watch.start()
            # For the processes that Lightning starts now: one that a signal ends while it imports has the main one
            # killed. This thread gets none then; that of the watch does.
            _mask(block=True)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Take the signals in every process: all are there."""
        if self._watch is not None:
            _mask(block=False)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals back from Lightning, whose handler talks to the other processes in the middle of a batch."""
        self._is_main = trainer.is_global_zero
        self._end_watch()
        for number in self._replaced:
            signal.signal(number, self._note)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._end_watch()
        for number, handler in self._replaced.items():
            signal.signal(number, handler)
        if kind is None and self._received is not None:
            self._stop()  # it came after the last batch

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop if a signal has come: what there is to save is saved."""
        if self._is_asked(trainer):
            self._stop()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save and stop if a signal has come, where the optimizer has taken a step and no validation follows."""
        done = batch_idx + 1
        stepped = done % trainer.accumulate_grad_batches == 0
        is_last = done == trainer.num_training_batches or trainer.global_step == trainer.max_steps
        is_validated = is_validated_after(trainer, done)
        if stepped and not (is_last or is_validated) and self._is_asked(trainer):
            trainer.save_checkpoint(self._checkpoint)
            self._stop()

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._received is not None:
            log.warning("stopping once the epoch is validated; a second signal stops at once, without the epoch")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop within an epoch, where that is saved by now."""
        if validates_within_epochs(trainer) and self._is_asked(trainer):
            self._stop()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a loader's worker: Ctrl-C reaches it too, and its parent ends it
            if number == signal.SIGTERM:
                os._exit(128 + number)
        elif self._received is None:
            self._received = number
        else:
            raise SystemExit(128 + number)

    def _end_watch(self) -> None:
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
            _mask(block=False)

    def _end_at_once(self, number: int) -> None:
        if number not in SIGNALS:
            return
        try:
            if self._interrupted is not None:
                self._interrupted(128 + number)
        finally:
            os._exit(128 + number)

    def _is_asked(self, trainer: pl.Trainer) -> bool:
        return trainer.strategy.reduce_boolean_decision(self._received is not None, all=False)

    def _stop(self) -> None:
        # Lightning kills the main process when another one ends with an error.
        raise SystemExit(128 + (self._received or signal.SIGTERM) if self._is_main else 0)


def _mask(*, block: bool) -> None:
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK if block else signal.SIG_UNBLOCK, SIGNALS)
