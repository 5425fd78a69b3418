"""`evaluate` and `predict` give a run and a zoo model that were recorded before names changed their numbers of then."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest

from lgg_seg.evaluate import measure
from lgg_seg.predict import predict

HERE = Path(__file__).parent
OLD_RUN = HERE / "old_run"


@pytest.fixture
def old_run(tmp_path: Path) -> Path:
    return Path(shutil.copytree(OLD_RUN, tmp_path / "old_run"))  # evaluate writes into it


@pytest.fixture(scope="module")
def old_phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The heads of that run, of 12 patients: phantoms have been drawn otherwise since."""
    root = tmp_path_factory.mktemp("old") / "phantom"
    with ZipFile(HERE / "old_phantom.zip") as archive:
        archive.extractall(root)
    return root


def test_evaluate_gives_every_patients_recorded_counts_and_dice(old_run: Path, old_phantom: Path) -> None:
    place, _ = measure(old_run, data_root=old_phantom)
    new, old = pd.read_csv(place / "per_patient.csv"), pd.read_csv(OLD_RUN / "per_patient.csv")
    assert list(new.patient) == list(old.patient)
    assert list(new.truth_voxels) == list(old.truth_voxels)
    np.testing.assert_allclose(new.dice, old.dice, rtol=0, atol=1e-3)  # another CPU rounds otherwise


@pytest.mark.parametrize("source", ["run", "zoo"])
def test_predict_gives_every_slices_recorded_area(
    source: str, old_run: Path, old_phantom: Path, tmp_path: Path
) -> None:
    model: dict[str, Any] = {"run": str(old_run)} if source == "run" else {"zoo": "unet_slim"}
    predict(input=old_phantom, output=tmp_path / "out", **model, overlays="none", device="cpu", precision="32-true")
    new, old = pd.read_csv(tmp_path / "out" / "per_slice.csv"), pd.read_csv(HERE / f"areas_{source}.csv")
    assert new[["volume", "slice"]].equals(old[["volume", "slice"]])
    assert old.area_px.sum() > 0
    np.testing.assert_allclose(new.area_px, old.area_px, rtol=0.01, atol=2)  # another CPU rounds otherwise
