"""SIGTERM and Ctrl-C end a training between two batches, never within one."""

import os
import signal
from types import FrameType
from typing import Any

import pytorch_lightning as pl


class GracefulStop(pl.Callback):
    """Ends the training with exit code 128 + signal at the next batch; a second signal ends it where it is.

    A callback that `Trainer.fit` runs within: `with stop: trainer.fit(…)`. Inside, it answers for the two signals.

    An exception raised by the handler itself would fall between any two instructions: inside TensorBoard's queue it
    leaves a waiting thread that nobody wakes, and the process hangs while it closes the logger.
    """

    def __init__(self) -> None:
        self._received: int | None = None
        self._replaced: dict[int, Any] = {}
        self._process = os.getpid()

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) != signal.SIG_IGN:  # as Ctrl-C is for a job in the background
                self._replaced[number] = signal.signal(number, self._note)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for number, handler in self._replaced.items():
            signal.signal(number, handler)
        if kind is None:
            self._stop()  # it came after the last batch

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Stop if a signal has come."""
        self._stop()

    def on_validation_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Stop if a signal has come."""
        self._stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Give Lightning's own SIGTERMException the exit code that shells expect."""
        if self._received is not None and isinstance(exception, SystemExit):
            exception.code = 128 + self._received

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

    def _stop(self) -> None:
        if self._received is not None:
            raise SystemExit(128 + self._received)
