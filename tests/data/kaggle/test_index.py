from __future__ import annotations

import json
import logging
import os
import shutil
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from lgg_seg.data.kaggle.images import checksum, read_mask, read_slice
from lgg_seg.data.kaggle.index import Index, build_index, check_integrity
from lgg_seg.data.kaggle.listing import read_clinical
from lgg_seg.errors import UserError


@pytest.fixture
def root(phantom_root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(phantom_root, tmp_path / "root"))


def _index(root: Path, cache_dir: Path | None = None) -> Index:
    return build_index(root, cache_dir=cache_dir)


def test_index_holds_the_patients_slices_and_clinical_rows(phantom_root: Path) -> None:
    index = _index(phantom_root)
    assert [p.name for p in index.patients] == sorted(p.name for p in phantom_root.iterdir() if p.is_dir())
    assert {p.institution for p in index.patients} == {"DU", "HT", "CS", "FG", "EZ"}
    for patient in index.patients:
        assert [s.number for s in patient.slices] == [1, 2, 3, 4, 5, 6]
        assert patient.clinical["Patient"] == patient.name.rsplit("_", 1)[0]
    for s in index.slices[:6]:
        image, mask = read_slice(s.image)[0], read_mask(s.mask)
        assert (s.shape, s.tumour_pixels) == (mask.shape, int(mask.sum()))
        assert (s.image_checksum, s.mask_checksum) == (checksum(image.tobytes()), checksum(mask.tobytes()))


def test_fingerprint_does_not_depend_on_place_time_or_encoding(root: Path) -> None:
    before = _index(root).fingerprint
    moved = root.rename(root.with_name("moved"))
    for path in moved.glob("*/*.tif"):
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert cv2.imwrite(str(path), pixels, [cv2.IMWRITE_TIFF_COMPRESSION, 5])  # LZW
        os.utime(path, ns=(1, 1))
    assert _index(moved).fingerprint == before


@pytest.mark.parametrize("suffix", ["", "_mask"])
def test_fingerprint_changes_with_one_pixel(root: Path, suffix: str) -> None:
    (root / "digests.txt").unlink()
    before = _index(root).fingerprint
    path = next(iter(sorted(root.glob(f"*/*_3{suffix}.tif"))))
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    pixels[5, 5] = 255 - pixels[5, 5]
    assert cv2.imwrite(str(path), pixels)
    assert _index(root).fingerprint != before


def test_fingerprint_changes_with_the_order_of_slices(root: Path) -> None:
    (root / "digests.txt").unlink()
    before = _index(root).fingerprint
    folder = min(p for p in root.iterdir() if p.is_dir())
    for suffix in ("", "_mask"):
        one, two, spare = (folder / f"{folder.name}_{n}{suffix}.tif" for n in (1, 2, 99))
        one.rename(spare)
        two.rename(one)
        spare.rename(two)
    assert _index(root).fingerprint != before


def test_second_index_decodes_nothing(root: Path, tmp_path: Path) -> None:
    first = _index(root, tmp_path / "cache")
    for path in root.glob("*/*.tif"):
        stamp = path.stat()
        path.write_bytes(bytes(stamp.st_size))  # nothing can be decoded any more
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert _index(root, tmp_path / "cache") == first
    assert any(f.severity == "error" for f in check_integrity(root, cache_dir=tmp_path / "cache", rescan=True).issues)


