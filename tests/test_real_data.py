"""A short run on slices of real patients: what the phantom may not have taught us."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.workplace import lgg

pytestmark = pytest.mark.real

PATIENTS = 4
TINY = (
    "model=unet_slim",
    "model.alpha=0.0625",
    "preprocess.size=64",
    "trainer=debug",
    "trainer.enable_progress_bar=false",
)


@pytest.fixture(scope="module")
def run(real_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real_run")
    environment = os.environ | {"LGG_DATA_ROOT": str(real_root), "OMP_NUM_THREADS": "1"}
    words = [*TINY, "debug=fast", "evaluation.max_patients=null", "split.val=1", "split.test=2", "hydra.run.dir=run"]
    done = lgg((folder, environment), *words)
    assert done.returncode == 0, done.stderr
    return folder / "run"


def test_every_slice_is_measured_on_its_256_x_256_pixels(run: Path) -> None:
    slices = pd.read_csv(run / "per_slice.csv")
    assert slices[["tp", "fp", "fn", "tn"]].sum(axis=1).eq(65_536).all()
    assert slices["truth_pixels"].eq(slices.tp + slices.fn).all()


def test_the_slices_of_a_patient_are_numbered_from_1_without_a_gap(run: Path) -> None:
    slices = pd.read_csv(run / "per_slice.csv")
    for _, numbers in slices.groupby("patient")["slice"]:
        assert numbers.tolist() == list(range(1, len(numbers) + 1))
        assert len(numbers) >= 20


def test_the_tumour_is_that_of_the_mask_files(run: Path, real_root: Path) -> None:
    """Counted here by another decoder: Pillow reads what OpenCV read."""
    for row in pd.read_csv(run / "per_patient.csv").itertuples():
        masks = sorted((real_root / row.patient).glob("*_mask.tif"))
        assert row.slices == len(masks)
        assert row.truth_voxels == sum(int((np.asarray(Image.open(mask)) > 0).sum()) for mask in masks)
        assert row.truth_voxels > 0


def test_the_split_is_by_patient_and_the_result_has_its_number_of_patients(run: Path) -> None:
    split = json.loads((run / "provenance.json").read_text(encoding="utf-8"))["split"]
    assert [len(split[subset]) for subset in ("train", "val", "test")] == [PATIENTS - 3, 1, 2]
    content = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert (content["patients"], content["truncated"]) == (2, False)
    assert set(content["strata"]["institution"]) <= {"CS", "DU", "EZ", "FG", "HT"}
