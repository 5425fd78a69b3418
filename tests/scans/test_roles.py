"""What a file is, by the words of its name and of its folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lgg_seg.errors import UserError
from lgg_seg.predict import main
from lgg_seg.scans.discover import find_scans, named_scan
from lgg_seg.scans.roles import DERIVED, FLAIR, MASK, POST, PRE, UNCLEAR, UNUSED, role_of
from lgg_seg.scans.volumes import VolumeFiles
from tests.scans.test_discover import touch


@pytest.mark.parametrize(
    ("file", "kind", "case"),
    [
        ("P1_T1_brain.nii.gz", PRE, "P1_brain"),
        ("P1_T1c_brain.nii.gz", POST, "P1_brain"),
        ("001_FLAIR_axial.nii.gz", FLAIR, "001_axial"),
        ("flair/P1.nii", FLAIR, "P1"),
        ("t1/P1.nii", PRE, "P1"),
        ("P1/flairAxial.nii", FLAIR, "P1/Axial"),
        ("P1_brainT1.nii", PRE, "P1_brain"),
        ("P1T2.nii", UNUSED, "P1"),
        ("sub-1_ce-gadolinium_T1w.nii.gz", POST, "sub-1"),
        ("sub-1_space-T1w_FLAIR.nii.gz", FLAIR, "sub-1_space-T1w"),
        ("P1 T1 post contrast.nii", POST, "P1"),
        ("P1_T1+C.nii", POST, "P1"),
        ("P1_T1_without_contrast.nii", PRE, "P1"),
        ("P1_T1_FLAIR.nii", UNCLEAR, "P1"),
        ("mni_icbm152_t1_tal.nii.gz", PRE, "mni_icbm152_tal"),
        ("mni_icbm152_gm_tal.nii.gz", DERIVED, "mni_icbm152_gm_tal"),
        ("avg152T1_gray.nii", DERIVED, "avg152T1_gray"),
        ("MNI152_1mm.nii.gz", DERIVED, "MNI152_1mm"),
        ("P1_FLAIR_in_MNI152.nii.gz", FLAIR, "P1_in_MNI152"),
        ("sub-1_label-WM_probseg.nii.gz", DERIVED, "sub-1_label-WM_probseg"),
        ("sub-1_dseg.nii.gz", MASK, "sub-1"),
        ("masks/P1_FLAIR.nii", MASK, "P1"),
        ("labelsTr/BRATS_001.nii.gz", MASK, "Tr/BRATS_001"),
        ("imagesTr/BRATS_001.nii.gz", None, "Tr/BRATS_001"),
        ("lgg-mri-segmentation/TCGA_CT_PD12_1.tif", None, "lgg-mri-segmentation/TCGA_CT_PD12_1"),
        ("Patient1.nii", None, "Patient1"),
        ("PAT1_3.nii", None, "PAT1_3"),
        ("segment.nii", None, "segment"),
    ],
)
def test_a_word_anywhere_says_what_a_file_is(file: str, kind: str | None, case: str) -> None:
    role = role_of(file)
    assert (role.kind, role.case) == (kind, case)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (
            PRE,
            "3DT1 AXT1 SAGT1 T1SE T1TSE T1W3D T13D T1FSE T1WTFE t1space T1FS t1precontrast 3DMPRAGE t1gre",
        ),
        (POST, "T1POSTCONTRAST AXT1POST t1gd T1SEGD 3DT1C T1WCE t1mpragekm T1KM"),
        (UNUSED, "AXT2 t2tse T2FS STIR T2GRE t2spc T23D CORT2 t2stir T2W"),
        (FLAIR, "lesion_study_FLAIR T2FLAIR AXT2FLAIR t2flair3d t2f T2TIRM t2darkfluid 3DFLAIR T2_FLAIR flairSAG"),
        (MASK, "FLAIRmask FLAIRseg FLAIR_mask flairmask2 T1seg t2mask pred prediction lesion lesion_3 FLAIR_lesion"),
        (UNCLEAR, "T1FLAIR"),
        (None, "HT1080 PAT1 AT2 CAT2 WT1 ST1 T10 T12 T1080 T21 TCGA-HT-8111 TCGA_T1_T2XX predator"),
    ],
)
def test_words_glued_to_a_sequence_count_and_codes_do_not(kind: str | None, names: str) -> None:
    assert {name: role_of(f"P1_{name}.nii").kind for name in names.split()} == dict.fromkeys(names.split(), kind)
    assert {name: role_of(f"{name}.nii").kind for name in names.split()} == dict.fromkeys(names.split(), kind)


def test_freesurfers_images_are_t1_and_label_maps(tmp_path: Path) -> None:
    scans = ["orig", "nu", "norm", "brain", "rawavg", "orig_nu", "brain.finalsurfs", "P1_norm"]
    assert {role_of(f"mri/{name}.mgz").kind for name in scans} == {UNUSED}
    labels = ["brainmask", "aseg", "aparc+aseg", "aparc.a2009s+aseg", "ribbon", "lh.ribbon", "wmparc"]
    assert {role_of(f"mri/{name}.mgz").kind for name in labels} == {MASK}
    assert [role_of(name).kind for name in ("mri/T1.mgz", "mri/FLAIR.mgz", "brain.nii")] == [PRE, FLAIR, None]
    touch(tmp_path, *(f"mri/{name}.mgz" for name in (*scans, *labels)))
    assert not find_scans(tmp_path).volumes
    assert not find_scans(tmp_path / "mri" / "orig.mgz").volumes
    touch(tmp_path, "mri/T1.mgz", "mri/FLAIR.mgz")
    assert volumes(tmp_path) == {"mri": {FLAIR: "mri/FLAIR.mgz", PRE: "mri/T1.mgz"}}
    touch(tmp_path, "mri/orig/001.mgz", "mri/orig/FLAIRraw.mgz")
    assert volumes(tmp_path) == {"mri": {FLAIR: "mri/FLAIR.mgz", PRE: "mri/T1.mgz"}}, "and no patient 001"
    assert "mri/orig/FLAIRraw.mgz" in {one.file for one in find_scans(tmp_path).issues}
    assert not find_scans(tmp_path / "mri" / "orig" / "001.mgz").volumes


def volumes(path: Path, **endings: str) -> dict[str, dict[str, str]]:
    named = {{"flair": FLAIR, "t1": PRE, "t1ce": POST}[key]: ending for key, ending in endings.items()}
    return {one.name: dict(one.files) for one in find_scans(path, named).volumes if isinstance(one, VolumeFiles)}


def test_words_in_mid_name_and_of_folders_put_a_patients_files_together(tmp_path: Path) -> None:
    touch(tmp_path, "a/P1_T1_brain.nii", "a/P1_FLAIR_brain.nii", "a/P1_T1c_brain.nii", "a/P1_T2_brain.nii")
    touch(tmp_path, "flair/P2.nii", "t1/P2.nii", "t2/P2.nii")
    assert volumes(tmp_path) == {
        "a/P1_brain": {FLAIR: "a/P1_FLAIR_brain.nii", PRE: "a/P1_T1_brain.nii", POST: "a/P1_T1c_brain.nii"},
        "P2": {FLAIR: "flair/P2.nii", PRE: "t1/P2.nii"},
    }
    assert find_scans(tmp_path).issues == ()


def test_a_processed_version_of_a_sequence_is_no_second_patient(tmp_path: Path) -> None:
    touch(tmp_path, "P1_FLAIR.nii", "P1_FLAIR_n4.nii", "P1_T1_n4_reg.nii", "P2_FLAIR_brain.nii", "P1_2_FLAIR.nii")
    touch(tmp_path, "a/sub-1_FLAIR.nii", "a/sub-1_desc-preproc_FLAIR.nii", "b/flair.nii", "b/flair_n4.nii")
    assert volumes(tmp_path) == {
        "P1": {FLAIR: "P1_FLAIR.nii", PRE: "P1_T1_n4_reg.nii"},
        "P1_2": {FLAIR: "P1_2_FLAIR.nii"},
        "P2_brain": {FLAIR: "P2_FLAIR_brain.nii"},
        "a/sub-1": {FLAIR: "a/sub-1_FLAIR.nii"},
        "b": {FLAIR: "b/flair.nii"},
    }
    found = find_scans(tmp_path)
    (notes,) = (one.notes for one in found.volumes if isinstance(one, VolumeFiles) and one.name == "P1")
    assert notes == ("by its name, P1_T1_n4_reg.nii was processed otherwise than the FLAIR",)
    versions = {issue.file: issue.reason for issue in found.issues}
    assert set(versions) == {"P1_FLAIR_n4.nii", "a/sub-1_desc-preproc_FLAIR.nii", "b/flair_n4.nii"}
    assert versions["P1_FLAIR_n4.nii"].startswith("is another version of P1_FLAIR.nii, which counts")


def test_names_of_patients_are_no_words_of_processing(tmp_path: Path) -> None:
    others = ("NORMAN", "REGINA", "Corrigan", "Proctor", "Bianca", "Stripling", "Cropper")
    touch(tmp_path, "DOE_flair.nii", *(f"DOE_{name}_flair.nii" for name in others))
    touch(tmp_path, "DOE_REG/flair.nii", "DOE_n4/flair.nii", "P/reg/flair.nii", "P/flair.nii", "ROE_flair.nii")
    folders = {"DOE_REG", "DOE_n4", "P", "P/reg", "ROE"}
    assert set(volumes(tmp_path)) == {"DOE", *(f"DOE_{name}" for name in others)} | folders
    touch(tmp_path, "ROE_NORMAN_t1.nii", "ROE_bias_corrected_t1.nii")
    assert volumes(tmp_path)["ROE"] == {FLAIR: "ROE_flair.nii", PRE: "ROE_bias_corrected_t1.nii"}
    (issue,) = find_scans(tmp_path).issues
    assert issue.file == "ROE_NORMAN_t1.nii"
    assert "has no FLAIR" in issue.reason


@pytest.mark.parametrize(
    "word",
    ["norm", "normalised", "reg", "registered", "corr", "preproc", "processed", "bias_field", "n4", "skull_stripped"],
)
def test_a_word_of_processing_makes_another_version(tmp_path: Path, word: str) -> None:
    touch(tmp_path, "P_flair.nii", f"P_flair_{word}.nii", f"Q/P_{word.upper()}_FLAIR.nii", "Q/P_FLAIR.nii")
    assert set(volumes(tmp_path)) == {"P", "Q/P"}
    assert len(find_scans(tmp_path).issues) == 2


@pytest.mark.parametrize(
    "name", ["P1_T1_brain.nii", "t1/P1.nii", "mni_t1.nii", "mni_gm.nii", "T2/P1_1.tif", "P_T1_1.tif"]
)
def test_what_is_no_flair_by_its_name_is_an_issue(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name)
    for path in (tmp_path, tmp_path / name):
        found = find_scans(path)
        assert not found.volumes
        assert len(found.issues) == 1


def test_numbered_channels_are_asked_about_and_named_by_their_endings(tmp_path: Path) -> None:
    touch(tmp_path, *(f"imagesTr/BRATS_001_000{k}.nii.gz" for k in range(4)), "labelsTr/BRATS_001.nii.gz")
    for path in (tmp_path, tmp_path / "imagesTr" / "BRATS_001_0002.nii.gz"):
        found = find_scans(path)
        assert not found.volumes
        (issue,) = found.issues
        assert issue.reason.endswith("say which is which: flair=_0003 t1=_0000 t1ce=_0001")
    (files,) = volumes(tmp_path, flair="_0000", t1="_0001", t1ce="_0002").values()
    assert files == {kind: f"imagesTr/BRATS_001_000{k}.nii.gz" for kind, k in ((FLAIR, 0), (PRE, 1), (POST, 2))}
    (tmp_path / "dataset.json").write_text(
        json.dumps({"modality": {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"}}), encoding="utf-8"
    )
    assert list(volumes(tmp_path).values()) == [files]
    assert find_scans(tmp_path).issues == ()


def test_numbers_of_patients_are_no_channels(tmp_path: Path) -> None:
    touch(tmp_path, "P_0001.nii", "P_0002.nii", *(f"Q_00{k:02}.nii" for k in range(12)))
    assert len(volumes(tmp_path)) == 14


@pytest.mark.parametrize("truth", ["masks/P1.nii", "labelsTr/P1.nii", "images/P1_dseg.nii", "images/P1_label.nii"])
def test_ground_truth_is_no_scan(tmp_path: Path, truth: str) -> None:
    found = find_scans(touch(tmp_path, "images/P1.nii", truth))
    assert [one.name for one in found.volumes] == ["images/P1"]
    assert found.issues == ()
    with pytest.raises(UserError, match="is a mask by its name"):
        find_scans(tmp_path / truth)


def test_named_files_are_one_volume_wherever_they_are(tmp_path: Path) -> None:
    touch(tmp_path, "one/scan.nii.gz", "two/other.nii.gz")
    found = named_scan({FLAIR: tmp_path / "one" / "scan.nii.gz", POST: tmp_path / "two" / "other.nii.gz"})
    assert found.root == tmp_path
    (files,) = found.volumes
    assert isinstance(files, VolumeFiles)
    assert files.files == {FLAIR: "one/scan.nii.gz", POST: "two/other.nii.gz"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "input= is missing"),
        (("t1=a.nii",), "give flair=, too"),
        (("flair=nowhere.nii",), "nowhere.nii is not there"),
    ],
)
def test_missing_scans_are_one_sentence(
    words: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, f"output={tmp_path / 'out'}"]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
