"""`python -m lgg_seg.lr_find`: a rate for each step, the loss of each, and the rate at which it falls fastest."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lgg_seg import lr_find
from lgg_seg.config.overrides import check_overrides, compose_config
from lgg_seg.training.lr_finder import RateCurve
from tests.workplace import TINY

SMALL = [*TINY, "data.batch_size=4", "data.workers=0", "augment=none"]
RATES = np.geomspace(1e-6, 1, 61)


def test_the_suggestion_is_the_rate_at_which_the_loss_falls_fastest() -> None:
    fall = 1 / (1 + (RATES / 1e-3) ** 1.5)  # steepest at a rate of 1e-3
    assert RateCurve(RATES, fall).suggestion == pytest.approx(1e-3)
    blow_up = np.where(RATES > 0.1, 3.0, 0.0)
    noise = np.random.default_rng(0).normal(0, 0.02, len(RATES))
    assert RateCurve(RATES, fall + blow_up + noise).suggestion == pytest.approx(1e-3, rel=0.6)
    last_without_tumour = np.where(RATES[-1] == RATES, 0.0, fall + blow_up + noise)
    assert RateCurve(RATES, last_without_tumour).suggestion == pytest.approx(1e-3, rel=0.6)
    assert RateCurve(RATES, 1 + RATES).suggestion is None


@pytest.mark.parametrize(
    "words", [["optimizer=adam"], ["optimizer=sgd", "scheduler=onecycle"], ["optimizer=rmsprop"], ["lr=3"]]
)
def test_every_optimizer_steps_once_with_each_rate_and_nothing_but_the_curve_is_left(
    words: list[str], phantom_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*SMALL, *words, f"data.root={phantom_root}", "trainer.accumulate_grad_batches=2"]
    folder = tmp_path / "found"
    assert lr_find.main([*words, "min_lr=1e-5", "max_lr=0.1", "num_training=24", f"output={folder}"]) == 0
    assert {path.name for path in folder.iterdir()} == {"lr_find.csv", "lr_find.png"}
    curve = pd.read_csv(folder / "lr_find.csv")
    assert curve["lr"].to_numpy() == pytest.approx(np.geomspace(1e-5, 0.1, 24))
    first, best = curve["smoothed_loss"].iloc[:5].mean(), curve["smoothed_loss"].min()
    assert best < first - 0.1, "the rates are those of the optimizer"
    assert np.ptp(curve["loss"].iloc[:5]) < 0.1, "and so are the first, which hardly change the network"
    trains = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert trains[:3] == ["python", "-m", "lgg_seg"]
    check_overrides(trains[3:], sweep=False)
    suggested = compose_config(trains[3:]).optimizer.lr
    assert curve["lr"].iloc[np.abs(curve["lr"] - suggested).argmin()] == pytest.approx(suggested, rel=0.05)


def test_a_training_that_diverges_ends_the_curve(
    phantom_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = ["model=unet", "model.filters=2", "loss=bce", "optimizer=sgd"]
    words = [word for word in SMALL if not word.startswith("model")]
    words = [*words, *network, f"data.root={phantom_root}", "max_lr=1e12", "num_training=40"]
    assert lr_find.main([*words, f"output={tmp_path / 'found'}"]) == 0
    losses = pd.read_csv(tmp_path / "found" / "lr_find.csv")["loss"]
    assert 10 < len(losses) < 40
    assert losses.max() < 4 * losses[:10].max()
    assert lr_find.main([*words, "min_lr=1e11", f"output={tmp_path / 'none'}"]) == 2
    assert "diverges at a learning rate of 1e+11 already; give a smaller min_lr=." in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model=unet_slimm"], "did you mean unet_slim?"),
        (["max_lr=1e-9"], "min_lr is 1e-06; it must be above 0 and below max_lr"),
        (["max_lr=x"], "max_lr is 'x'"),
        (["num_training=5"], "num_training is 5; it must be 20 or more"),
        (["trainer.devices=2"], "trainer.devices=1"),
        (["resume=runs/a"], "resume=runs/a is not for lr_find: it takes the words of one new training"),
        (["-m", "seed=1,2"], "-m is not for lr_find"),
        (["output=."], "cannot be written (File exists); give another output="),
        (["+callbacks.finder._target_=pytorch_lightning.callbacks.LearningRateFinder"], "python -m lgg_seg.lr_find"),
    ],
)
def test_what_cannot_be_tried_is_refused_in_one_sentence(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert lr_find.main(words) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert error.startswith("error: ")
    assert message in error
    assert not list(tmp_path.rglob("lr_find.*"))


def test_own_configs_are_found_and_named_in_the_command(
    phantom_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "my conf" / "experiment"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("# @package _global_\nname: mine\n", encoding="utf-8")
    words = [*SMALL, f"data.root={phantom_root}", "experiment=mine", "num_training=20", f"output={tmp_path / 'found'}"]
    words.append("learning-rate=0.5")
    assert lr_find.main(["--config-dir", str(own.parent), *words]) == 0
    trains = shlex.split(capsys.readouterr().out.splitlines()[-1])[3:]
    check_overrides(trains, sweep=False)
    assert [word.partition("=")[0] for word in trains if "rate" in word or "lr" in word] == ["optimizer.lr"]
    assert compose_config(trains).name == "mine"
