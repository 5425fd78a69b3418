"""Classifiers in the leaderboard: tables of their own, numbers recomputed by hand, paired differences."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from lgg_seg.compare import compare_folders
from lgg_seg.comparison.classification import ClassifierTable
from lgg_seg.comparison.runs import find_runs
from lgg_seg.comparison.tables import build_leaderboard
from lgg_seg.evaluation import EvaluationSettings
from lgg_seg.evaluation.classification import ClassifierEvaluation, PatientPredictions
from lgg_seg.networks.classifier import Target
from lgg_seg.reporting.leaderboard import classifiers_markdown, print_classifiers
from lgg_seg.runs.folder import RunFolder
from tests.comparison.run_folders import write_run
from tests.configs import composed

PATIENTS = [f"TCGA_CS_{number:04d}_19960101" for number in range(8)]


def write_classifier(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    skill: float = 0.3,
    target: Target = "tumour",
    patients: Sequence[str] = PATIENTS,
    noise: int = 0,
) -> ClassifierEvaluation:
    """A finished run's folder without a training: probabilities that are `skill` higher where the answer is yes."""
    overrides = ["model=classifier_resnet50", f"model.target={target}", "loss=bce", *overrides]
    config = composed(*overrides)
    folder = RunFolder(path)
    folder.create()
    folder.write_config(config, overrides)
    folder.set_status("finished")
    split = {"protocol": "patient", "hash": "0" * 16, "train": {}, "val": {}, "test": dict.fromkeys(patients, "")}
    folder.write_json("provenance.json", {"data_fingerprint": "f" * 64, "split": split})
    folder.write_table("history.csv", [{"epoch": 0, "val/auroc": 0.9, "val/loss": 0.3}])
    each = []
    for patient in patients:
        place = PATIENTS.index(patient)
        generator = np.random.default_rng((config.seed, place, noise))
        truth = np.arange(20) < 4 + place if target == "tumour" else np.full(20, place % 2 == 0)
        probability = np.clip(0.3 * generator.random(20) + 0.3 + skill * truth, 0, 1).astype(np.float32)
        each.append(PatientPredictions(patient, tuple(range(1, 21)), probability, truth))
    evaluation = ClassifierEvaluation(target, 0.5, tuple(each), (0.3,), seconds=1.0)
    threshold = {"value": 0.5, "from": "fixed"}
    cost = {"parameters": 24_558_145, "train_seconds": 60.0}
    content = evaluation.result("test", "patient", threshold, EvaluationSettings(n_bootstrap=20), cost)
    evaluation.write(folder, content)
    return evaluation


def tables_of(folder: Path) -> tuple[ClassifierTable, ...]:
    return build_leaderboard(find_runs([folder])).classifiers


def test_two_classifiers_are_in_one_table_with_a_paired_difference(tmp_path: Path) -> None:
    frozen = write_classifier(tmp_path / "frozen", ["model.freeze_encoder=true"], skill=0.1)
    tuned = write_classifier(tmp_path / "tuned", ["model.freeze_encoder=false"], skill=0.25)
    (table,) = tables_of(tmp_path)
    assert [entry.label for entry in table.entries] == [
        "classifier_resnet50, freeze_encoder=false",
        "classifier_resnet50, freeze_encoder=true",
    ]
    areas = [roc_auc_score(one.slices.truth, one.slices.probability) for one in (tuned, frozen)]
    assert [entry.estimates["slice/auroc"].value for entry in table.entries] == pytest.approx(areas)
    difference = table.entries[1].difference
    assert difference is not None
    assert difference.mean == pytest.approx(areas[1] - areas[0])

    generator = np.random.default_rng(7)
    gaps = []
    for drawn in generator.integers(8, size=(800, 8)):
        rows = np.concatenate([np.flatnonzero(tuned.slices.patient == p) for p in drawn])
        truth = tuned.slices.truth[rows]
        gaps.append(
            roc_auc_score(truth, frozen.slices.probability[rows]) - roc_auc_score(truth, tuned.slices.probability[rows])
        )
    assert difference.ci95 == pytest.approx(np.quantile(gaps, [0.025, 0.975]), abs=0.01)
    assert table.entries[1].worse
    assert "Worse on these patients, with one seed: classifier_resnet50, freeze_encoder=true." in table.verdict
    assert table.caveats.startswith("Every configuration was trained with one seed")


def test_two_that_differ_by_chance_alone_are_not_separated(tmp_path: Path) -> None:
    write_classifier(tmp_path / "a", ["optimizer.lr=1e-3"], noise=1)
    write_classifier(tmp_path / "b", ["optimizer.lr=1e-4"], noise=2, skill=0.3)
    (table,) = tables_of(tmp_path)
    assert not table.entries[1].worse
    assert "cannot separate it from" in table.verdict


