"""A trial reports every epoch to its study, which ends a hopeless run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
import pytorch_lightning as pl
import torch
from optuna.trial import TrialState
from torch.utils.data import DataLoader

from lgg_seg.errors import Pruned
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.monitor import DICE
from lgg_seg.training.callbacks import History, Pruning


class Scripted(pl.LightningModule):
    """Its validation Dice of each epoch is given."""

    def __init__(self, dice: list[float]) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.dice = dice

    def training_step(self, batch: dict[str, torch.Tensor], _index: int) -> torch.Tensor:
        return self.layer(batch["slice"]).mean()

    def on_train_epoch_end(self) -> None:
        self.log("val/dice", self.dice[self.current_epoch])
        for name in ("train/loss", "train/dice", "val/loss"):
            self.log(name, 1.0)

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(folder: Path, dice: list[float], trial: optuna.Trial, past: tuple[float, ...] = ()) -> History:
    """Train; a resumed run has a past in its history, here epochs 10, 11, …, so that no number recurs."""
    run = RunFolder(folder)
    run.create()
    history = History(run, "test", "patient", DICE)
    history.rows = [{"epoch": 10 + i, "val/dice": value, "val/loss": 1.0} for i, value in enumerate(past)]
    trainer = pl.Trainer(
        max_epochs=len(dice), callbacks=[history, Pruning(trial, history)], logger=False, accelerator="cpu",
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    items: Any = [{"slice": torch.ones(1)}]
    trainer.fit(Scripted(dice), DataLoader(items))
    return history


@pytest.fixture
def study() -> optuna.Study:
    """One trial has finished with a Dice of 0.5 in each of its three epochs."""
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(1, 0))
    good = study.ask()
    for epoch in range(3):
        good.report(0.5, epoch)
    study.tell(good, 0.5, state=TrialState.COMPLETE)
    return study


def test_every_epoch_is_reported(study: optuna.Study, tmp_path: Path) -> None:
    trial = study.ask()
    fit(tmp_path / "run", [0.5, 0.6, 0.7], trial)
    assert study.trials[trial.number].intermediate_values == pytest.approx({0: 0.5, 1: 0.6, 2: 0.7})


def test_the_past_of_a_resumed_run_is_reported_too(study: optuna.Study, tmp_path: Path) -> None:
    """To a trial that was queued again, it is new."""
    trial = study.ask()
    fit(tmp_path / "run", [0.5, 0.6], trial, past=(0.3, 0.4))
    reported = study.trials[trial.number].intermediate_values
    assert reported == pytest.approx({10: 0.3, 11: 0.4, 0: 0.5, 1: 0.6})


def test_a_hopeless_run_is_pruned_with_the_reason(study: optuna.Study, tmp_path: Path) -> None:
    trial = study.ask()
    with pytest.raises(Pruned, match=r"after epoch 1: a best validation patient Dice of 0\.100"):
        fit(tmp_path / "run", [0.1, 0.9, 0.9], trial)
    assert list(study.trials[trial.number].intermediate_values) == [0]
    assert (tmp_path / "run" / "figures" / "learning_curves.png").exists()


def test_a_run_in_its_last_epoch_is_not_pruned(study: optuna.Study, tmp_path: Path) -> None:
    assert len(fit(tmp_path / "run", [0.5, 0.5, 0.1], study.ask()).rows) == 3
    assert len(fit(tmp_path / "short", [0.1], study.ask()).rows) == 1
