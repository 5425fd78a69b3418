"""A run on every patient through the command line: its last epoch, its resume, where it is listed, what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch

from lgg_seg.runs.folder import RunFolder
from tests.workplace import RUN_FILES, TINY, Workplace, lgg, train

ON_EVERYONE = ("split=everyone", "trainer.max_epochs=2", "callbacks.early_stopping.patience=1", "logger=csv")


@pytest.fixture(scope="module")
def everyone(workplace: Workplace) -> Path:
    """Two epochs on all patients, with the default callbacks, of which early stopping would have ended it at once."""
    return train(workplace, "everyone", *ON_EVERYONE)


def test_a_run_on_every_patient_keeps_its_last_epoch_and_has_no_test(everyone: Path) -> None:
    split = json.loads((everyone / "provenance.json").read_text(encoding="utf-8"))["split"]
    assert [len(split[subset]) for subset in ("train", "val", "test")] == [12, 0, 0]
    assert all(len(digest) == 16 for digest in split["train"].values())
    assert json.loads((everyone / "status.json").read_text(encoding="utf-8"))["state"] == "finished"
    history = pd.read_csv(everyone / "history.csv")
    assert not [name for name in history.columns if name.startswith("val/")]
    best, last = (torch.load(everyone / "checkpoints" / f"{n}.ckpt", weights_only=True) for n in ("best", "last"))
    assert best["epoch"] == last["epoch"] == 1
    assert all(torch.equal(best["state_dict"][key], value) for key, value in last["state_dict"].items())
    files = {str(path.relative_to(everyone)) for path in everyone.rglob("*")}
    assert RUN_FILES - files == {"metrics.json", "per_patient.csv", "per_slice.csv"}


def test_a_run_on_every_patient_is_resumed_to_its_last_epoch(everyone: Path, workplace: Workplace) -> None:
    stopped = Path(shutil.copytree(everyone, workplace[0] / "everyone_stopped"))
    config = (stopped / "config.yaml").read_text(encoding="utf-8")
    (stopped / "config.yaml").write_text(config.replace("max_epochs: 2", "max_epochs: 3"), encoding="utf-8")
    RunFolder(stopped).set_status("interrupted")
    done = lgg(workplace, f"resume={stopped}")
    assert done.returncode == 0, done.stderr
    assert "no patient is left to test" in done.stdout
    assert torch.load(stopped / "checkpoints" / "best.ckpt", weights_only=True)["epoch"] == 2


def test_a_run_on_every_patient_is_listed_but_not_ranked_and_predicts(
    everyone: Path, workplace: Workplace, phantom_root: Path
) -> None:
    tested = train(workplace, "tested", "trainer.max_epochs=1", "logger=csv")
    compared = lgg(workplace, str(everyone), str(tested), "output=compared", module="lgg_seg.compare")
    assert compared.returncode == 0, compared.stderr
    assert "nobody is left to test" in compared.stdout
    table = pd.read_csv(workplace[0] / "compared" / "leaderboard.csv")
    assert table.loc[table["rank"].isna(), "status"].tolist() == ["finished"]
    for split in ("test", "val"):
        refused = lgg(workplace, f"run={everyone}", f"split={split}", module="lgg_seg.evaluate")
        assert refused.returncode == 2
        assert f"no {split} patients" in refused.stderr
    patient = next(path for path in phantom_root.iterdir() if path.is_dir())
    words = f"run={everyone}", f"input={patient}", "output=predicted", "device=cpu"
    done = lgg(workplace, *words, module="lgg_seg.predict")
    assert done.returncode == 0, done.stderr
    assert "1 of the volumes was trained on" in done.stdout


def test_a_search_without_validation_patients_is_refused(workplace: Workplace) -> None:
    words = "hydra/sweeper=optuna", "hydra.sweeper.n_trials=1", "optimizer.lr=interval(0.001,0.01)"
    done = lgg(workplace, "-m", *TINY, *ON_EVERYONE, *words, "hydra.sweep.dir=search")
    assert done.returncode == 1
    assert "A search compares its trials by validation patients" in done.stderr
