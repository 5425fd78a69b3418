"""Validations within an epoch: each has a row, may be the best one, and counts for early stopping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lgg_seg.errors import UserError
from lgg_seg.reporting.figures import learning_curves
from lgg_seg.training.callbacks import EarlyStopping
from tests.training.test_best_epoch import EPOCHS, Scripted, fit

TWICE = "+trainer.val_check_interval=0.5"  # an epoch has two batches


class ByStep(Scripted):
    """The validation numbers of `EPOCHS`, one step after the other."""

    def validation_step(self, _batch: Any, _batch_idx: int) -> None:
        numbers = dict(EPOCHS[self.global_step - 1])
        self.val_loss.update(torch.tensor(numbers.pop("val/loss")), 1)
        self.log_dict(numbers)


@pytest.mark.parametrize("interval", ["0.5", "1"])
def test_each_validation_has_a_row_and_the_best_one_is_kept(interval: str, tmp_path: Path) -> None:
    history = fit(tmp_path, "val/iou", [], 3, f"+trainer.val_check_interval={interval}", module=ByStep)
    places = [(row["epoch"], row["epoch_part"], row["step"]) for row in history.rows]
    assert places == [(0, 0.5, 1), (0, 1, 2), (1, 0.5, 3), (1, 1, 4), (2, 0.5, 5), (2, 1, 6)]
    assert [row["val/iou"] for row in history.rows] == pytest.approx([numbers["val/iou"] for numbers in EPOCHS])
    losses = [row["train/loss"] for row in history.rows]
    assert losses == sorted(losses, reverse=True), "each is that of the batch since the row before"
    assert len(set(losses)) == 6
    kept, last = (torch.load(tmp_path / "checkpoints" / f"{n}.ckpt", weights_only=True) for n in ("best", "last"))
    assert (kept["global_step"], last["global_step"]) == (3, 6)
    figure = learning_curves(history.rows, "scripted", history.monitor)
    (monitored,) = [axes for axes in figure.axes if "best" in axes.get_title()]
    assert monitored.get_title() == "patient IoU: best 0.600, epoch 1.5"
    assert list(monitored.lines[0].get_xdata()) == [0.5, 1, 1.5, 2, 2.5, 3]


@pytest.mark.parametrize(("name", "rows"), [("val/dice", 3), ("val/iou", 4)])
def test_patience_counts_validations_and_a_run_stopped_within_an_epoch_stays_so(
    name: str, rows: int, tmp_path: Path
) -> None:
    stopped = fit(tmp_path, name, [EarlyStopping(1)], 3, TWICE, module=ByStep)
    assert len(stopped.rows) == rows
    again = fit(tmp_path, name, [EarlyStopping(1)], 3, TWICE, module=ByStep, resume=True)
    assert again.rows == stopped.rows


def test_a_share_and_epochs_between_go_together(tmp_path: Path) -> None:
    history = fit(tmp_path, "val/dice", [], 3, TWICE, "+trainer.check_val_every_n_epoch=3", module=ByStep)
    assert [(row["epoch"], row["step"]) for row in history.rows] == [(2, 5), (2, 6)]


def test_without_the_option_no_row_says_which_part_of_an_epoch_it_comes_after(tmp_path: Path) -> None:
    for words in ([], ["+trainer.val_check_interval=1.0"]):
        history = fit(tmp_path / str(len(words)), "val/dice", [], 1, *words)
        assert [set(row) & {"epoch", "epoch_part"} for row in history.rows] == [{"epoch"}]


def test_a_share_of_less_than_a_batch_is_a_batch_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    history = fit(tmp_path, "val/dice", [], 1, "+trainer.val_check_interval=0.001", module=ByStep)
    assert len(history.rows) == 2
    assert "val_check_interval=0.001 of an epoch's 2 batches is less than one" in caplog.text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([TWICE, "trainer.accumulate_grad_batches=2"], "is 1 of an epoch's 2 batches, within a step of"),
        (["+trainer.val_check_interval=3"], "but an epoch has 2 batches; take that many or fewer"),
        (["+trainer.val_check_interval=0"], "val_check_interval is 0; it must be a share of an epoch"),
        (["+trainer.val_check_interval=1.5"], "it must be a share of an epoch"),
        (["+trainer.val_check_interval=00:10:00"], "it must be a share of an epoch"),
        ([TWICE, "+trainer.check_val_every_n_epoch=null"], "check_val_every_n_epoch is null; take 1"),
    ],
)
def test_an_interval_that_is_none_is_refused(words: list[str], says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=says):
        fit(tmp_path, "val/dice", [], 3, *words, module=ByStep)
