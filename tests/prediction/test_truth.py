"""Masks that lie beside scans are their ground truth, and the prediction is scored against them."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import tifffile

from lgg_seg.data.kaggle.images import read_image, read_mask
from lgg_seg.metrics.registry import PATIENT_METRICS
from lgg_seg.predict import main
from lgg_seg.prediction.discover import find_scans, named_scan
from lgg_seg.prediction.output import OutputFolder, encode_image, is_ours
from lgg_seg.prediction.roles import DERIVED, FLAIR, MASK, role_of
from lgg_seg.prediction.truth import MaskFiles, Truth, read_truth
from lgg_seg.runs.folder import RunFolder
from tests.prediction.series import HEAD

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
    images = np.stack([read_image(file.with_name(file.name.replace("_mask", ""))) for file in files])
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


def truth_of(root: Path) -> tuple[Truth, list[str]]:
    listing = find_scans(root)
    (files,) = listing.volumes
    truth, issues = read_truth(files, root, files.read(root), MaskFiles(listing))
    return truth, [f"{issue.file} {issue.reason}" for issue in issues]


def test_a_stack_and_a_named_volume_have_their_masks_and_a_brains_is_none(tmp_path: Path) -> None:
    head = HEAD.astype(np.uint16)
    tumour = (head > 800).astype(np.uint8) * 255
    (tmp_path / "stack").mkdir()
    tifffile.imwrite(tmp_path / "stack" / "P.tif", head, photometric="minisblack")
    tifffile.imwrite(tmp_path / "stack" / "P_mask.tif", tumour, photometric="minisblack")
    truth, issues = truth_of(tmp_path / "stack")
    assert np.array_equal(truth.mask, tumour > 0)
    assert not issues
    for name in ("P_flair_brain", "P_brain_mask", "P_pred_seg", "P_aseg"):
        nib.save(nib.Nifti1Image(HEAD, np.eye(4)), tmp_path / f"{name}.nii")
    named = named_scan({FLAIR: tmp_path / "P_flair_brain.nii"})
    assert len(named.masks) == 3
    scan = named.volumes[0].read(tmp_path)
    assert not read_truth(named.volumes[0], tmp_path, scan, MaskFiles(named))[0].known.any()


def test_a_mask_of_the_whole_head_is_no_truth_about_a_tumour(tmp_path: Path) -> None:
    for name, voxels in (("P_flair", HEAD), ("P_mask", HEAD > 100)):
        nib.save(nib.Nifti1Image(voxels.astype(np.int16), np.eye(4)), tmp_path / f"{name}.nii")
    truth, issues = truth_of(tmp_path)
    assert not truth.known.any()
    assert issues == [
        "P_mask.nii marks 100% of the head, as the mask of a brain does, or an inverted one; it is not scored"
    ]


def test_of_two_masks_none_counts_and_one_on_another_grid_is_an_issue(tmp_path: Path) -> None:
    for name, voxels in (("P_flair", HEAD), ("P_mask", HEAD > 800), ("P_seg", HEAD > 900)):
        nib.save(nib.Nifti1Image(voxels.astype(np.int16), np.eye(4)), tmp_path / f"{name}.nii")
    truth, issues = truth_of(tmp_path)
    assert not truth.known.any()
    assert issues == ["P_mask.nii is not the only mask of its scan (P_seg.nii); none is scored, so leave one"]
    (tmp_path / "P_seg.nii").unlink()
    assert truth_of(tmp_path)[0].mask.sum() == (HEAD > 800).sum()
    nib.save(nib.Nifti1Image((HEAD > 800).astype(np.int16), np.diag([1, 1, 3, 1])), tmp_path / "P_mask.nii")
    truth, issues = truth_of(tmp_path)
    assert not truth.known.any()
    assert "is on another grid than its FLAIR" in issues[0]


def saved(folder: Path, *names: str) -> None:
    """Volumes of a head; what is a mask by its name marks its tumour."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        voxels = HEAD > 800 if role_of(name).kind in (MASK, DERIVED) else HEAD
        nib.save(nib.Nifti1Image(voxels.astype(np.int16), np.eye(4)), folder / name)