def test_the_terminal_has_seeds_unless_it_says_that_all_have_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = []
    for name, overrides in {"a": ["seed=1"], "b": ["optimizer.lr=1e-4"], "c": ["seed=2"]}.items():
        write_classifier(tmp_path / name, overrides)
        print_classifiers(tables_of(tmp_path))
        words = capsys.readouterr().out.split()
        told.append(("seeds" in words, "Every configuration was trained with one seed" in " ".join(words)))
    assert told == [(True, False), (False, True), (True, False)]


def test_seeds_are_averaged_and_folds_are_merged(tmp_path: Path) -> None:
    areas = []
    for seed in (1, 2):
        parts = []
        for fold in (0, 1):
            overrides = [f"seed={seed}", "split=kfold", "split.n_splits=2", f"split.fold={fold}"]
            place = tmp_path / f"{seed}_{fold}"
            parts.append(write_classifier(place, overrides, patients=PATIENTS[fold::2], skill=0.15))
        truth = np.concatenate([part.slices.truth for part in parts])
        probability = np.concatenate([part.slices.probability for part in parts])
        areas.append(roc_auc_score(truth, probability))
    (table,) = tables_of(tmp_path)
    (entry,) = table.entries
    assert len(entry.comparability.patients) == 8
    assert entry.estimates["slice/auroc"].value == pytest.approx(np.mean(areas))
    assert entry.seed_spread == pytest.approx(np.std(areas, ddof=1))


def test_numbers_of_one_run_are_those_of_its_metrics_json(tmp_path: Path) -> None:
    for target in ("tumour", "grade"):
        write_classifier(tmp_path / target, target=target, skill=0.1)
        content = json.loads((tmp_path / target / "metrics.json").read_text(encoding="utf-8"))
        (table,) = tables_of(tmp_path / target)
        for name, estimate in table.entries[0].estimates.items():
            recorded = content["metrics"].get(name, {"value": None})  # of tumour, a patient has no F1
            assert estimate.value == pytest.approx(recorded["value"]), name


def test_other_targets_other_patients_and_segmentation_are_not_in_one_table(tmp_path: Path) -> None:
    write_classifier(tmp_path / "a", ["optimizer.lr=1e-3"])
    write_classifier(tmp_path / "b", ["optimizer.lr=1e-4"])
    write_classifier(tmp_path / "grade", target="grade")
    write_classifier(tmp_path / "few", ["optimizer.lr=1e-2"], patients=PATIENTS[:5])
    write_run(tmp_path / "segmentation", ["model=unet_slim"])
    tables = tables_of(tmp_path)
    assert [table.comparability.protocol.target for table in tables] == ["tumour", "grade", "tumour"]
    assert [(len(table.entries), len(table.patients)) for table in tables] == [(2, 8), (1, 8), (1, 5)]
    assert tables[0].reason == ""
    assert "another question: grade, not tumour" in tables[1].reason
    assert "other patients: 5 measured" in tables[2].reason


def test_the_leaderboards_files_hold_both_tasks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = tmp_path / "runs"
    evaluation = write_classifier(runs / "classifier")
    write_run(runs / "segmentation", ["model=unet_slim"])
    compare_folders([runs], tmp_path / "out")
    with (tmp_path / "out" / "leaderboard.csv").open(encoding="utf-8") as file:
        segmentation, classifier = csv.DictReader(file)
    assert segmentation["patient_dice"]
    assert not segmentation["slice_auroc"]
    assert (classifier["table"], classifier["rank"], classifier["target"]) == ("2", "1", "tumour")
    slices = evaluation.slices
    assert float(classifier["slice_f1"]) == pytest.approx(f1_score(slices.truth, slices.probability >= 0.5))
    text = (tmp_path / "out" / "leaderboard.md").read_text(encoding="utf-8")
    area = roc_auc_score(slices.truth, slices.probability)
    assert f"{area:.3f}" in text
    assert "\n# Classifiers\n" in text
    assert "does the slice show tumour?" in " ".join(capsys.readouterr().out.split())


def test_a_seed_that_is_left_out_is_said_on_the_terminal_and_in_markdown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_classifier(tmp_path / "whole", ["seed=0"])
    write_classifier(tmp_path / "part", ["seed=1"], patients=PATIENTS[:6])
    (table,) = tables_of(tmp_path)
    (note,) = table.entries[0].notes
    assert note == "seed 1 lacks 2 patients that another seed has, and is left out"
    assert note in classifiers_markdown([table])
    print_classifiers([table])
    assert note in " ".join(capsys.readouterr().out.split())
