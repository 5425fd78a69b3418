"""Which files are one volume, in which order, and which are no scans."""

from __future__ import annotations

from pathlib import Path

import pytest

from lgg_seg.errors import UserError
from lgg_seg.prediction.discover import find_scans
from lgg_seg.prediction.nifti import NiftiFiles
from lgg_seg.prediction.slices import SliceFiles


def touch(root: Path, *names: str) -> Path:
    """Empty files: discovery goes by names."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def volumes(path: Path) -> dict[str, list[str]]:
    """The files of each volume of slices."""
    sources = find_scans(path).sources
    return {one.name: [file for _, file in one.files] for one in sources if isinstance(one, SliceFiles)}


def niftis(path: Path) -> dict[str, dict[str, str]]:
    return {one.name: dict(one.files) for one in find_scans(path).sources if isinstance(one, NiftiFiles)}


def test_slices_are_in_the_order_of_their_numbers_and_their_masks_are_no_slices(tmp_path: Path) -> None:
    names = [f"TCGA_A/TCGA_A_{n}.tif" for n in (10, 2, 1)]
    touch(tmp_path, *names, "TCGA_A/TCGA_A_1_mask.tif", "TCGA_A/TCGA_A_2_mask.tif", "data.csv")
    assert volumes(tmp_path) == {"TCGA_A": [f"TCGA_A/TCGA_A_{n}.tif" for n in (1, 2, 10)]}


def test_a_folder_of_several_patients_is_a_volume_a_patient(tmp_path: Path) -> None:
    touch(tmp_path, "p_2.tif", "q_1.tif", "p_1.tif")
    assert volumes(tmp_path) == {"p": ["p_1.tif", "p_2.tif"], "q": ["q_1.tif"]}


def test_files_without_a_number_are_one_volume_in_the_order_people_read(tmp_path: Path) -> None:
    touch(tmp_path, "head/slice10.tif", "head/slice9.TIF", "head/cover.tiff")
    assert volumes(tmp_path) == {"head": ["head/cover.tiff", "head/slice9.TIF", "head/slice10.tif"]}


def test_two_volumes_of_one_name_are_told_apart(tmp_path: Path) -> None:
    touch(tmp_path, "a/a_1.tif", "a/loose.tif")
    assert volumes(tmp_path) == {"a": ["a/a_1.tif"], "a (2)": ["a/loose.tif"]}


def test_every_folder_of_a_tree_is_looked_into_once_whatever_links_lead_there(tmp_path: Path) -> None:
    touch(tmp_path, "site/p/p_1.tif", ".hidden/x_1.tif")
    (tmp_path / "site" / "p" / "round").symlink_to(tmp_path)
    assert volumes(tmp_path) == {"site/p": ["site/p/p_1.tif"]}


def test_a_single_file_is_a_volume_by_itself(tmp_path: Path) -> None:
    touch(tmp_path, "p_7.tif", "p_8.tif", "v.nii.gz")
    (alone,) = find_scans(tmp_path / "p_7.tif").sources
    assert alone == SliceFiles("p_7", ((7, "p_7.tif"),))
    (volume,) = find_scans(tmp_path / "v.nii.gz").sources
    assert volume == NiftiFiles("v", "v", {"FLAIR": "v.nii.gz"})


def test_sequences_in_files_of_their_own_are_put_together_and_others_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, *(f"b/c1_{s}.nii.gz" for s in ("flair", "t1", "t1ce", "t2", "seg", "mask")), "b/c2_FLAIR.nii")
    assert niftis(tmp_path) == {
        "b/c1": {"FLAIR": "b/c1_flair.nii.gz", "pre-contrast": "b/c1_t1.nii.gz", "post-contrast": "b/c1_t1ce.nii.gz"},
        "b/c2": {"FLAIR": "b/c2_FLAIR.nii"},
    }


def test_nifti_files_that_name_no_sequence_are_volumes_of_their_own(tmp_path: Path) -> None:
    touch(tmp_path, "x.nii", "y.nii.gz", "y_mask.nii.gz")
    assert niftis(tmp_path) == {"x": {"FLAIR": "x.nii"}, "y": {"FLAIR": "y.nii.gz"}}


def test_a_sequence_without_its_flair_and_a_second_flair_are_faults(tmp_path: Path) -> None:
    touch(tmp_path, "a_flair.nii", "a_flair.nii.gz", "b_post.nii")
    faults = {fault.file: fault.reason for fault in find_scans(tmp_path).faults}
    assert faults == {
        "a_flair.nii.gz": "is a second FLAIR beside a_flair.nii",
        "b_post.nii": "has no FLAIR (b_flair) beside it",
    }


@pytest.mark.parametrize(("name", "says"), [("x_1_mask.tif", "is a mask"), ("x.dcm", "not read"), ("no", "not there")])
def test_what_is_no_scan_is_refused_with_what_would_be_one(tmp_path: Path, name: str, says: str) -> None:
    touch(tmp_path, "x_1_mask.tif", "x.dcm")
    with pytest.raises(UserError, match=says):
        find_scans(tmp_path / name)


def test_a_folder_without_scans_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "x_1_mask.tif", "notes.txt")
    with pytest.raises(UserError, match="holds no scans"):
        find_scans(tmp_path)