def test_masks_that_a_prediction_wrote_are_no_truth_wherever_they_lie(tmp_path: Path) -> None:
    saved(tmp_path / "in", "P_flair.nii.gz")
    cv2.imwrite(str(tmp_path / "in" / "s_1.tif"), (HEAD[0] / 8).astype(np.uint8))
    tifffile.imwrite(tmp_path / "in" / "z.tif", HEAD.astype(np.uint16), photometric="minisblack")
    output = OutputFolder(tmp_path / "out")
    for files in find_scans(tmp_path / "in").volumes:
        scan = files.read(tmp_path / "in")
        files.write_mask(tmp_path / "in", scan, scan.flair > 0, output)
    masks = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert masks == ["P_mask.nii.gz", "s_1_mask.tif", "z_mask.tif"]
    shutil.copytree(tmp_path / "in", tmp_path / "out", dirs_exist_ok=True)
    for path in (tmp_path / "out", tmp_path / "out" / "z.tif"):
        found = find_scans(path)
        assert not found.masks
        (issue,) = (issue for issue in found.issues if "earlier" in issue.reason)
        assert (
            issue.reason == "was written by an earlier prediction, as 2 others beside it were, and is no ground truth"
        )
    picture = encode_image(np.eye(9, dtype=np.uint8), ".png")
    (tmp_path / "m.png").write_bytes(picture)
    assert is_ours(tmp_path / "m.png")
    assert np.array_equal(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_UNCHANGED), np.eye(9))
    # Another's mask counts, but not in a folder that a prediction wrote, as an older version did without the mark.
    saved(tmp_path / "out", "P_seg.nii.gz")
    assert find_scans(tmp_path / "out").masks == ("P_seg.nii.gz",)
    (tmp_path / "out" / "per_volume.csv").touch()
    assert not find_scans(tmp_path / "out").masks
    assert not find_scans(tmp_path / "out" / "P_flair.nii.gz").masks


def masks_of(root: Path) -> tuple[dict[str, list[str]], list[str]]:
    """The masks of each volume, and the files of all issues."""
    listing = find_scans(root)
    masks = MaskFiles(listing)
    issues = [issue.file for issue in (*listing.issues, *masks.issues)]
    return {files.name: sorted(masks.all_of(files)) for files in listing.volumes}, issues


def test_a_mask_is_of_one_volume_alone(tmp_path: Path) -> None:
    saved(tmp_path / "a", "P_flair.nii.gz", "seg.nii.gz")
    assert masks_of(tmp_path / "a") == ({"P": ["seg.nii.gz"]}, [])
    saved(tmp_path / "a", "Q_flair.nii.gz")
    assert masks_of(tmp_path / "a") == ({"P": [], "Q": []}, ["seg.nii.gz"])
    mask = "derivatives/x/sub-1/anat/sub-1_run-1_label-lesion_mask.nii.gz"
    saved(tmp_path / "b", "sub-1/anat/sub-1_run-2_FLAIR.nii.gz", mask)
    assert masks_of(tmp_path / "b") == ({"sub-1/anat/sub-1_run-2": []}, [])
    saved(tmp_path / "b", "sub-1/anat/sub-1_run-1_FLAIR.nii.gz")
    assert masks_of(tmp_path / "b") == ({"sub-1/anat/sub-1_run-1": [mask], "sub-1/anat/sub-1_run-2": []}, [])


def test_among_derivatives_the_tumour_counts_and_no_tissue(tmp_path: Path) -> None:
    saved(tmp_path, "sub-1/anat/sub-1_FLAIR.nii.gz")
    for tool in ("fmriprep", "fmriprep-23.1", "fsl_fast", "sourcedata/freesurfer"):
        saved(tmp_path, f"derivatives/{tool}/sub-1/anat/sub-1_dseg.nii.gz")
    saved(tmp_path, "derivatives/masks/sub-1/anat/sub-1_label-GM_probseg.nii.gz")
    assert masks_of(tmp_path) == ({"sub-1/anat/sub-1": []}, [])
    one, two, lesion = (
        f"derivatives/{name}.nii.gz"
        for name in ("a/sub-1/anat/sub-1_dseg", "b/sub-1/anat/sub-1_dseg", "c/sub-1/anat/sub-1_label-lesion_mask")
    )
    saved(tmp_path, one)
    assert masks_of(tmp_path) == ({"sub-1/anat/sub-1": [one]}, [])
    saved(tmp_path, two)
    truth, issues = truth_of(tmp_path)
    assert not truth.known.any()
    assert issues == [f"{one} is not the only mask of its scan ({two}); none is scored, so leave one"]
    saved(tmp_path, lesion)
    assert masks_of(tmp_path) == ({"sub-1/anat/sub-1": [lesion]}, [])
    assert truth_of(tmp_path)[0].known.all()
