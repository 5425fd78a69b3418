from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from lgg_seg.training.graceful_stop import GracefulStop


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Those that a process starts with in the foreground; in the background Ctrl-C is ignored."""
    fresh: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in fresh.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Signalled(pl.LightningModule):
    """Sends itself a signal in the middle of its second batch, `times` times."""

    def __init__(self, number: signal.Signals, times: int = 1) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.number, self.times, self.finished = number, times, 0

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        if index == 1:
            for _ in range(self.times):
                os.kill(os.getpid(), self.number)
        self.finished += 1
        return (self.weight * batch).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(module: Signalled, checkpoint: Path, accumulated: int = 1) -> int | str | None:
    """The exit code with which the training ends."""
    stop = GracefulStop(checkpoint)
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_progress_bar=False, enable_model_summary=False,
        callbacks=[stop], accumulate_grad_batches=accumulated, val_check_interval=1,  # there is nothing to validate
    )  # fmt: skip
    items: Any = torch.ones(4, 1)
    with pytest.raises(SystemExit) as end, stop:
        trainer.fit(module, DataLoader(items))
    return end.value.code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize(("accumulated", "batches"), [(1, 2), (3, 3)])
def test_a_signal_saves_and_ends_the_training_after_its_step(
    number: signal.Signals, code: int, accumulated: int, batches: int, tmp_path: Path
) -> None:
    before = signal.getsignal(number)
    module = Signalled(number)
    assert fit(module, tmp_path / "last.ckpt", accumulated) == code
    assert module.finished == batches
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert saved["global_step"] == batches / accumulated
    assert torch.equal(saved["state_dict"]["weight"], module.weight.cpu())
    assert signal.getsignal(number) == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_the_training_within_its_batch(number: signal.Signals, code: int, tmp_path: Path) -> None:
    module = Signalled(number, times=2)
    assert fit(module, tmp_path / "last.ckpt") == code
    assert module.finished == 1
    assert not list(tmp_path.iterdir())


def test_a_signal_that_the_process_ignores_stays_ignored(tmp_path: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with GracefulStop(tmp_path / "last.ckpt"):
        os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
