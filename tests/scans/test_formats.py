"""Volumes in formats beside NIfTI, and studies in DICOM."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from lgg_seg.errors import UserError
from lgg_seg.scans.discover import find_scans, named_scan
from lgg_seg.scans.roles import FLAIR, POST, PRE
from lgg_seg.scans.scan import Scan, ScanError
from lgg_seg.scans.volumes import VolumeFiles
from tests.scans.series import HEAD, write_series

LPS = np.array([[-2.0, 0, 0, -30], [0, -2.0, 0, -40], [0, 0, 5.0, -20], [0, 0, 0, 1]])  # the same place in NIfTI


def volume(root: Path) -> VolumeFiles:
    found = find_scans(root)
    assert found.issues == ()
    (files,) = found.volumes
    assert isinstance(files, VolumeFiles)
    return files


def expected(tmp_path: Path) -> Scan:
    """What the head in NIfTI is read as."""
    nib.save(nib.Nifti1Image(HEAD.transpose(2, 1, 0), LPS), tmp_path / "v.nii")
    return VolumeFiles("v", "v", {FLAIR: "v.nii"}).read(tmp_path)


def write_itk(path: Path) -> None:
    image = SimpleITK.GetImageFromArray(HEAD)
    image.SetSpacing((2.0, 2.0, 5.0))
    image.SetOrigin((30.0, 40.0, -20.0))
    SimpleITK.WriteImage(image, str(path))


def write_nibabel(path: Path) -> None:
    kind = nib.MGHImage if path.suffix == ".mgz" else nib.Nifti1Pair
    nib.save(kind(HEAD.transpose(2, 1, 0), LPS), path)


@pytest.mark.parametrize("name", ["P1.mgz", "P1.img", "P1.mha", "P1.mhd", "P1.nrrd", "P1.nhdr"])
def test_every_format_gives_the_same_head_and_a_place_for_its_mask(tmp_path: Path, name: str) -> None:
    root = tmp_path / "in"
    root.mkdir()
    (write_nibabel if name.endswith((".mgz", ".img")) else write_itk)(root / name)
    files = volume(root)
    scan, wanted = files.read(root), expected(tmp_path)
    assert np.array_equal(scan.images, wanted.images)
    assert scan.voxel_mm3 == pytest.approx(20)
    assert files.output("mask") == "P1_mask.nii.gz"
    back = files.in_file(root, scan.flair)
    assert np.allclose(back.affine, LPS)
    assert np.array_equal(np.asarray(back.dataobj).transpose(2, 1, 0), scan.flair)


def test_analyze_does_not_say_how_the_patient_lay(tmp_path: Path) -> None:
    nib.save(nib.AnalyzeImage(HEAD.transpose(2, 1, 0), np.diag([-2.0, 2, 5, 1])), tmp_path / "P1.img")
    assert "how the patient lay" in "; ".join(volume(tmp_path).read(tmp_path).warnings)


@pytest.mark.parametrize("name", ["a.mgz", "a.img", "a.hdr", "a.mha", "a.nrrd", "a.dcm"])
def test_a_damaged_file_of_any_format_is_an_issue(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no")
    found = find_scans(tmp_path)
    issues = list(found.issues)
    for files in found.volumes:
        with pytest.raises(ScanError) as caught:
            files.read(found.root)
        issues += caught.value.issues
    (issue,) = issues
    assert issue.file == name
    assert "cannot be read as" in issue.reason
    assert not any(inside in issue.reason for inside in ("Exception", "/", "ITK"))


def test_images_in_formats_that_are_not_read_are_issues_with_a_remedy(tmp_path: Path) -> None:
    write_itk(tmp_path / "P1.nii.gz")
    for name in ("P2.mnc", "P3.zip", "P4.bmp", "notes.txt", "LICENSE", "sub-1.json"):
        (tmp_path / name).write_bytes(b"")
    issues = {issue.file: issue.reason for issue in find_scans(tmp_path).issues}
    assert issues.keys() == {"P2.mnc", "P3.zip", "P4.bmp"}
    assert "dcm2niix" in issues["P2.mnc"]


@pytest.mark.parametrize("apart", [True, False])
@pytest.mark.parametrize("ending", [".dcm", ""])
def test_the_series_of_a_study_are_the_sequences_of_one_volume(tmp_path: Path, apart: bool, ending: str) -> None:
    post, coarse = HEAD[::-1].copy(), HEAD[::2].copy()
    for name, head in (("AX T2 FLAIR", HEAD), ("AX T1 POST GD", post), ("AX T1", coarse), ("AX T2", HEAD)):
        write_series(tmp_path / "in" / (name if apart else ""), name, head=head, ending=ending)
    files = volume(tmp_path / "in")
    assert (files.patient, set(files.files)) == ("TCGA-CS-4942", {FLAIR, POST, PRE})
    scan, wanted = files.read(tmp_path / "in"), expected(tmp_path)
    assert np.array_equal(scan.flair, wanted.flair)
    assert np.array_equal(scan.images[..., 2], wanted.flair[::-1])
    assert not np.array_equal(scan.images[..., 0], scan.flair)
    assert sum("resampled to the grid of its FLAIR" in warning for warning in scan.warnings) == 1
    assert files.output("mask").endswith("_mask.nii.gz")
    assert np.allclose(files.in_file(tmp_path / "in", scan.flair).affine, LPS)


def test_t1_after_a_contrast_agent_is_post_contrast_and_one_flair_of_several_is_noted(tmp_path: Path) -> None:
    write_series(tmp_path / "a", "AX FLAIR")
    write_series(tmp_path / "b", "SAG FLAIR", _00200037="0\\1\\0\\0\\0\\-1")
    write_series(tmp_path / "c", "T1 SE", _00180010="MAGNEVIST")
    write_series(tmp_path / "d", "Structured report", _00080060="SR")
    files = volume(tmp_path)
    assert set(files.files) == {FLAIR, POST}
    assert files.files[FLAIR].startswith("a/")
    assert files.notes == ("FLAIR is the series AX FLAIR, of 2 of that sequence",)


def test_a_study_without_flair_or_with_a_missing_slice_is_not_silent(tmp_path: Path) -> None:
    write_series(tmp_path / "no", "AX T1")
    (issue,) = find_scans(tmp_path / "no").issues
    assert "without FLAIR by its series' names (AX T1); give one file of each sequence" in issue.reason
    write_series(tmp_path / "gap", "FLAIR", skip=2)
    one = min((tmp_path / "gap").iterdir())
    for found in (find_scans(tmp_path / "gap"), find_scans(one), named_scan({FLAIR: one})):
        assert "its slices are 5 to 10 mm apart" in found.volumes[0].read(found.root).warnings[0]


def test_two_times_in_one_series_are_an_issue_however_it_is_given(tmp_path: Path) -> None:
    write_series(tmp_path, "AX FLAIR")
    write_series(tmp_path, "AX FLAIR", head=HEAD[::-1].copy(), ending="")
    one = min(tmp_path.iterdir())
    for found in (find_scans(tmp_path), find_scans(one), named_scan({FLAIR: one})):
        with pytest.raises(ScanError, match="several slices at one place"):
            found.volumes[0].read(found.root)


def test_files_of_series_can_be_named(tmp_path: Path) -> None:
    write_series(tmp_path / "a", "one")
    write_series(tmp_path / "b", "two", head=HEAD[::-1].copy())
    one, two = (min((tmp_path / folder).iterdir()) for folder in "ab")
    found = named_scan({FLAIR: one, PRE: two})
    wanted = expected(tmp_path)
    scan = found.volumes[0].read(found.root)
    assert np.array_equal(scan.flair, wanted.flair)
    assert np.array_equal(scan.images[..., 0], wanted.flair[::-1])


def test_a_picture_beside_a_series_is_no_patient(tmp_path: Path) -> None:
    write_series(tmp_path / "P1", "AX FLAIR")
    (tmp_path / "P1" / "preview.jpg").touch()
    found = find_scans(tmp_path)
    assert [files.name for files in found.volumes] == ["P1"]
    (issue,) = found.issues
    assert issue.file == "P1/preview.jpg"
    assert "is a picture beside scans" in issue.reason


def test_of_a_file_and_a_folder_whose_masks_share_a_name_the_second_is_an_issue(tmp_path: Path) -> None:
    write_itk(tmp_path / "P1.nii.gz")
    write_series(tmp_path / "p1", "AX FLAIR")
    found = find_scans(tmp_path)
    assert [files.paths for files in found.volumes] == [("P1.nii.gz",)]
    (issue,) = found.issues
    assert issue.file.startswith("p1/")
    assert "would have its mask in p1_mask.nii.gz, as P1.nii.gz has" in issue.reason


def test_a_series_in_two_folders_is_an_issue_that_names_both(tmp_path: Path) -> None:
    write_series(tmp_path / "a", "AX FLAIR")
    (tmp_path / "b").mkdir()
    for file in sorted((tmp_path / "a").iterdir())[:2]:
        file.rename(tmp_path / "b" / file.name)
    found = find_scans(tmp_path)
    assert found.volumes == ()
    (issue,) = found.issues
    assert "is of a series in several folders (a, b)" in issue.reason


def test_a_folder_in_place_of_a_series_file_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder; name one file in it"):
        named_scan({FLAIR: tmp_path})
