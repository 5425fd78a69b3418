"""The command `predict`: masks as in the evaluation, tables, overlays, issues, and refusals."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lgg_seg.data.kaggle.images import read_mask, read_slice
from lgg_seg.predict import main
from lgg_seg.runs.folder import RunFolder

EXACT = ("device=cpu", "precision=32-true")


def predict(*words: object) -> int:
    return int(main([*EXACT, *map(str, words)]))


@pytest.fixture(scope="module")
def patients(phantom_root: Path, trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's test patients, without their masks."""
    folder = tmp_path_factory.mktemp("patients")
    for name in RunFolder(trained_run).read_json("provenance.json")["split"]["test"]:
        shutil.copytree(phantom_root / name, folder / name, ignore=shutil.ignore_patterns("*_mask.tif"))
    return folder


@pytest.fixture(scope="module")
def predicted(patients: Path, trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("predicted") / "out"
    assert predict(f"run={trained_run}", f"input={patients}", f"output={output}") == 0
    return output


def test_the_masks_are_those_that_the_evaluation_measured(
    predicted: Path, trained_run: Path, phantom_root: Path
) -> None:
    measured = pd.read_csv(trained_run / "per_slice.csv")
    assert measured["predicted_pixels"].sum() > 100, "an empty prediction would test nothing"
    for row in measured.itertuples():
        name = f"{row.patient}/{row.patient}_{row.slice}_mask.tif"
        found, truth = read_mask(predicted / name) > 0, read_mask(phantom_root / name) > 0
        counts = ((found & truth).sum(), (found & ~truth).sum(), (~found & truth).sum(), (~found & ~truth).sum())
        assert counts == (row.tp, row.fp, row.fn, row.tn), name


def test_every_slice_and_every_volume_has_a_row_that_matches_its_mask(predicted: Path, patients: Path) -> None:
    slices, volumes = pd.read_csv(predicted / "per_slice.csv"), pd.read_csv(predicted / "per_volume.csv")
    assert sorted(slices["file"]) == sorted(str(path.relative_to(patients)) for path in patients.rglob("*.tif"))
    assert list(volumes["volume"]) == sorted(path.name for path in patients.iterdir())
    for row in slices.itertuples():
        with Image.open(predicted / row.file.replace(".tif", "_mask.tif")) as image:
            mask = np.asarray(image) > 0
        assert row.area_px == mask.sum()
        if mask.any():
            rows, columns = np.nonzero(mask)
            assert (row.centroid_row, row.centroid_column) == pytest.approx((rows.mean(), columns.mean()))
            assert row.spread_px == pytest.approx(np.hypot(rows.std(), columns.std()))
            assert 0.5 <= row.mean_probability <= row.max_probability <= 1
        else:
            assert pd.isna(row.centroid_row)
            assert row.max_probability < 0.5
    total = slices.groupby("volume")["area_px"].sum()
    assert volumes.set_index("volume")["volume_voxels"].to_dict() == total.to_dict()
    assert not volumes["seen_in_training"].any()
    assert volumes["volume_mm3"].isna().all()


def test_each_volume_has_a_sheet_and_each_slice_with_tumour_an_overlay(predicted: Path) -> None:
    slices = pd.read_csv(predicted / "per_slice.csv")
    expected = {f"{row.volume}/{row.slice}.png" for row in slices.itertuples() if row.area_px}
    expected |= {f"{volume}/sheet.png" for volume in slices["volume"]}
    found = predicted / "overlays"
    assert {path.relative_to(found).as_posix() for path in found.rglob("*.png")} == expected
    assert not list(predicted.rglob(".partial*"))


def test_provenance_names_models_and_settings_and_no_local_path(predicted: Path, trained_run: Path) -> None:
    text = (predicted / "provenance.json").read_text(encoding="utf-8")
    content = json.loads(text)
    (used,) = content["models"]
    assert used["name"] == trained_run.name
    assert used["model"]["_target_"] == "lgg_seg.networks.SlimUNet"
    assert (content["threshold"], content["precision"], content["mirror"]) == (0.5, "32-true", False)
    assert (content["volumes"], content["slices"], content["faults"]) == (4, 24, 0)
    assert str(trained_run.parent) not in text
    assert str(predicted.parent) not in text


def test_a_volume_in_nifti_gets_the_mask_that_its_slices_get(
    predicted: Path, patients: Path, trained_run: Path, tmp_path: Path
) -> None:
    patient = next(p for p in sorted(patients.iterdir()) if any(
        read_mask(mask).any() for mask in (predicted / p.name).glob("*_mask.tif")))  # fmt: skip
    names = [f"{patient.name}_{n}" for n in range(1, 7)]
    images = np.stack([read_slice(patient / f"{name}.tif")[0] for name in names])
    nib.save(nib.Nifti1Image(images.transpose(2, 1, 0, 3), np.diag([-1.0, -1, 6, 1])), tmp_path / "head.nii.gz")
    assert predict(f"run={trained_run}", f"input={tmp_path / 'head.nii.gz'}", f"output={tmp_path / 'out'}") == 0
    mask = np.asarray(nib.load(tmp_path / "out" / "head_mask.nii.gz").dataobj)
    slices = np.stack([read_mask(predicted / patient.name / f"{name}_mask.tif") for name in names])
    assert np.array_equal(mask.transpose(2, 1, 0), slices)
    (row,) = pd.read_csv(tmp_path / "out" / "per_volume.csv").itertuples()
    assert row.volume_mm3 == pytest.approx(6 * mask.sum())


def test_bad_files_are_listed_good_ones_are_predicted_and_the_exit_code_is_1(
    patients: Path, trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in"
    first, second = sorted(patients.iterdir())[:2]
    shutil.copytree(first, source / first.name)
    shutil.copytree(second, source / second.name)
    broken = source / first.name / f"{first.name}_3.tif"
    broken.write_bytes(b"")
    (source / "empty.nii.gz").write_bytes(b"")
    assert predict(f"run={trained_run}", f"input={source}", f"output={tmp_path / 'out'}", "overlays=none") == 1
    masks = sorted(path.name for path in (tmp_path / "out").rglob("*_mask.tif"))
    assert len(masks) == 11
    assert f"{first.name}_3_mask.tif" not in masks
    issues = pd.read_csv(tmp_path / "out" / "faults.csv").set_index("file")["reason"]
    assert "zero bytes" in issues[f"{first.name}/{first.name}_3.tif"]
    assert "cannot be read as NIfTI" in issues["empty.nii.gz"]
    assert f"left out: {first.name}/{first.name}_3.tif" in capsys.readouterr().err
    assert not (tmp_path / "out" / "overlays").exists()


@pytest.mark.parametrize("black", [False, True])
def test_an_input_without_a_readable_file_ends_with_1_and_the_list(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], black: bool
) -> None:
    (tmp_path / "x_1.tif").write_bytes(b"<html>")
    if black:
        Image.new("RGB", (64, 64)).save(tmp_path / "x_1.tif")
    assert predict(f"run={trained_run}", f"input={tmp_path / 'x_1.tif'}", f"output={tmp_path / 'out'}") == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"faults.csv", "provenance.json"}
    told = capsys.readouterr()
    assert told.err.splitlines()[-1].startswith("nothing was segmented: no file could be used; ")
    assert "written to" not in told.out


