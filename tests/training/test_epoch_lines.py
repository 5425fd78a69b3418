"""The lines of a training: an estimate, then one an epoch, counted from 1."""

from __future__ import annotations

from pathlib import Path

import pytest

from lgg_seg.runs.monitor import DICE, LOSS, monitor_of
from lgg_seg.train import run
from lgg_seg.training import epoch_lines
from lgg_seg.training.callbacks import seconds_left
from lgg_seg.training.epoch_lines import epoch_line
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


@pytest.mark.parametrize(("long", "timed"), [(0.0, 1), (1e9, 10)])
def test_a_training_is_estimated_once_from_few_batches_and_from_fewer_if_they_are_slow(
    long: float, timed: int, phantom_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epoch_lines, "LONG", long)
    words = [*TINY, f"data.root={phantom_root}", "data.batch_size=2", "split.val=3", "split.test=4", "logger=csv"]
    words += ["trainer.max_epochs=2", "trainer.limit_train_batches=14", "callbacks=none", "evaluation.max_patients=1"]
    run(composed(*words), tmp_path / "run", words, brief=True)
    (line,) = (one for one in (tmp_path / "run" / "run.log").read_text("utf-8").splitlines() if " of them, " in one)
    assert "2 epochs of 14 batches: about " in line
    assert line.endswith(f", as timed over {timed} of them, and validation on top")