def test_changed_file_is_read_again(root: Path, tmp_path: Path) -> None:
    first = _index(root, tmp_path / "cache")
    path = first.slices[0].mask
    mask = np.zeros((64, 64), np.uint8)
    mask[:3] = 255
    assert cv2.imwrite(str(path), mask, [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    os.utime(path, (time.time() + 5, time.time() + 5))
    (root / "digests.txt").unlink()
    assert _index(root, tmp_path / "cache").slices[0].tumour_pixels == 3 * 64


def test_file_names_need_not_be_utf8(root: Path, tmp_path: Path) -> None:
    (root / "digests.txt").unlink()
    folder = min(p for p in root.iterdir() if p.is_dir())
    for path in folder.iterdir():
        path.rename(folder / (os.fsdecode(b"M\xfcller") + path.name.removeprefix(folder.name)))
    first = _index(root, tmp_path / "cache")
    assert len(first.patients[0].slices) == 6
    assert _index(root, tmp_path / "cache") == first
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_clinical_rows_are_never_cached(root: Path, tmp_path: Path) -> None:
    _index(root, tmp_path / "cache")
    (root / "data.csv").write_text("Patient,death01\n" + "TCGA_DU_P000,1\n", encoding="utf-8")
    patients = {p.name[:12]: p.clinical for p in _index(root, tmp_path / "cache").patients}
    assert patients.pop("TCGA_DU_P000")["death01"] == "1"
    assert not any(patients.values())


@pytest.mark.parametrize("damage", [b"", b"{", b'{"key": 1}', b"\xff\xfe"])
def test_a_damaged_index_cache_is_replaced(root: Path, tmp_path: Path, damage: bytes) -> None:
    first = _index(root, tmp_path / "cache")
    (memory,) = (tmp_path / "cache").iterdir()
    memory.write_bytes(damage)
    assert _index(root, tmp_path / "cache") == first
    assert memory.stat().st_size > 1000


@pytest.mark.parametrize(
    ("key", "told"), [("of an earlier version", ""), (None, "is damaged; the files are read again")]
)
def test_an_index_of_another_version_is_replaced_in_silence_and_a_damaged_one_in_one_line(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, key: str | None, told: str
) -> None:
    first = _index(root, tmp_path / "cache")
    (memory,) = (tmp_path / "cache").iterdir()
    content = json.loads(memory.read_bytes())
    memory.write_text(json.dumps({"key": key or content["key"], "slices": [{}] * 99}), encoding="utf-8")
    assert _index(root, tmp_path / "cache") == first
    assert caplog.text.count("\n") == bool(told)
    assert told in caplog.text


def test_cache_that_cannot_be_written_is_a_warning(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        assert len(_index(root, tmp_path / "cache").patients) == 12
    assert "cannot be cached" in caplog.text


@pytest.mark.parametrize("below", ["kaggle_3m", "lgg-mri-segmentation/kaggle_3m"])
def test_folder_where_kaggles_zip_was_unpacked_is_taken(phantom_root: Path, tmp_path: Path, below: str) -> None:
    (tmp_path / below).parent.mkdir(exist_ok=True)
    (tmp_path / below).symlink_to(phantom_root)
    assert _index(tmp_path).fingerprint == _index(phantom_root).fingerprint


def test_data_of_another_hospital_are_indexed_with_warnings_at_most(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, size in (("case A", 40), ("case-B", 50)):
        (tmp_path / name).mkdir()
        for number in range(3):
            stem = str(tmp_path / name / f"axial_{number:03}")
            assert cv2.imwrite(f"{stem}.tiff", rng.integers(0, 255, (size, size + 8, 3), np.uint8))
            assert cv2.imwrite(f"{stem}_mask.tiff", np.eye(size, size + 8, dtype=np.uint8))
    (tmp_path / "notes").mkdir()
    index = _index(tmp_path)
    assert [(p.name, p.institution, len(p.slices), p.slices[0].shape) for p in index.patients] == [
        ("case A", "?", 3, (40, 48)),
        ("case-B", "?", 3, (50, 58)),
    ]
    assert not index.patients[0].clinical


@pytest.mark.parametrize("make", [False, True])
def test_wrong_root_names_the_three_ways_out(tmp_path: Path, make: bool) -> None:
    root = tmp_path / "nothing"
    if make:
        root.mkdir()
    with pytest.raises(UserError, match=r"nothing .*kaggle\.com.*data\.root=.*data=phantom"):
        _index(root)


@pytest.mark.parametrize("content", [b"Name,death01\nx,1\n", b"\xff\xfe\x00", b""])
def test_unusable_data_csv_is_a_warning(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.csv").write_bytes(content)
    clinical, issues = read_clinical(tmp_path)
    assert not clinical
    assert [(f.kind, f.severity) for f in issues] == [("clinical", "warning")]


@pytest.mark.real
def test_real_patients_have_no_issue_worse_than_a_note(real_root: Path) -> None:
    found = check_integrity(real_root)
    assert {f.severity for f in found.issues} <= {"note"}
    assert (len(found.index.patients), found.covered) == (4, 4)
    assert {s.shape for s in found.index.slices} == {(256, 256)}
    assert all(20 <= len(p.slices) <= 88 for p in found.index.patients)
    assert all(p.slices[0].number == 1 and p.slices[-1].number == len(p.slices) for p in found.index.patients)
    assert all(p.clinical for p in found.index.patients)
    assert all(any(s.tumour_pixels for s in p.slices) for p in found.index.patients)


@pytest.mark.real
def test_flipped_bit_in_a_real_patient_is_named(real_root: Path, tmp_path: Path) -> None:
    patient = min(p for p in real_root.iterdir() if p.is_dir())
    shutil.copytree(patient, tmp_path / patient.name)
    path = tmp_path / patient.name / f"{patient.name}_7.tif"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    errors = [f for f in check_integrity(tmp_path).issues if f.severity == "error"]
    assert [(f.kind, f.file) for f in errors] == [("checksum", f"{patient.name}/{path.name}")]
