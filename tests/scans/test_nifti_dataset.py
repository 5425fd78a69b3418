"""Patients in NIfTI with ground truth are measured exactly as their slices in TIFF are."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from lgg_seg.data.kaggle.index import build_index
from lgg_seg.errors import UserError
from lgg_seg.scans.nifti_dataset import as_slices, is_nifti_dataset
from tests.workplace import Workplace, lgg, metrics

RAS = np.diag([1.0, 1.0, 2.0, 1.0])


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory, phantom_root: Path) -> tuple[Path, Path]:
    """Three of the phantom's patients under other names, as slices and in NIfTI; labels are 0, 1 and 4 as in BraTS."""
    slices, volumes = tmp_path_factory.mktemp("slices"), tmp_path_factory.mktemp("volumes")
    for k, patient in enumerate(build_index(phantom_root).patients[:3]):
        name = f"Other_{k}"
        (volumes / name).mkdir()
        shutil.copytree(phantom_root / patient.name, slices / name)
        for file in (slices / name).iterdir():
            file.rename(file.with_name(file.name.replace(patient.name, name)))
        images = np.stack([s.read_image() for s in patient.slices])
        labels = np.stack([s.read_mask() for s in patient.slices]) * np.array([1, 4])[np.arange(64) % 2]
        channels = {"t1": images[..., 0], "flair": images[..., 1], "t1ce": images[..., 2], "seg": labels.astype("u1")}
        for sequence, volume in channels.items():  # columns to the left, rows to the back: against the axes of RAS
            voxels = volume.transpose(2, 1, 0)[::-1, ::-1]
            nib.save(nib.Nifti1Image(voxels, RAS), volumes / name / f"{name}_{sequence}.nii.gz")
    return slices, volumes


def test_the_slices_are_those_of_the_volumes_and_are_made_once(trees: tuple[Path, Path], tmp_path: Path) -> None:
    slices, volumes = trees
    assert is_nifti_dataset(volumes)
    assert not is_nifti_dataset(slices)
    made = as_slices(volumes, tmp_path)
    ours, theirs = build_index(made, cache_dir=tmp_path), build_index(slices, cache_dir=tmp_path)
    assert [p.name for p in ours.patients] == [p.name for p in theirs.patients]
    for one, other in zip(ours.slices, theirs.slices, strict=True):
        assert (one.number, one.image_checksum, one.mask_checksum) == (
            other.number - 1,
            other.image_checksum,
            other.mask_checksum,
        )
    before = made.stat().st_mtime_ns
    assert as_slices(volumes, tmp_path) == made
    assert made.stat().st_mtime_ns == before


def test_the_scores_are_those_of_the_slices(
    trees: tuple[Path, Path], trained_run: Path, workplace: Workplace, tmp_path: Path
) -> None:
    run = shutil.copytree(trained_run, tmp_path / "run")
    before = (run / "metrics.json").read_bytes()
    tables = []
    for root, words in zip(trees, (("split=all", "allow_seen=true"), ("allow_seen=true",)), strict=True):
        done = lgg(workplace, f"run={run}", f"data.root={root}", *words, module="lgg_seg.evaluate")
        assert done.returncode == 0, done.stderr
        place = max((run / "evaluations").iterdir(), key=lambda folder: folder.stat().st_mtime_ns)
        tables.append((metrics(place), pd.read_csv(place / "per_patient.csv")))
    (of_slices, patients), (of_volumes, others) = tables
    assert of_volumes["metrics"] == of_slices["metrics"]
    assert of_volumes["split"] == "all"
    assert of_volumes["data_fingerprint"] not in (of_slices["data_fingerprint"], "")
    pd.testing.assert_frame_equal(patients, others)
    assert (run / "metrics.json").read_bytes() == before