def test_nothing_is_overwritten(
    predicted: Path, patients: Path, trained_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in predicted.rglob("*")}
    assert predict(f"run={trained_run}", f"input={patients}", f"output={predicted}") == 2
    assert "name a new folder with output=" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in predicted.rglob("*")} == before


def test_a_classifiers_probability_is_in_both_tables(
    patients: Path, trained_run: Path, grade_run: Path, tmp_path: Path
) -> None:
    patient = sorted(patients.iterdir())[0]
    words = (f"run={trained_run}", f"classifier={grade_run}", f"input={patient}", f"output={tmp_path / 'out'}")
    assert predict(*words) == 0
    slices = pd.read_csv(tmp_path / "out" / "per_slice.csv")["grade_probability"]
    (volume,) = pd.read_csv(tmp_path / "out" / "per_volume.csv")["grade_probability"]
    assert slices.between(0, 1).all()
    assert volume == pytest.approx(slices.mean())


def test_an_ensemble_with_threshold_tta_and_largest_component_is_recorded(
    patients: Path, trained_run: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    shutil.copytree(trained_run, again)
    patient = sorted(patients.iterdir())[0]
    words = (f"run={trained_run},{again}", f"input={patient}", f"output={tmp_path / 'out'}", "threshold=0.2")
    assert predict(*words, "postprocess=largest_component", "tta=true", "overlays=all") == 0
    content = json.loads((tmp_path / "out" / "provenance.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in content["models"]] == [trained_run.name, "again"]
    assert (content["threshold"], content["postprocess"], content["mirror"]) == (0.2, "largest_component", True)
    (row,) = pd.read_csv(tmp_path / "out" / "per_volume.csv").itertuples()
    assert row.parts <= 1
    assert len(list((tmp_path / "out" / "overlays").rglob("*.png"))) == 7


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("zoo=nothing", "input=x", "output=y"), "no model of the zoo"),
        (("run=nowhere", "input=x", "output=y"), "config.yaml is missing"),
        (("run={run}", "input=nowhere", "output=y"), "is not there; input= is"),
        (("run={run}", "input=.", "output=y", "threshold=2"), "between 0 and 1"),
        (("run={run}", "input={tree}", "output=y", "backend=onnx"), "lgg_seg.export run="),
        (("run={grades}", "input={tree}", "output=y"), "makes no masks"),
        (("run={run}", "classifier={run}", "input={tree}", "output=y"), "no classifier"),
        (("run={run}", "input={tree}", "output=y", "overlay=all"), "did you mean overlays"),
    ],
)
def test_wrong_arguments_are_refused_with_a_remedy_before_anything_is_written(
    words: tuple[str, ...], message: str, trained_run: Path, grade_run: Path, patients: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    places = {"run": trained_run, "grades": grade_run, "tree": patients}
    assert predict(*(word.format(**places) for word in words)) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert re.search(message, error), error
    assert not list(tmp_path.iterdir())
