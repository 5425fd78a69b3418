"""Folds of a cross-validation and seeds of one configuration become one result, or say why they do not."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from lgg_seg.comparison.runs import find_runs
from lgg_seg.comparison.tables import Leaderboard, build_leaderboard
from lgg_seg.reporting.leaderboard import markdown
from lgg_seg.statistics.bootstrap import summarise
from tests.comparison.run_folders import volumes, write_run


def board(folder: Path) -> Leaderboard:
    return build_leaderboard(find_runs([folder]))


def test_folds_are_merged_into_out_of_fold_patients(tmp_path: Path) -> None:
    everyone = volumes(9)
    names = list(everyone)
    dice = {name: 0.5 + 0.05 * i for i, name in enumerate(names)}
    for fold in range(3):
        part = {name: everyone[name] for name in names[fold::3]}
        overrides = ["split=kfold", "split.n_splits=3", f"split.fold={fold}"]
        write_run(tmp_path / str(fold), overrides, dice=dice, truths=part)
    write_run(tmp_path / "whole", dice=dice, truths=everyone)
    leaderboard = board(tmp_path)
    assert len(leaderboard.tables) == 1
    merged, whole = sorted(leaderboard.tables[0].entries, key=lambda entry: -entry.folds)
    assert (merged.folds, whole.folds) == (3, 1)
    for name in (
        "pooled/dice",
        "pooled/iou",
        "slice/dice",
        "detection/auroc",
        "lesion/f1",
        "calibration/ece",
    ):
        assert merged.metrics[name] == pytest.approx(whole.metrics[name], rel=1e-9), name


def test_seeds_are_averaged_patient_by_patient_and_their_spread_is_shown(tmp_path: Path) -> None:
    names = list(volumes(6))
    first = {name: 0.6 + 0.05 * i for i, name in enumerate(names)}
    second = {name: 0.9 - 0.05 * i for i, name in enumerate(names)}
    runs = [write_run(tmp_path / str(seed), [f"seed={seed}"], dice=d) for seed, d in ((0, first), (1, second))]
    (entry,) = board(tmp_path).tables[0].entries
    tables = [{row["patient"]: float(row["dice"]) for row in _csv(run)} for run in runs]
    mean = {name: (tables[0][name] + tables[1][name]) / 2 for name in names}
    assert entry.patients["dice"].to_dict() == pytest.approx(mean)
    assert entry.metrics["patient/dice"]["ci95"] == pytest.approx(list(summarise(list(mean.values())).ci95 or ()))
    means = [sum(table.values()) / 6 for table in tables]
    assert entry.seed_spread == pytest.approx(np.std(means, ddof=1))


def test_a_seed_without_all_folds_is_left_out_and_said_so(tmp_path: Path) -> None:
    everyone = volumes(6)
    names = list(everyone)
    for fold, seed in ((0, 0), (1, 0), (0, 1)):
        part = {name: everyone[name] for name in names[fold::2]}
        overrides = ["split=kfold", "split.n_splits=2", f"split.fold={fold}", f"seed={seed}"]
        write_run(tmp_path / f"{fold}_{seed}", overrides, truths=part)
    (entry,) = board(tmp_path).tables[0].entries
    assert (list(entry.seeds), entry.folds) == ([0], 2)
    assert entry.notes == ("seed 1 lacks 3 patients that another seed has, and is left out",)
    assert entry.notes[0] in markdown(board(tmp_path))


def test_a_cross_validation_with_folds_missing_says_so(tmp_path: Path) -> None:
    everyone = volumes(6)
    for fold in range(2):
        part = {name: everyone[name] for name in list(everyone)[fold::3]}
        write_run(tmp_path / str(fold), ["split=kfold", "split.n_splits=3", f"split.fold={fold}"], truths=part)
    (entry,) = board(tmp_path).tables[0].entries
    assert entry.notes == ("2 of 3 folds: the cross-validation is not complete",)


def test_folds_that_measured_the_same_patients_elsewhere_are_averaged(tmp_path: Path) -> None:
    for fold, dice in ((0, 0.5), (1, 0.9)):
        write_run(tmp_path / str(fold), ["split=kfold", "split.n_splits=2", f"split.fold={fold}"], dice=dice)
    (entry,) = board(tmp_path).tables[0].entries
    assert entry.metrics["patient/dice"]["mean"] == pytest.approx(0.7, abs=0.01)
    assert len(entry.seeds) == 2
    assert "averaged" in entry.notes[0]


def test_the_validation_patients_of_a_fold_are_a_result_of_their_own(tmp_path: Path) -> None:
    """They overlap with those of other folds, so that folds can neither be merged nor averaged."""
    everyone = volumes(6)
    for fold in range(3):
        part = {name: everyone[name] for name in list(everyone)[fold : fold + 3]}
        words = ["split=kfold", "split.n_splits=3", f"split.fold={fold}", "evaluation.subset=val"]
        folder = write_run(tmp_path / str(fold), words, truths=part)
        content = json.loads((folder / "metrics.json").read_text(encoding="utf-8")) | {"split": "val"}
        (folder / "metrics.json").write_text(json.dumps(content), encoding="utf-8")
    entries = [entry for table in board(tmp_path).tables for entry in table.entries]
    assert [len(entry.runs) for entry in entries] == [1, 1, 1]
    assert sorted(entry.notes for entry in entries) == [(f"validation patients of fold {k}",) for k in range(3)]


def _csv(run: Path) -> list[dict[str, str]]:

    with (run / "per_patient.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))