def test_what_cannot_be_measured_whole_is_refused_by_name(trees: tuple[Path, Path], tmp_path: Path) -> None:
    root = shutil.copytree(trees[1], tmp_path / "root")
    seg = root / "Other_1" / "Other_1_seg.nii.gz"
    shutil.copy(seg, root / "Other_1" / "Other_1_mask.nii.gz")
    with pytest.raises(UserError, match=r"Other_1_flair\.nii\.gz has 2 segmentations"):
        as_slices(root, tmp_path)
    (root / "Other_1" / "Other_1_mask.nii.gz").unlink()
    moved = nib.load(seg)
    nib.save(nib.Nifti1Image(np.asarray(moved.dataobj), moved.affine + np.eye(4)), seg)
    with pytest.raises(UserError, match=r"Other_1_seg\.nii\.gz is on another grid"):
        as_slices(root, tmp_path)
    seg.unlink()
    with pytest.raises(UserError, match=r"Other_1_flair\.nii\.gz has no segmentation"):
        as_slices(root, tmp_path)
    (root / "Other_2" / "Other_2_flair.nii.gz").unlink()
    with pytest.raises(UserError, match=r"Other_2_t1\.nii\.gz has no FLAIR"):
        as_slices(root, tmp_path)


def test_two_processes_that_convert_at_once_get_one_folder(trees: tuple[Path, Path], tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda _: as_slices(trees[1], tmp_path), range(2))
    assert one == two
    assert len(build_index(one, cache_dir=tmp_path).patients) == 3


@pytest.mark.parametrize("name", ["sub-0_FLAIR_dseg", "sub-0_space-orig_desc-tumour_mask", "sub-0_label-lesion_roi"])
def test_ground_truth_lies_among_the_derivatives_of_bids(
    name: str, trees: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    anat, below = Path("sub-0", "anat"), tmp_path / "bids" / "derivatives" / "manual" / "sub-0" / "anat"
    for folder in (below, tmp_path / "bids" / anat):
        folder.mkdir(parents=True)
    was = trees[1] / "Other_0" / "Other_0"
    for sequence, new in (("flair", "FLAIR"), ("t1", "T1w")):
        shutil.copy(f"{was}_{sequence}.nii.gz", tmp_path / "bids" / anat / f"sub-0_{new}.nii.gz")
    shutil.copy(f"{was}_flair.nii.gz", below / "sub-0_desc-preproc_FLAIR.nii.gz")
    shutil.copy(f"{was}_seg.nii.gz", below / "sub-0_desc-brain_mask.nii.gz")
    with pytest.raises(UserError, match=r"sub-0_FLAIR\.nii\.gz has no segmentation"):
        as_slices(tmp_path / "bids", tmp_path)
    shutil.copy(f"{was}_seg.nii.gz", below / f"{name}.nii.gz")
    t1 = tmp_path / "bids" / anat / "sub-0_T1w.nii.gz"
    nib.save(nib.Nifti1Image(np.asarray(nib.load(t1).dataobj), RAS * 2), t1)
    (patient,) = build_index(as_slices(tmp_path / "bids", tmp_path), cache_dir=tmp_path).patients
    assert (patient.name, patient.substituted) == ("sub-0", ("pre-contrast", "post-contrast"))
    assert sum(s.tumour_pixels for s in patient.slices) > 0
    assert "sub-0_T1w.nii.gz is on another grid than its FLAIR" in caplog.text


@pytest.mark.parametrize("value", [0.4, -1, np.nan])
def test_what_holds_no_labels_is_refused(trees: tuple[Path, Path], tmp_path: Path, value: float) -> None:
    """A map of probabilities, or another file under a segmentation's name."""
    patient = shutil.copytree(trees[1] / "Other_0", tmp_path / "tree" / "Other_0")
    file = patient / "Other_0_seg.nii.gz"
    labels = np.asarray(nib.load(file).dataobj, np.float32)
    labels[0, 0, 0] = value
    nib.save(nib.Nifti1Image(labels, RAS), file)
    with pytest.raises(UserError, match=r"Other_0_seg\.nii\.gz is no segmentation: labels are whole numbers"):
        as_slices(tmp_path / "tree", tmp_path)
