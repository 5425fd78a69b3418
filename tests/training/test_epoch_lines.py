"""The lines of a training: an estimate, then one an epoch, counted from 1."""

from __future__ import annotations

import re
import time
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from lgg_seg.losses import BCE
from lgg_seg.networks import UNet
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.monitor import DICE, LOSS, monitor_of
from lgg_seg.schedulers import none
from lgg_seg.train import resume, run
from lgg_seg.training import SegmentationModule, dry_run, epoch_lines
from lgg_seg.training.base import Parts
from lgg_seg.training.callbacks import History, seconds_left
from lgg_seg.training.epoch_lines import EpochLines, epoch_line
from lgg_seg.training.experiment import Experiment
from lgg_seg.training.resumption import Changes
from tests.configs import composed
from tests.workplace import TINY

ROWS = [
    {"epoch": k, "train/loss": 1.0 / (k + 1), "val/loss": 1.2, "val/dice": dice, "lr": 1e-3, "seconds": 30.0 + k}
    for k, dice in enumerate((0.5, 0.8, 0.7))
]


def test_a_line_has_epoch_losses_score_the_best_so_far_the_rate_and_what_is_left() -> None:
    assert epoch_line(ROWS, 12) == (
        "epoch 3/12, train loss 0.333, val loss 1.200, val patient Dice 0.700, best 0.800 (epoch 2), rate 0.001, 32 s, "
        "about 5 min left"
    )


def test_the_best_epoch_is_the_one_that_is_kept() -> None:
    rows = [row | {"val/loss": loss} for row, loss in zip(ROWS, (1.2, 1.1, 0.9), strict=True)]
    assert "val loss 0.900, best 0.900 (epoch 3), rate" in epoch_line(rows, 3, LOSS)
    assert (monitor_of(rows, "val/loss"), monitor_of(rows)) == (LOSS, DICE)


def test_without_validation_there_is_no_best_and_at_the_end_nothing_left() -> None:
    rows = [{"epoch": 0, "train/loss": 0.5, "lr": 3e-4, "seconds": 2.0}]
    assert epoch_line(rows, 1) == "epoch 1/1, train loss 0.500, rate 0.0003, 2 s"


def test_a_validation_within_an_epoch_has_its_share_in_the_line() -> None:
    rows = [ROWS[0] | {"epoch": k, "epoch_part": part} for k in range(3) for part in (14 / 59, 1.0)]
    assert epoch_line(rows[:-1], 4).startswith("epoch 2.24/4, train loss 1.000")
    assert epoch_line(rows, 4).endswith("best 0.500 (epoch 0.24), rate 0.001, 30 s, about 51 s left")


@pytest.mark.parametrize(("epochs", "left"), [(3, 0.0), (4, 31.0), (13, 310.0)])
def test_what_is_left_goes_by_the_last_epochs(epochs: int, left: float) -> None:
    assert seconds_left(ROWS, epochs) == left


WORDS = [*TINY, "data.batch_size=2", "split.val=3", "split.test=4", "logger=csv", "callbacks=none"]
WORDS += ["evaluation.max_patients=1", "trainer.limit_train_batches=10"]


def test_what_is_left_to_train_is_estimated_before_it_starts_also_of_a_resumed_run(
    phantom_root: Path, tmp_path: Path
) -> None:
    words = [*WORDS, f"data.root={phantom_root}", "trainer.max_epochs=2", "trainer.accumulate_grad_batches=4"]
    run(composed(*words), tmp_path / "run", words, brief=True)
    resume(tmp_path / "run", changes=Changes(max_epochs=5), brief=True)
    lines = (tmp_path / "run" / "run.log").read_text("utf-8").splitlines()
    told = [line.partition("epoch_lines: ")[2] for line in lines if "epoch_lines: " in line]
    assert re.fullmatch(r"20 batches to train: about \d+ s here, loading and validation not counted", told[0])
    assert told[1].startswith("epoch 1/2")
    assert re.fullmatch(r"30 batches to train: about \d+ s here, loading and validation not counted", told[3])
    assert told[4].startswith("epoch 3/5")


class Stopped(pl.Callback):
    """As early stopping does in a run that had stopped before it was resumed."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002  # Lightning's signature
        trainer.should_stop = True


@pytest.mark.parametrize("callbacks", [[], [Stopped()]])
def test_a_training_that_has_stopped_is_not_estimated(
    callbacks: list[pl.Callback], phantom_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = Experiment.of(composed(*WORDS, "trainer.max_epochs=2"))
    data = experiment.existing_data(phantom_root)
    data.setup()
    module = SegmentationModule(Parts(UNet(filters=2), BCE(), partial(torch.optim.SGD, lr=0.1), none), patients=12)
    history = History(RunFolder(tmp_path), "title", "patient", module.monitor)
    settings = experiment.trainer
    trainer = settings.build(settings.prepare(), tmp_path, [*callbacks, history, EpochLines(history)], [])
    trainer.fit(module, datamodule=data)
    assert ("20 batches to train" in capsys.readouterr().out) == (not callbacks)


def test_an_estimate_changes_nothing_of_the_training(
    phantom_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = []
    words = [*WORDS, f"data.root={phantom_root}", "trainer.max_epochs=2"]
    for few in (20, 21):
        monkeypatch.setattr(epoch_lines, "FEW", few)
        folder = tmp_path / str(few)
        run(composed(*words), folder, words, brief=True)
        assert ("batches to train" in (folder / "run.log").read_text("utf-8")) == (few == 20)
        weights.append(torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"])
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())


class Slow(nn.Module):
    """Sleeps in its first step for long, and less in the others."""

    taken: ClassVar[list[float]] = []

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        seconds = 0.05 if self.taken else 0.4
        self.taken.append(seconds)
        time.sleep(seconds)
        return x * self.weight


@pytest.mark.parametrize(("long", "steps"), [(0.3, 1), (60.0, 2)])
def test_the_second_step_is_timed_unless_the_first_was_long(
    long: float, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_run, "LONG", long)
    Slow.taken.clear()
    module = SegmentationModule(Parts(Slow(), BCE(), torch.optim.SGD, none), patients=1)
    module.trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    generator = torch.get_rng_state()
    seconds = dry_run.step_seconds(module, (1, 1, 2, 2))
    assert seconds >= 0.4 if steps == 1 else 0.05 <= seconds < 0.4
    assert len(Slow.taken) == steps
    assert torch.equal(torch.get_rng_state(), generator)
    assert module.network.weight.grad is None
