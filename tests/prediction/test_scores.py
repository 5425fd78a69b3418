"""A prediction is scored against the masks that lie beside its scans, and its probabilities are written."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import tifffile

from lgg_seg.data.kaggle.images import read_mask, read_slice
from lgg_seg.metrics.registry import PATIENT_METRICS
from lgg_seg.predict import main
from lgg_seg.runs.folder import RunFolder

KEYS = list(PATIENT_METRICS)


def predict(*words: object) -> int:
    return int(main(["device=cpu", "precision=32-true", "overlays=none", *map(str, words)]))


@pytest.fixture
def patients(phantom_root: Path, trained_run: Path, tmp_path: Path) -> Path:
    """The run's test patients with their masks."""
    for name in RunFolder(trained_run).read_json("provenance.json")["split"]["test"]:
        shutil.copytree(phantom_root / name, tmp_path / "in" / name)
    return tmp_path / "in"


def test_the_scores_are_those_of_the_runs_own_test(
    patients: Path, trained_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # In a folder of the input: what it holds is neither scanned nor taken for truth by the second command.
    for output in (patients / "first", patients / "second"):
        assert predict(f"run={trained_run}", f"input={patients}", f"output={output}") == 0
    said = capsys.readouterr().out
    measured = pd.read_csv(trained_run / "per_patient.csv").set_index("patient").sort_index()
    scored = pd.read_csv(patients / "second" / "per_volume.csv").set_index("volume").sort_index()
    assert list(scored.index) == list(measured.index)
    np.testing.assert_allclose(scored[KEYS], measured[KEYS], rtol=1e-9)
    assert list(scored["true_voxels"]) == list(measured["truth_voxels"])
    mean = measured["dice"].mean()
    assert f"4 of 4 volumes scored against the masks beside; mean Dice {mean:.3f}, IoU " in said
    slices = pd.read_csv(patients / "second" / "per_slice.csv")
    assert slices["true_area_px"].sum() == scored["true_voxels"].sum()
    assert slices["dice"].between(0, 1).all()


def test_a_volume_in_nifti_is_scored_and_its_probabilities_are_on_its_grid(
    phantom_root: Path, trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = next(iter(RunFolder(trained_run).read_json("provenance.json")["split"]["train"]))
    files = sorted((phantom_root / name).glob("*_mask.tif"))
    masks = np.stack([read_mask(file) for file in files])
    images = np.stack([read_slice(file.with_name(file.name.replace("_mask", "")))[0] for file in files])
    affine = np.diag([-1.0, -1, 6, 1])
    nib.save(nib.Nifti1Image(images.transpose(2, 1, 0, 3), affine), tmp_path / "head.nii.gz")
    nib.save(nib.Nifti1Image(masks.transpose(2, 1, 0) * 4, affine), tmp_path / "head_seg.nii.gz")
    words = (f"run={trained_run}", f"output={tmp_path / 'out'}", "probabilities=true", "threshold=0.5")
    assert predict(*words, f"input={tmp_path / 'head.nii.gz'}") == 0
    image = nib.load(tmp_path / "out" / "head_probability.nii.gz")
    assert image.get_data_dtype() == np.float32
    assert np.array_equal(image.affine, affine)
    mask = np.asarray(nib.load(tmp_path / "out" / "head_mask.nii.gz").dataobj)
    assert np.array_equal(np.asarray(image.dataobj) >= 0.5, mask)
    (row,) = pd.read_csv(tmp_path / "out" / "per_volume.csv").itertuples()
    assert row.dice == pytest.approx(2 * (mask & masks.transpose(2, 1, 0)).sum() / (mask.sum() + masks.sum()))
    assert row.seen_in_training
    said = capsys.readouterr().out
    assert "1 of 1 volume scored" in said
    assert "1 of the volumes was trained on, or chose the network" in said


def test_slices_get_a_float_tiff_each_and_a_bad_mask_is_a_fault(
    patients: Path, trained_run: Path, tmp_path: Path
) -> None:
    folder = min(path for path in patients.iterdir())
    (folder / f"{folder.name}_2_mask.tif").write_bytes(b"")
    (folder / f"{folder.name}_3_mask.tif").unlink()
    words = (f"run={trained_run}", f"input={folder}", f"output={tmp_path / 'out'}", "probabilities=true")
    assert predict(*words) == 1
    probability = tifffile.imread(tmp_path / "out" / f"{folder.name}_1_probability.tif")
    assert (probability.dtype, probability.shape) == (np.float32, (64, 64))
    (fault,) = pd.read_csv(tmp_path / "out" / "faults.csv").itertuples()
    assert fault.file == f"{folder.name}_2_mask.tif"
    assert "zero bytes" in fault.reason
    volume = pd.read_csv(tmp_path / "out" / "per_volume.csv").iloc[0]
    assert volume["scored_slices"] == 4
    assert "hd95_px" not in volume, "surfaces of a volume with gaps say nothing"
    assert pd.read_csv(tmp_path / "out" / "per_slice.csv")["dice"].isna().tolist() == [False, True, True] + [False] * 3
