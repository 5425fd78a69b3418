"""The number that `trainer.monitor` names chooses the checkpoint, ends the training and marks the learning curve."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.optim import SGD
from torch.utils.data import DataLoader
from torchmetrics import MetricCollection

from lgg_seg import schedulers
from lgg_seg.config.overrides import check_overrides
from lgg_seg.config.validation import check_config
from lgg_seg.errors import UserError
from lgg_seg.losses import BCE
from lgg_seg.reporting.figures import learning_curves
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.monitor import SEGMENTATION_MONITORS, Monitor, monitor_of
from lgg_seg.training.base import Parts, TrainingModule
from lgg_seg.training.callbacks import EarlyStopping, History
from lgg_seg.training.checkpoints import EpochCheckpoints, checkpoints
from lgg_seg.training.experiment import Experiment
from tests.configs import composed

EPOCHS = [  # the best Dice, the best IoU and the least loss are in three epochs
    {"val/dice": 0.1, "val/iou": 0.1, "val/loss": 0.9},
    {"val/dice": 0.8, "val/iou": 0.5, "val/loss": 0.7},
    {"val/dice": 0.7, "val/iou": 0.6, "val/loss": 0.8},
    {"val/dice": 0.6, "val/iou": 0.5, "val/loss": 0.2},
    {"val/dice": 0.5, "val/iou": 0.4, "val/loss": 0.3},
    {"val/dice": 0.4, "val/iou": 0.3, "val/loss": 0.4},
]
ITEMS: Any = [{"slice": torch.tensor(1)}] * 2
BEST = {"val/dice": 1, "val/iou": 2, "val/loss": 3}


class Scripted(TrainingModule):
    """One weight to train, and the validation numbers of `EPOCHS`."""

    def __init__(self, monitor: Monitor) -> None:
        parts = Parts(nn.Linear(1, 1), BCE(), partial(SGD, lr=0.1), schedulers.none)
        metric: Any = partial(MetricCollection, [])
        super().__init__(parts, metric, monitor, plateau_metrics=())

    def training_step(self, batch: dict[str, torch.Tensor], _batch_idx: int) -> torch.Tensor:
        loss = self.network(batch["slice"].float()[:, None]).square().mean()
        self.train_loss.update(loss, 1)
        self.log("train/dice", 0.5, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, _batch: Any, _batch_idx: int) -> None:
        numbers = dict(EPOCHS[self.current_epoch])
        self.val_loss.update(torch.tensor(numbers.pop("val/loss")), 1)
        self.log_dict(numbers)


def fit(
    folder: Path,
    name: str,
    extras: list[pl.Callback],
    epochs: int = len(EPOCHS),
    *words: str,
    resume: bool = False,
    module: type[Scripted] = Scripted,
) -> History:
    monitor = SEGMENTATION_MONITORS[name]
    history = History(RunFolder(folder), "scripted", "patient", monitor)
    overrides = ["trainer=debug", "trainer.enable_progress_bar=false", f"trainer.max_epochs={epochs}", *words]
    settings = Experiment.of(composed(*overrides)).trainer
    within = settings.validates_within_epochs
    kept = checkpoints(RunFolder(folder), monitor, settings.validated_every, within_epochs=within)
    callbacks = [history, *extras, *kept]
    trainer = settings.build(settings.prepare(), folder, callbacks, [])
    batches: DataLoader[Any] = DataLoader(ITEMS)
    last = folder / "checkpoints" / "last.ckpt" if resume else None
    trainer.fit(module(monitor), batches, batches, ckpt_path=last, weights_only=True)
    return history


@pytest.mark.parametrize("name", SEGMENTATION_MONITORS)
def test_checkpoint_and_learning_curve_mark_the_best_epoch_by_the_monitor(name: str, tmp_path: Path) -> None:
    history = fit(tmp_path, name, [])
    kept, last = (torch.load(tmp_path / "checkpoints" / f"{n}.ckpt", weights_only=True) for n in ("best", "last"))
    assert (kept["epoch"], last["epoch"]) == (BEST[name], len(EPOCHS) - 1)
    title, value = SEGMENTATION_MONITORS[name].title, EPOCHS[BEST[name]][name]
    figure = learning_curves(history.rows, "scripted", history.monitor)
    (monitored,) = [axes for axes in figure.axes if "best" in axes.get_title()]
    assert monitored.get_title() == f"{title}: best {value:.3f}, epoch {BEST[name] + 1}"
    (validated,) = [line for line in monitored.lines if line.get_label() == "val"]
    assert list(validated.get_ydata()) == pytest.approx([epoch[name] for epoch in EPOCHS])
    figure.canvas.draw()
    for axes in figure.axes[:-1]:
        assert all(tick == round(tick) for tick in axes.get_xticks())
        (mark,) = [line for line in axes.lines if line.get_linestyle() == ":"]
        assert list(mark.get_xdata()) == [BEST[name] + 1] * 2


def test_the_weights_of_every_nth_epoch_stay_also_where_the_run_is_resumed(tmp_path: Path) -> None:
    fit(tmp_path, "val/dice", [EpochCheckpoints(2)], epochs=3)
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    fit(moved, "val/dice", [EpochCheckpoints(2)], resume=True)
    kept = {file.name: torch.load(file, weights_only=True) for file in moved.glob("checkpoints/epoch_*.ckpt")}
    assert {name: one["epoch"] for name, one in kept.items()} == {f"epoch_00{k + 1}.ckpt": k for k in (1, 3, 5)}
    assert all(len(one["callbacks"]["History"]["rows"]) == one["epoch"] + 1 for one in kept.values())


@pytest.mark.parametrize(("name", "epochs"), [("val/dice", 4), ("val/iou", 5), ("val/loss", 6)])
def test_early_stopping_follows_the_monitor(name: str, epochs: int, tmp_path: Path) -> None:
    assert len(fit(tmp_path, name, [EarlyStopping(patience=2)]).rows) == epochs


def test_of_epochs_that_are_not_all_validated_the_best_is_chosen_among_those_that_are(tmp_path: Path) -> None:
    history = fit(tmp_path, "val/dice", [], 6, "+trainer.check_val_every_n_epoch=2")
    validated = [(row["epoch"], row["val/dice"]) for row in history.rows]
    assert validated == [(k, pytest.approx(EPOCHS[k]["val/dice"])) for k in (1, 3, 5)]
    assert torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)["epoch"] == 1
    stopped = fit(tmp_path / "stopped", "val/dice", [EarlyStopping(1)], 6, "+trainer.check_val_every_n_epoch=2")
    assert [row["epoch"] for row in stopped.rows] == [1, 3], "patience counts validations"


def test_a_training_of_so_many_steps_ends_with_a_validation(tmp_path: Path) -> None:
    history = fit(tmp_path, "val/dice", [], 6, "+trainer.max_steps=3")
    assert [(row["step"], row["val/dice"]) for row in history.rows] == [
        (2, pytest.approx(0.1)),
        (3, pytest.approx(0.8)),
    ]
    assert torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)["global_step"] == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("+trainer.check_val_every_n_epoch=7", "check_val_every_n_epoch is 7; it must be from 1 to trainer.max_epochs"),
        ("+trainer.check_val_every_n_epoch=2 +trainer.max_steps=3", "take one of the two"),
    ],
)
def test_validations_that_leave_no_epoch_to_choose_are_refused(words: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=says):
        fit(tmp_path, "val/dice", [], 6, *words.split())


def test_a_sweep_compares_runs_by_dice_whatever_the_monitor(tmp_path: Path) -> None:
    rows = fit(tmp_path, "val/loss", [], epochs=2).rows
    assert max(map(monitor_of(rows).score, rows)) == pytest.approx(0.8)


def test_a_resumed_run_still_knows_its_best_epoch_by_the_monitor(tmp_path: Path) -> None:
    fit(tmp_path, "val/loss", [], epochs=4)
    history = fit(tmp_path, "val/loss", [], resume=True)
    assert [row["epoch"] for row in history.rows] == list(range(6))
    assert torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)["epoch"] == 3


@pytest.mark.parametrize(("typed", "meant"), [("val/dcie", "val/dice"), ("iou", "val/iou"), ("val_loss", "val/loss")])
def test_a_mistyped_monitor_is_refused_with_the_nearest_right_one(typed: str, meant: str) -> None:
    with pytest.raises(UserError, match=rf"trainer\.monitor is '{typed}'; did you mean {meant}\?"):
        check_config(composed(f"trainer.monitor={typed}"))


def test_early_stopping_has_no_monitor_of_its_own_to_mistype() -> None:
    with pytest.raises(UserError, match=r"callbacks\.early_stopping\.monitor: no such key"):
        check_overrides(["callbacks.early_stopping.monitor=val/dcie"], sweep=False)


def test_a_classifier_has_no_masks_to_choose_an_epoch_by() -> None:
    overrides = ["model=classifier_resnet50", "model.weights=null", "loss=bce"]
    Experiment.of(composed(*overrides))
    with pytest.raises(UserError, match=r"trainer\.monitor=null"):
        Experiment.of(composed(*overrides, "trainer.monitor=val/dice"))
