"""The recorded results are whole, consistent with their raw counts, and made from committed code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from lgg_seg.comparison.runs import find_runs
from lgg_seg.comparison.tables import build_leaderboard
from tests.experiments.records import CLASSIFIED, RECORDS, RESULTS, content, name


@pytest.mark.parametrize("folder", [folder for folder in RESULTS if folder not in CLASSIFIED], ids=name)
def test_the_recorded_numbers_follow_from_the_recorded_counts(folder: Path) -> None:
    metrics = content(folder)["metrics"]
    patients, slices = pd.read_csv(folder / "per_patient.csv"), pd.read_csv(folder / "per_slice.csv")
    found = 2 * patients.tp + patients.fp + patients.fn
    dice = (2 * patients.tp / found).where(found > 0, 1.0)
    assert metrics["patient/dice"]["mean"] == pytest.approx(dice.mean())
    counts = slices.groupby("patient")[["tp", "fp", "fn", "tn"]].sum()
    assert counts.equals(patients.set_index("patient")[["tp", "fp", "fn", "tn"]].sort_index())
    total = counts.sum()
    assert metrics["pooled/iou"] == pytest.approx(total.tp / (total.tp + total.fp + total.fn))


@pytest.mark.parametrize("folder", CLASSIFIED, ids=name)
def test_a_classifiers_accuracy_follows_from_its_recorded_answers(folder: Path) -> None:
    result, slices = content(folder), pd.read_csv(folder / "per_slice.csv")
    right = (slices["probability"] >= result["threshold"]["value"]) == (slices["label"] > 0)
    assert result["metrics"]["slice/accuracy"]["value"] == pytest.approx(right.mean())


@pytest.mark.parametrize("folder", RESULTS, ids=name)
def test_a_recorded_run_was_made_from_committed_code_by_the_command_it_names(folder: Path) -> None:
    facts = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert facts["code"]["commit"]
    assert facts["code"]["dirty"] is False
    assert facts["command"][:3] == ["python", "-m", "lgg_seg"]


@pytest.mark.parametrize("path", sorted(RECORDS.rglob("outcome.json")), ids=lambda path: path.parent.name)
def test_recorded_outcomes_were_made_from_committed_code(path: Path) -> None:
    facts = json.loads(path.read_text(encoding="utf-8"))
    assert facts["code"]["dirty"] is False
    assert all(row["p_permutation"] is not None for row in facts["results"])


def test_there_is_a_recorded_result_and_none_is_an_image_of_a_patient() -> None:
    assert RESULTS
    images = {path.name for path in RECORDS.rglob("*") if path.suffix in (".png", ".tif", ".jpg")}
    assert images <= {"learning_curves.png", "roc_pr.png", "roc.png", "roc_leak.png", "leak.png", "efficiency.png"}


def test_no_record_names_a_folder_of_the_machine_that_made_it() -> None:
    for path in (path for path in RECORDS.rglob("*") if path.suffix in (".json", ".yaml", ".csv", ".md")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"/(tmp|home|root|Users)/", text), path
        if path.name == "config.yaml":
            assert not Path(yaml.safe_load(text)["data"]["root"]).is_absolute(), path


def test_a_pair_of_runs_of_one_experiment_is_named_alike() -> None:
    (table,) = build_leaderboard(find_runs([RECORDS / "quick_cpu"])).tables
    assert [entry.label for entry in table.entries] == ["unet_slim", "unet_bn"]
