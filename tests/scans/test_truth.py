"""Masks that lie beside scans are their ground truth."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import tifffile

from lgg_seg.scans.discover import find_scans, named_scan
from lgg_seg.scans.roles import DERIVED, FLAIR, MASK, role_of
from lgg_seg.scans.truth import MaskFiles, Truth, read_truth
from tests.scans.series import HEAD


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
