"""A zoo entry of a run that was trained on every patient: its card has the numbers of its recipe's folds."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lgg_seg.app import page as app_page
from lgg_seg.deploy.publish import add
from lgg_seg.errors import UserError
from lgg_seg.inference.trained import from_zoo
from lgg_seg.predict import main as predict
from lgg_seg.runs.folder import RunFolder
from lgg_seg.zoo.__main__ import main as zoo
from tests.comparison.run_folders import Volume, tree_volumes, write_run
from tests.workplace import lgg

FOLDS = 3
NOTE = "Its recipe was chosen on 3 of these patients."
RECIPE = (
    "model=unet_slim", "model.alpha=0.125", "preprocess.size=32", "loss=bce_dice", "trainer=debug",
    "trainer.max_epochs=1", "evaluation.tta=true", "evaluation.postprocess=largest_component",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(phantom_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("everyone")
    environment = os.environ | {"LGG_DATA_ROOT": str(phantom_root), "OMP_NUM_THREADS": "1"}
    words = (*RECIPE, "split=everyone", "logger=csv", "trainer.enable_progress_bar=false", "hydra.run.dir=run")
    done = lgg((folder, environment), *words)
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.fixture(scope="module")
def volumes(phantom_root: Path) -> dict[str, Volume]:
    return tree_volumes(phantom_root)


def write_fold(
    run: Path, volumes: dict[str, Volume], place: Path, fold: int, *overrides: str, fingerprint: str = "", **more: Any
) -> None:
    """A fold of the run's recipe, measured on every third patient of its data."""
    part = {name: volumes[name] for name in list(volumes)[fold::FOLDS]}
    words = [*RECIPE, "split=kfold", f"split.n_splits={FOLDS}", f"split.fold={fold}", *overrides]
    folder = RunFolder(write_run(place / f"fold{fold}", words, truths=part, dice=0.5 + 0.1 * fold, **more))
    data = fingerprint or RunFolder(run).read_json("provenance.json")["data_fingerprint"]
    folder.write_json("provenance.json", folder.read_json("provenance.json") | {"data_fingerprint": data})
    measured = folder.read_json("metrics.json")
    folder.write_json("metrics.json", measured | {"tta": True, "postprocess": "largest_component"})


@pytest.fixture(scope="module")
def folds(run: Path, volumes: dict[str, Volume], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All folds, and one of another recipe."""
    place = tmp_path_factory.mktemp("folds")
    for fold in range(FOLDS):
        write_fold(run, volumes, place, fold)
    write_fold(run, volumes, place / "other", 0, "optimizer.lr=0.5")
    return place


@pytest.fixture(scope="module")
def entry(run: Path, folds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("models")
    words = f"run={run}", "name=whole", f"models={models}", f"cross_validation={folds}", f"note={NOTE}"
    assert zoo(["add", *words]) == 0
    return models / "whole"


def test_the_card_has_the_out_of_fold_numbers_and_says_whose_they_are(entry: Path, folds: Path) -> None:
    card = json.loads((entry / "card.json").read_text(encoding="utf-8"))
    tables = [pd.read_csv(folds / f"fold{fold}" / "per_patient.csv") for fold in range(FOLDS)]
    dice = pd.concat(tables)["dice"]
    assert card["metrics"]["patient/dice"]["mean"] == pytest.approx(dice.mean())
    assert card["metrics"]["patient/dice"]["median"] == pytest.approx(dice.median())
    assert next(iter(card["metrics"])) == "patient/dice", "the headline first"
    counts = pd.concat(tables)[["tp", "fp", "fn"]].sum()
    assert card["metrics"]["pooled/dice"] == pytest.approx(2 * counts.tp / (2 * counts.tp + counts.fp + counts.fn))
    assert (card["tested"]["patients"], card["tested"]["slices"]) == (12, 72)
    assert [network["fold"] for network in card["tested"]["networks"]] == [0, 1, 2]
    assert len(card["training"]["split"]["train"]) == 12
    assert sum(group["patients"] for group in card["strata"]["tumour_size"].values()) == 12
    page = (entry / "README.md").read_text(encoding="utf-8")
    for said in ("of 3 networks of the same recipe", "have seen all 12 patients", "tested on nobody"):
        assert said in card["tested"]["statement"]
        assert said in page
        assert said in app_page.tested_on(card["tested"], all_recorded=True)
    assert "The checkpoint was chosen on" not in page
    assert NOTE in card["limits"]
    assert f"- {NOTE}" in page
    assert card["half_precision"]["slices"] == 16, "of the run's own patients, as there are no others"


def test_a_prediction_follows_the_recipe(entry: Path, phantom_root: Path, tmp_path: Path) -> None:
    trained = from_zoo(entry)
    assert (trained.tta, trained.postprocess, trained.threshold) == (True, "largest_component", 0.5)
    patient = next(path for path in phantom_root.iterdir() if path.is_dir())
    assert predict([f"zoo={entry}", f"input={patient}", f"output={tmp_path / 'out'}", "device=cpu"]) == 0
    settings = json.loads((tmp_path / "out" / "provenance.json").read_text(encoding="utf-8"))
    assert (settings["mirror"], settings["postprocess"]) == (True, "largest_component")
    volume = pd.read_csv(tmp_path / "out" / "per_volume.csv")
    assert np.all(volume["seen_in_training"])


def refused(run: Path, folds: Path | None, models: Path, message: str) -> None:
    with pytest.raises(UserError, match=message):
        add(run, "whole", models, None, folds)
    assert not list(models.glob("whole"))


def test_a_run_without_a_test_needs_folds_and_one_with_a_test_takes_none(
    run: Path, trained_run: Path, folds: Path, tmp_path: Path
) -> None:
    refused(run, None, tmp_path, "cross_validation=FOLDER")
    refused(trained_run, folds, tmp_path, "a test of its own")
    refused(run, run, tmp_path, "holds no fold")


def test_folds_of_another_recipe_are_refused_with_what_differs(
    run: Path, volumes: dict[str, Volume], tmp_path: Path
) -> None:
    for fold in range(FOLDS):
        write_fold(run, volumes, tmp_path / "folds", fold, "optimizer.lr=0.5")
    refused(run, tmp_path / "folds", tmp_path, r"another recipe than .*: optimizer\.lr is 0\.5, not 0\.001")


def test_folds_that_do_not_cover_the_patients_of_the_same_data_are_refused(
    run: Path, volumes: dict[str, Volume], tmp_path: Path
) -> None:
    for fold in range(FOLDS - 1):
        write_fold(run, volumes, tmp_path / "folds", fold)
    refused(run, tmp_path / "folds", tmp_path, "tested 8 of the 12 patients")
    write_fold(run, volumes, tmp_path / "folds", FOLDS - 1, fingerprint="0" * 64)
    refused(run, tmp_path / "folds", tmp_path, "tested 8 of the 12 patients")


def test_two_cross_validations_of_the_recipe_in_one_folder_are_refused(
    run: Path, volumes: dict[str, Volume], tmp_path: Path
) -> None:
    for place, seed in (("one", 0), ("two", 1)):
        for fold in range(FOLDS):
            write_fold(run, volumes, tmp_path / "folds" / place, fold, f"split.seed={seed}")
    refused(run, tmp_path / "folds", tmp_path, "2 cross-validations of this recipe")
