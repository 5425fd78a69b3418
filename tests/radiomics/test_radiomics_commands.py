"""The commands on phantom data: what they write and print, and what they refuse."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lgg_seg.data.kaggle.index import build_index
from lgg_seg.data.phantom.generator import write_phantom
from lgg_seg.radiomics.__main__ import main
from lgg_seg.radiomics.features import dataset_volumes, measure, predicted_volumes
from lgg_seg.radiomics.shape import volume_shape
from lgg_seg.runs.masks import PatientMasks, write_masks


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 patients; the higher grade is that of the larger tumour without exception, which no honest data would be."""
    root = write_phantom(tmp_path_factory.mktemp("radiomics") / "tree", patients=40, slices=4, size=64)
    index = build_index(root)
    volumes = {p.name.rsplit("_", 1)[0]: sum(s.tumour_pixels for s in p.slices) for p in index.patients}
    middle = np.median(list(volumes.values()))
    file = root / "data.csv"
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    for row in rows:
        row["neoplasm_histologic_grade"] = str(1 + int(volumes[row["Patient"]] > middle))
    pd.DataFrame(rows).to_csv(file, index=False)
    return root


def test_features_agree_with_the_masks_slice_by_slice_and_patient_by_patient(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["features", f"root={tree}", f"output={tmp_path / 'out'}"]) == 0
    assert "40 patients, 160 slices" in capsys.readouterr().out
    index = build_index(tree)
    slices = pd.read_csv(tmp_path / "out" / "shape_per_slice.csv")
    patients = pd.read_csv(tmp_path / "out" / "shape_per_patient.csv")
    assert slices["area_px"].tolist() == [s.tumour_pixels for s in index.slices]
    assert slices[["patient", "slice"]].values.tolist() == [[s.patient, s.number] for s in index.slices]
    assert patients["patient"].tolist() == [p.name for p in index.patients]
    sums = slices.groupby("patient")["area_px"].sum()
    assert patients.set_index("patient")["volume_voxels"].to_dict() == sums.to_dict()
    assert patients["bevr"].between(0, 1, inclusive="right").all()


def test_features_of_a_run_are_those_of_what_it_predicted(tmp_path: Path) -> None:
    truth = np.zeros((3, 20, 21), bool)
    prediction = truth.copy()
    prediction[1, 4:15, 5:9] = True
    write_masks(tmp_path / "masks.npz", {"TCGA_A_1": PatientMasks.pack((4, 5, 6), truth, prediction)})
    assert main(["features", f"run={tmp_path}", f"output={tmp_path / 'out'}"]) == 0
    patients = pd.read_csv(tmp_path / "out" / "shape_per_patient.csv")
    assert patients["volume_voxels"].tolist() == [44]
    assert patients["bevr"].tolist() == pytest.approx([volume_shape(prediction).bevr])
    assert pd.read_csv(tmp_path / "out" / "shape_per_slice.csv")["slice"].tolist() == [4, 5, 6]


def test_true_masks_and_equal_predicted_masks_have_the_same_features(phantom_root: Path, tmp_path: Path) -> None:
    index = build_index(phantom_root)
    kept = {v.patient: PatientMasks.pack(v.numbers, ~v.mask, v.mask) for v in dataset_volumes(index)}
    write_masks(tmp_path / "masks.npz", kept)
    ours, theirs = (
        measure(volumes, len(kept)) for volumes in (dataset_volumes(index), predicted_volumes(tmp_path / "masks.npz"))
    )
    pd.testing.assert_frame_equal(ours.per_patient, theirs.per_patient)
    pd.testing.assert_frame_equal(ours.per_slice, theirs.per_slice)


def test_outcome_writes_its_results_and_warns_of_what_is_too_good(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["outcome", "target=grade", f"root={tree}", f"output={tmp_path}", "repeats=2", "permutations=1"]
    assert main(words) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "WARNING: grade from shape" in printed
    assert "is beyond 0.85" in printed
    assert "WARNING: grade from log_volume" in printed
    assert "FEW EVENTS: grade has 20 patients" in printed
    content = json.loads((tmp_path / "outcome.json").read_text(encoding="utf-8"))
    assert content["patients"] == 40
    assert str(tree) not in json.dumps(content)
    by_name = {row["predictors"]: row for row in content["results"]}
    assert list(by_name) == ["age", "shape", "clinical", "shape + clinical", "shape + clinical + molecular"]
    assert by_name["shape"]["suspicious"]
    assert by_name["shape"]["p_permutation"] == 1 / 2
    for row in by_name.values():
        assert row["ci95"][0] <= row["auc"] <= row["ci95"][1]
        assert row["p_holm"] >= row["p_permutation"]
        assert len(row["repetitions"]) == 2
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    assert len(predictions) == 5 * 40
    assert predictions["probability"].between(0, 1).all()
    assert len(pd.read_csv(tmp_path / "outcome.csv")) == 5
    assert {row["feature"] for row in content["single"]} == {"inverse_bevr", "asd", "mf", "log_volume"}
    assert (tmp_path / "roc.png").stat().st_size > 10_000


def test_a_molecular_cluster_is_not_predicted_from_its_siblings(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["outcome", "target=CNCluster:2", f"root={tree}", f"output={tmp_path}", "repeats=1", "permutations=0"]
    assert main(words) == 0
    assert "CNCluster 2 against the rest" in capsys.readouterr().out
    rows = json.loads((tmp_path / "outcome.json").read_text(encoding="utf-8"))["results"]
    assert {row["predictors"] for row in rows} == {"age", "shape", "clinical", "shape + clinical"}
    assert all(row["p_permutation"] is None and row["p_holm"] is None for row in rows)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["outcme"], "did you mean outcome?"),
        (["outcome"], "target= is missing"),
        (["outcome", "target=grade", "repeats=0"], "repeats is 0; it must be at least 1"),
        (["outcome", "target=grade", "permutations=-1"], "permutations is -1; it must be 0 or more"),
        (["outcome", "target=survival", "root=TREE"], "target is 'survival'"),
        (["outcome", "target=grade", "root=NOWHERE"], "is not there"),
        (["features", "run=NOWHERE"], "masks.npz is missing"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_code_2(
    words: list[str], message: str, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"TREE": str(tree), "NOWHERE": str(tmp_path / "nowhere")}
    filled = [word.replace("TREE", places["TREE"]).replace("NOWHERE", places["NOWHERE"]) for word in words]
    assert main(filled) == 2
    assert message in capsys.readouterr().err


def test_a_damaged_masks_file_and_a_tree_without_data_csv_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "masks.npz").write_bytes(b"PK damaged")
    assert main(["features", f"run={tmp_path}"]) == 2
    assert "masks.npz is damaged; measure the run again" in capsys.readouterr().err
    root = write_phantom(tmp_path / "tree", patients=2, slices=4, size=32)
    (root / "data.csv").unlink()
    assert main(["outcome", "target=death01", f"root={root}"]) == 2
    assert "data.csv has no row for any of the 2 patients" in capsys.readouterr().err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("features", "outcome", "target=", "permutations="))
