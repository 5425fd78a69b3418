"""SIGTERM and Ctrl-C end a training between two batches, never within one."""

import os
import signal
from types import FrameType
from typing import Any

import pytorch_lightning as pl


class GracefulStop(pl.Callback):
    """Ends the training with exit code 128 + signal at the next batch; a second signal ends it where it is.

    A callback that `Trainer.fit` runs within: `with stop: trainer.fit(…)`. Inside, it answers for the two signals. The
    processes of a distributed run end at the same batch, whichever of them got the signal; the main one's exit code is
    that of the run.

    An exception raised by the handler itself would fall between any two instructions: inside TensorBoard's queue it
    leaves a waiting thread that nobody wakes, and the process hangs while it closes the logger.
    """

    def __init__(self) -> None:
        self._received: int | None = None
        self._replaced: dict[int, Any] = {}
        self._process = os.getpid()
        self._is_main = True

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) != signal.SIG_IGN:  # as Ctrl-C is for a job in the background
                self._replaced[number] = signal.signal(number, self._note)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals back from Lightning, whose handler talks to the other processes in the middle of a batch."""
        self._is_main = trainer.is_global_zero
        for number in self._replaced:
            signal.signal(number, self._note)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for number, handler in self._replaced.items():
            signal.signal(number, handler)
        if kind is None and self._received is not None:
            self._stop()  # it came after the last batch

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Stop if a signal has come."""
        self._stop_together(trainer)

    def on_validation_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Stop if a signal has come."""
        self._stop_together(trainer)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a loader's worker: Ctrl-C reaches it too, and its parent ends it
            if number == signal.SIGTERM:
                os._exit(128 + number)
        elif self._received is None:
            self._received = number
        elif callable(before := self._replaced[number]):
            before(number, frame)
        else:
            raise SystemExit(128 + number)

    def _stop_together(self, trainer: pl.Trainer) -> None:
        if trainer.strategy.reduce_boolean_decision(self._received is not None, all=False):
            self._stop()

    def _stop(self) -> None:
        # Lightning kills the main process when another one ends with an error.
        raise SystemExit(128 + (self._received or signal.SIGTERM) if self._is_main else 0)
