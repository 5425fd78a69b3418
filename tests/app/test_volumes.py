"""NIfTI and DICOM on the page are what `predict` makes of them."""

from __future__ import annotations

import gc
import gzip
import io
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from lgg_seg.app.measurements import measure, pack_masks
from lgg_seg.app.uploads import Volume, read_upload
from lgg_seg.scans.discover import find_scans
from tests.app.dropped import zipped
from tests.scans.series import HEAD, write_series

AFFINE = np.diag([-1.0, -1.0, 5.0, 1.0])


def nifti(voxels: np.ndarray) -> bytes:
    """A volume (X, Y, Z) as a `.nii`."""
    return nib.Nifti1Image(voxels, AFFINE).to_bytes()


def packed(volume: Volume, mask: np.ndarray) -> tuple[str, nib.Nifti1Image]:
    """The one mask of the archive, and its name."""
    content = pack_masks(volume, mask)
    assert content == pack_masks(volume, mask)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = archive.namelist()
        member = archive.read(name)
    return name, nib.Nifti1Image.from_bytes(gzip.decompress(member) if name.endswith(".gz") else member)


def test_sequences_and_segmentation_in_nifti_are_one_volume_with_its_truth() -> None:
    flair, t1, seg = HEAD.transpose(2, 1, 0), HEAD[::-1].transpose(2, 1, 0), np.zeros((6, 7, 5), np.uint8)
    seg[1:3, 2:6, 3] = 4
    files = {"P/P_flair.nii": nifti(flair), "P/P_t1.nii": nifti(t1), "P/P_seg.nii": nifti(seg)}
    upload = read_upload([("p.zip", zipped(files))])
    assert upload.issues == ()
    (volume,) = upload.volumes
    assert volume.scan.images.shape == (5, 7, 6, 3)
    assert not np.array_equal(volume.scan.images[..., 0], volume.scan.images[..., 1])
    assert volume.truth.known.all()
    assert np.argwhere(volume.truth.mask.any(axis=(1, 2))).tolist() == [[3]]
    assert volume.scan.left_is_known
    assert volume.scan.sides_mm == pytest.approx((1, 1, 5))
    found = volume.truth.mask.copy()
    found[3, 2] = False
    measured = measure(volume, found.astype(np.float32), 0.5, "none", seen=None)
    assert measured.per_volume["volume_mm3"][0] == pytest.approx(6 * 5)
    assert measured.per_volume["dice"][0] == pytest.approx(12 / 14)
    name, mask = packed(volume, measured.mask)
    assert name == "P/P_mask.nii"
    assert np.array_equal(mask.affine, AFFINE)
    assert mask.get_fdata().sum() == 6


def test_a_series_in_dicom_is_read_as_the_command_reads_it(tmp_path: Path) -> None:
    write_series(tmp_path / "1", "AX T2 FLAIR")
    write_series(tmp_path / "2", "AX T1", head=HEAD[::-1].copy())
    files = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*.dcm")}
    (volume,) = read_upload([("study.zip", zipped(files))]).volumes
    (wanted,) = find_scans(tmp_path).volumes
    assert np.array_equal(volume.scan.images, wanted.read(tmp_path).images)
    assert volume.files.patient == "TCGA-CS-4942"
    assert volume.scan.sides_mm == pytest.approx((2, 2, 5))
    name, mask = packed(volume, volume.scan.flair > 99)
    assert name.endswith("_mask.nii.gz")
    assert mask.shape == (6, 7, 5)


def test_files_stay_until_nobody_has_the_volume_and_not_longer() -> None:
    upload = read_upload([("P_flair.nii", nifti(HEAD.transpose(2, 1, 0)))])
    folder = upload.volumes[0].folder.path
    assert (folder / "P_flair.nii").is_file()
    assert folder.parent.stat().st_mode & 0o77 == 0, "nobody else on this computer may read it"
    del upload
    gc.collect()
    assert not folder.parent.exists()


@pytest.mark.parametrize(
    ("ending", "line"),
    [
        *((ending, b"ElementDataFile = /etc/hostname") for ending in (".mha", ".mhd")),
        (".mha", b"ElementDataFile : /etc/hostname"),
        (".mha", b"ElementDataFile = LOCAL/../../../etc/hostname"),
        (".mha", b"ElementDataFile = LIST"),
        (".nrrd", b"data file: /etc/hostname"),
        (".nrrd", b"datafile: /etc/hostname"),
    ],
)
def test_a_header_that_names_another_file_is_not_followed(tmp_path: Path, ending: str, line: bytes) -> None:
    """It could name any file of this computer, and its bytes would be shown."""
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(HEAD), str(tmp_path / f"P_flair{ending}"))
    content = (tmp_path / f"P_flair{ending}").read_bytes()
    if ending != ".mhd":
        assert read_upload([(f"P_flair{ending}", content)]).volumes
    content = content.replace(b"ElementDataFile = LOCAL", line)
    content = content.replace(b"\n\n", b"\n" + line + b"\n\n", 1) if ending == ".nrrd" else content
    (issue,) = read_upload([(f"P_flair{ending}", content)]).issues
    assert "keeps its voxels in another file" in issue.reason


def test_a_volume_beyond_the_limit_is_refused_before_its_voxels_are_read() -> None:
    large = nifti(np.broadcast_to(np.uint8(0), (900, 900, 45)))
    (issue,) = read_upload([("large.zip", zipped({"P_flair.nii": large}))]).issues
    assert "33 million pixels" in issue.reason


def test_a_sequence_that_the_command_asks_for_is_asked_for_in_the_pages_words(tmp_path: Path) -> None:
    write_series(tmp_path, "AX T1")
    (issue,) = read_upload([(path.name, path.read_bytes()) for path in tmp_path.iterdir()]).issues
    assert issue.reason == (
        "is of a study without FLAIR by its series' names (AX T1); save its series in NIfTI, as dcm2niix does, and "
        "drop them with the sequence at the end of the name: P1_flair, P1_t1, P1_t1ce"
    )
    voxels = nifti(np.arange(8 * 8 * 3, dtype=np.int16).reshape(8, 8, 3))
    for names in (["P1_T1_flair.nii"], ["P1_0000.nii", "P1_0001.nii"]):
        (issue,) = read_upload([(name, voxels) for name in names]).issues
        assert issue.reason.endswith(
            "; drop each file with the sequence at the end of the name: P1_flair, P1_t1, P1_t1ce"
        )


def test_a_t1_alone_is_not_shown_and_names_that_collide_are_sentences() -> None:
    (issue,) = read_upload([("P_T1.nii", nifti(HEAD))]).issues
    assert "has no FLAIR" in issue.reason
    upload = read_upload([("x.zip", zipped({"a": b"1", "a/P_flair.nii": nifti(HEAD)}))])
    assert [issue.file for issue in upload.issues] == ["a/P_flair.nii"]
    assert "cannot be stored under that name" in upload.issues[0].reason
