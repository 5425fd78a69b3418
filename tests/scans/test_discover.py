"""Which files are one volume, in which order, and which are no scans."""

from __future__ import annotations

from pathlib import Path

import pytest

from lgg_seg.errors import UserError
from lgg_seg.scans.discover import find_scans
from lgg_seg.scans.slices import SliceFiles
from lgg_seg.scans.volumes import VolumeFiles


def touch(root: Path, *names: str) -> Path:
    """Empty files: discovery goes by names."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def volumes(path: Path) -> dict[str, list[str]]:
    """The files of each volume of slices."""
    sources = find_scans(path).volumes
    return {one.name: [file for _, file in one.files] for one in sources if isinstance(one, SliceFiles)}


def niftis(path: Path) -> dict[str, dict[str, str]]:
    return {one.name: dict(one.files) for one in find_scans(path).volumes if isinstance(one, VolumeFiles)}


def test_slices_are_ordered_by_number_and_masks_are_no_slices(tmp_path: Path) -> None:
    names = [f"TCGA_A/TCGA_A_{n}.tif" for n in (10, 2, 1)]
    touch(tmp_path, *names, "TCGA_A/TCGA_A_1_mask.tif", "TCGA_A/TCGA_A_2_mask.tif", "data.csv")
    assert volumes(tmp_path) == {"TCGA_A": [f"TCGA_A/TCGA_A_{n}.tif" for n in (1, 2, 10)]}


def test_a_folder_of_several_patients_is_one_volume_a_patient(tmp_path: Path) -> None:
    touch(tmp_path, "p_2.tif", "q_1.tif", "p_1.tif")
    assert volumes(tmp_path) == {"p": ["p_1.tif", "p_2.tif"], "q": ["q_1.tif"]}


def test_files_without_a_number_are_one_volume_in_natural_order(tmp_path: Path) -> None:
    touch(tmp_path, "head/slice10.tif", "head/slice9.TIF", "head/cover.tiff")
    assert volumes(tmp_path) == {"head": ["head/cover.tiff", "head/slice9.TIF", "head/slice10.tif"]}


def test_two_volumes_of_one_name_get_different_names(tmp_path: Path) -> None:
    touch(tmp_path, "a/a_1.tif", "a/loose.tif")
    assert volumes(tmp_path) == {"a": ["a/a_1.tif"], "a (2)": ["a/loose.tif"]}


def test_volume_names_differ_by_more_than_case(tmp_path: Path) -> None:
    touch(tmp_path, "p_1.tif", "P_2.tif", "P (2)_1.tif")
    assert volumes(tmp_path) == {"P": ["P_2.tif"], "P (2)": ["P (2)_1.tif"], "p (3)": ["p_1.tif"]}


@pytest.mark.parametrize(
    ("names", "second"),
    [
        (("A_1.TIF", "A_1.tif"), "comes after another of that name (A_1.TIF)"),
        (("A_1.tif", "A_1.tiff"), "comes after another of that name (A_1.tif)"),
        (("A_1.tif", "a_1.tif"), "comes after another of that name (A_1.tif)"),
        (("P/A_1.tif", "p/A_1.tif"), "comes after another of that name (P/A_1.tif)"),
        (("head.TIF", "head.tif"), "comes after another of that name (head.TIF)"),
        (("k.NII", "k.nii"), "comes after another of that name (k.NII)"),
        (("A_01.tif", "A_1.tif"), "has the slice number 1 of A_01.tif"),
    ],
)
def test_of_two_files_whose_masks_share_a_name_the_second_is_an_issue(
    tmp_path: Path, names: tuple[str, str], second: str
) -> None:
    found = find_scans(touch(tmp_path, *names))
    assert len(found.volumes) == 1
    (issue,) = found.issues
    assert issue.file == names[1]
    assert second in issue.reason


def test_a_compressed_and_a_plain_nifti_of_one_name_are_both_volumes(tmp_path: Path) -> None:
    touch(tmp_path, "k.nii", "k.nii.gz")
    assert sorted(niftis(tmp_path).values(), key=str) == [{"FLAIR": "k.nii"}, {"FLAIR": "k.nii.gz"}]


def test_every_folder_is_visited_once_whatever_links_lead_there(tmp_path: Path) -> None:
    touch(tmp_path, "site/p/p_1.tif", ".hidden/x_1.tif")
    (tmp_path / "site" / "p" / "round").symlink_to(tmp_path)
    assert volumes(tmp_path) == {"site/p": ["site/p/p_1.tif"]}


def test_a_single_file_is_a_volume_by_itself(tmp_path: Path) -> None:
    touch(tmp_path, "p_7.tif", "p_8.tif", "v.nii.gz")
    (alone,) = find_scans(tmp_path / "p_7.tif").volumes
    assert alone == SliceFiles("p_7", ((7, "p_7.tif"),))
    (volume,) = find_scans(tmp_path / "v.nii.gz").volumes
    assert volume == VolumeFiles("v", "v", {"FLAIR": "v.nii.gz"})


def test_sequences_in_separate_files_make_one_volume_and_others_are_skipped(tmp_path: Path) -> None:
    touch(tmp_path, *(f"b/c1_{s}.nii.gz" for s in ("flair", "t1", "t1ce", "t2", "seg", "mask")), "b/c2_FLAIR.nii")
    assert niftis(tmp_path) == {
        "b/c1": {"FLAIR": "b/c1_flair.nii.gz", "pre-contrast": "b/c1_t1.nii.gz", "post-contrast": "b/c1_t1ce.nii.gz"},
        "b/c2": {"FLAIR": "b/c2_FLAIR.nii"},
    }


def test_sequence_names_of_brats_bids_and_plain_files_are_understood(tmp_path: Path) -> None:
    touch(tmp_path, *(f"B-001/B-001-{s}.nii.gz" for s in ("t1n", "t1c", "t2w", "t2f", "seg")))
    touch(tmp_path, *(f"plain/{s}.nii" for s in ("flair", "T1", "t1gd", "t2", "seg")))
    touch(tmp_path, *(f"bids/sub-1_{s}.nii" for s in ("T2_FLAIR", "T1w", "T2w")))
    assert niftis(tmp_path) == {
        "B-001/B-001": {
            "FLAIR": "B-001/B-001-t2f.nii.gz",
            "pre-contrast": "B-001/B-001-t1n.nii.gz",
            "post-contrast": "B-001/B-001-t1c.nii.gz",
        },
        "bids/sub-1": {"FLAIR": "bids/sub-1_T2_FLAIR.nii", "pre-contrast": "bids/sub-1_T1w.nii"},
        "plain": {"FLAIR": "plain/flair.nii", "pre-contrast": "plain/T1.nii", "post-contrast": "plain/t1gd.nii"},
    }
    assert find_scans(tmp_path).issues == ()


def test_a_patient_without_flair_is_left_out_and_reported(tmp_path: Path) -> None:
    touch(tmp_path, *(f"B/B-{s}.nii.gz" for s in ("t1n", "t1c", "t2w", "adc", "seg")), "good.nii")
    found = find_scans(tmp_path)
    assert [source.name for source in found.volumes] == ["good"]
    assert {issue.file: issue.reason for issue in found.issues} == {
        f"B/B-{s}.nii.gz": "has no FLAIR (B_flair) beside it" for s in ("t1n", "t1c", "t2w", "adc")
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x_t1ce.nii.gz", "is a post-contrast scan by its name; FLAIR is needed: name it x_flair.nii.gz"),
        ("x-t1n.nii", "is a pre-contrast scan by its name; FLAIR is needed: name it x_flair.nii"),
        ("t2.nii", "is no FLAIR by its name; FLAIR is needed: name it flair.nii"),
    ],
)
def test_a_single_file_of_another_sequence_is_not_taken_for_flair(tmp_path: Path, name: str, message: str) -> None:
    found = find_scans(touch(tmp_path, name) / name)
    assert found.volumes == ()
    (issue,) = found.issues
    assert issue.file == name
    assert message in issue.reason
    assert "give its folder" in issue.reason


def test_beside_named_sequences_an_unnamed_file_is_another_patients_flair(tmp_path: Path) -> None:
    touch(tmp_path, "a_flair.nii.gz", "patient2.nii.gz", "b.nii", "b_t1.nii")
    found = find_scans(tmp_path)
    assert [source.name for source in found.volumes] == ["a", "b", "patient2"]
    assert [issue.file for issue in found.issues] == ["b_t1.nii"]


def test_an_unknown_file_of_a_patient_with_flair_is_left_out_and_reported(tmp_path: Path) -> None:
    touch(tmp_path, "a_flair.nii", "a_fa.nii", "a.nii", "p/flair.nii", "p/md.nii")
    found = find_scans(tmp_path)
    assert [source.name for source in found.volumes] == ["a", "p"]
    assert [issue.file for issue in found.issues] == ["a.nii", "a_fa.nii", "p/md.nii"]
    assert "name it a_flair.nii if it is FLAIR" in found.issues[0].reason


def test_files_with_mask_like_names_are_no_scans(tmp_path: Path) -> None:
    touch(tmp_path, "a_1.tif", "a_mask_1.tif", "seg.tif", "a_1_SEG.tif", "a-label.tif", "mask2.tif", "fatigue_1.tif")
    touch(tmp_path, "v.nii", "v_seg.nii", "v_labels.nii.gz", "segment.nii")
    found = find_scans(tmp_path)
    assert found.issues == ()
    assert [source.name for source in found.volumes] == ["a", "fatigue", "segment", "v"]


def test_a_folder_with_only_mask_like_names_is_reported(tmp_path: Path) -> None:
    touch(tmp_path, "x/a_1.tif", "y/for_seg_1.tif", "y/for_seg_2.tif", "z/a_1_mask.tif")
    found = find_scans(tmp_path)
    assert [source.name for source in found.volumes] == ["x/a"]
    (issue,) = found.issues
    assert issue.file == "y/for_seg_1.tif"
    assert issue.reason == "is a mask by its name, and so are others beside it (1); rename what is a scan"


def test_nifti_files_without_a_sequence_name_are_separate_volumes(tmp_path: Path) -> None:
    touch(tmp_path, "x.nii", "y.nii.gz", "y_mask.nii.gz")
    assert niftis(tmp_path) == {"x": {"FLAIR": "x.nii"}, "y": {"FLAIR": "y.nii.gz"}}


def test_a_sequence_without_its_flair_and_a_second_flair_are_issues(tmp_path: Path) -> None:
    touch(tmp_path, "a_flair.nii", "a_flair.nii.gz", "b_post.nii")
    issues = {issue.file: issue.reason for issue in find_scans(tmp_path).issues}
    assert issues == {
        "a_flair.nii.gz": "is a second FLAIR beside a_flair.nii",
        "b_post.nii": "has no FLAIR (b_flair) beside it",
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [("x_1_mask.tif", "is a mask"), ("x_seg.nii", "is a mask"), ("x.par", "not read"), ("no", "not there")],
)
def test_a_file_that_is_no_scan_is_refused_with_what_would_be_one(tmp_path: Path, name: str, message: str) -> None:
    touch(tmp_path, "x_1_mask.tif", "x_seg.nii", "x.par")
    with pytest.raises(UserError, match=message):
        find_scans(tmp_path / name)


def test_a_folder_without_scans_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "x_1_mask.tif", "notes.txt")
    with pytest.raises(UserError, match="holds no scans"):
        find_scans(tmp_path)
