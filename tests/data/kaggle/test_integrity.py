from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from lgg_seg.data.kaggle.index import build_index, check_integrity
from lgg_seg.data.kaggle.integrity import DataError, Issue

Inject = Callable[[Path], tuple[str, str]]  # damages a patient's folder; returns the file to be named and the kind


def _slice(folder: Path, number: int, suffix: str = "") -> Path:
    return folder / f"{folder.name}_{number}{suffix}.tif"


def _write(path: Path, pixels: np.ndarray) -> None:
    assert cv2.imwrite(str(path), pixels, [cv2.IMWRITE_TIFF_COMPRESSION, 1])


def _named(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _zero_bytes(folder: Path) -> tuple[str, str]:
    _slice(folder, 2).write_bytes(b"")
    return _named(_slice(folder, 2)), "unreadable"


def _web_page(folder: Path) -> tuple[str, str]:
    _slice(folder, 2).write_text("<!DOCTYPE html><title>Log in to Kaggle</title>", encoding="utf-8")
    return _named(_slice(folder, 2)), "unreadable"


def _truncated(folder: Path) -> tuple[str, str]:
    path = _slice(folder, 3)
    path.write_bytes(path.read_bytes()[:-100])
    return _named(path), "unreadable"


def _flipped_bit(folder: Path) -> tuple[str, str]:
    path = _slice(folder, 3)
    image = cv2.imread(str(path))
    image[20, 20, 1] ^= 64
    _write(path, image)
    return _named(path), "checksum"


def _no_mask(folder: Path) -> tuple[str, str]:
    _slice(folder, 4, "_mask").unlink()
    return _named(_slice(folder, 4)), "mask missing"


def _no_image(folder: Path) -> tuple[str, str]:
    _slice(folder, 4).unlink()
    return _named(_slice(folder, 4, "_mask")), "image missing"


def _other_shape(folder: Path) -> tuple[str, str]:
    path = _slice(folder, 1, "_mask")
    _write(path, np.zeros((32, 64), np.uint8))
    return _named(path), "shape"


def _other_values(folder: Path) -> tuple[str, str]:
    path = _slice(folder, 1, "_mask")
    mask = np.zeros((64, 64), np.uint8)
    mask[:5] = 128
    _write(path, mask)
    return _named(path), "values"


def _blank_with_tumour(folder: Path) -> tuple[str, str]:
    _write(_slice(folder, 3), np.zeros((64, 64, 3), np.uint8))
    _write(_slice(folder, 3, "_mask"), np.full((64, 64), 255, np.uint8))
    return _named(_slice(folder, 3)), "blank"


def _of_another_patient(folder: Path) -> tuple[str, str]:
    first = min(p for p in folder.parent.iterdir() if p.is_dir())
    shutil.copy(_slice(first, 3), _slice(folder, 3))
    return _named(_slice(folder, 3)), "duplicate"


def _number_twice(folder: Path) -> tuple[str, str]:
    twin = folder / f"{folder.name}_02.tif"
    shutil.copy(_slice(folder, 2), twin)
    return _named(_slice(folder, 2)), "numbering"  # `_02` comes first by name


ERRORS: tuple[Inject, ...] = (
    _zero_bytes,
    _web_page,
    _truncated,
    _flipped_bit,
    _no_mask,
    _no_image,
    _other_shape,
    _other_values,
    _blank_with_tumour,
    _of_another_patient,
    _number_twice,
)


@pytest.fixture
def root(phantom_root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(phantom_root, tmp_path / "root"))


def _patients(root: Path) -> list[Path]:
    return sorted(p for p in root.iterdir() if p.is_dir())


def _issues(root: Path) -> tuple[Issue, ...]:
    return check_integrity(root).issues


def test_phantom_has_no_error_and_no_warning(phantom_root: Path) -> None:
    assert {issue.severity for issue in _issues(phantom_root)} <= {"note"}


def test_all_errors_are_listed_at_once_with_file_and_patient(root: Path) -> None:
    expected = set()
    for inject, folder in zip(ERRORS, _patients(root)[1:], strict=True):
        file, kind = inject(folder)
        expected.add((kind, folder.name, file))
    with pytest.raises(DataError) as caught:
        build_index(root)
    found = {(f.kind, f.patient, f.file) for f in caught.value.issues if f.severity == "error"}
    assert expected <= found
    assert {patient for _, patient, _ in found} == {patient for _, patient, _ in expected}
    message = str(caught.value)
    assert all(kind in message for kind, _, _ in expected)
    assert all(f.file is not None and f.file in message for f in caught.value.issues if f.severity == "error")


def test_long_lists_are_cut_with_the_command_that_lists_all(root: Path) -> None:
    for folder in _patients(root):
        for number in (1, 2, 3):
            _slice(folder, number).write_bytes(b"")
    with pytest.raises(DataError, match=r"and 16 more: `python -m lgg_seg\.data verify data\.root=") as caught:
        build_index(root)
    assert len(str(caught.value).splitlines()) < 30
    assert sum(f.severity == "error" for f in caught.value.issues) == 36


def test_patient_without_tumour_is_a_warning(root: Path) -> None:
    (root / "digests.txt").unlink()
    folder = _patients(root)[0]
    for number in range(1, 7):
        _write(_slice(folder, number, "_mask"), np.zeros((64, 64), np.uint8))
    assert [(f.kind, f.patient) for f in _issues(root) if f.severity == "warning"] == [("no tumour", folder.name)]
    assert len(build_index(root).patients) == 12


def test_a_blank_slice_is_a_warning_and_a_blank_sequence_a_note(root: Path) -> None:
    (root / "digests.txt").unlink()
    folder = _patients(root)[0]
    mask = np.zeros((64, 64), np.uint8)
    image = cv2.imread(str(_slice(folder, 2)))
    image[..., 1] = 7
    _write(_slice(folder, 1), np.zeros((64, 64, 3), np.uint8))
    _write(_slice(folder, 1, "_mask"), mask)
    _write(_slice(folder, 2), image)
    found = [(f.severity, f.file) for f in _issues(root) if f.kind == "blank"]
    assert found == [("warning", _named(_slice(folder, 1))), ("note", _named(_slice(folder, 2)))]


def test_missing_number_is_a_warning_that_names_it(root: Path) -> None:
    folder = _patients(root)[0]
    _slice(folder, 3).unlink()
    _slice(folder, 3, "_mask").unlink()
    warnings = {f.kind: str(f) for f in _issues(root) if f.severity == "warning"}
    assert warnings["numbering"] == f"{folder.name} has slices up to 6, but no slice 3"
    assert warnings["incomplete"] == f"{folder.name} has 5 slices, 1 fewer than were published"


def test_slices_are_in_numeric_order(root: Path) -> None:
    (root / "digests.txt").unlink()
    folder = _patients(root)[0]
    for suffix in ("", "_mask"):
        _slice(folder, 2, suffix).rename(_slice(folder, 10, suffix))
    numbers = [s.number for s in build_index(root).patients[0].slices]
    assert numbers == [1, 3, 4, 5, 6, 10]


def test_sequence_replaced_by_flair_is_noted(phantom_root: Path) -> None:
    index = build_index(phantom_root)
    replaced = {p.name.split("_")[2]: p.substituted for p in index.patients if p.substituted}
    assert replaced == {"P002": ("post-contrast",), "P004": ("pre-contrast",), "P009": ("post-contrast",)}
    assert sum(f.kind == "substituted" and f.severity == "note" for f in _issues(phantom_root)) == 3


def test_slice_named_after_another_patient_is_an_error(root: Path) -> None:
    first, second = _patients(root)[:2]
    shutil.move(_slice(first, 6), second / _slice(first, 6).name)
    named = [(f.severity, f.patient, f.file) for f in _issues(root) if f.kind == "name"]
    assert named == [("error", second.name, f"{second.name}/{first.name}_6.tif")]


def test_volume_of_two_grids_is_an_error(root: Path) -> None:
    folder = _patients(root)[0]
    _write(_slice(folder, 5), np.full((32, 32, 3), 9, np.uint8))
    _write(_slice(folder, 5, "_mask"), np.zeros((32, 32), np.uint8))
    assert ("shape", "error", _named(_slice(folder, 5))) in {(f.kind, f.severity, f.file) for f in _issues(root)}


def test_a_processed_copy_of_published_data_is_one_warning(root: Path) -> None:
    for path in root.glob("*/*.tif"):
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        _write(path, cv2.resize(pixels, (32, 32), interpolation=cv2.INTER_NEAREST))
    checksum_issues = [f for f in _issues(root) if f.kind == "checksum"]
    assert [f.severity for f in checksum_issues] == ["warning"]


def test_masks_of_zeros_and_ones_are_the_same_masks(root: Path) -> None:
    before = build_index(root)
    for path in root.glob("*/*_mask.tif"):
        _write(path, cv2.imread(str(path), cv2.IMREAD_UNCHANGED) // 255)
    after = build_index(root)
    assert after.fingerprint == before.fingerprint
    assert [s.tumour_pixels for s in after.slices] == [s.tumour_pixels for s in before.slices]


def test_damaged_files_print_nothing_on_stderr(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = _slice(_patients(root)[0], 3)
    data = bytearray(cv2.imencode(".tif", cv2.imread(str(path)))[1].tobytes())
    data[200:400] = bytes(200)  # breaks the LZW stream
    path.write_bytes(bytes(data))
    assert any(f.kind in ("unreadable", "checksum") for f in _issues(root))
    assert capfd.readouterr().err == ""


def test_one_patient_under_two_dates_is_an_error(root: Path) -> None:
    first, second = sorted(p for p in root.iterdir() if p.is_dir())[:2]
    again = first.name[:-8] + "20190101"
    for path in sorted(second.iterdir()):
        path.rename(path.with_name(path.name.replace(second.name, again)))
    second.rename(root / again)
    errors = [
        issue for issue in check_integrity(root).issues if issue.severity == "error" and issue.kind == "duplicate"
    ]
    assert [(issue.patient, first.name in issue.message) for issue in errors] == [(again, True)]


def test_a_damaged_phantom_is_to_be_written_anew(root: Path) -> None:
    _flipped_bit(_patients(root)[0])
    with pytest.raises(DataError) as error:
        build_index(root)
    assert f"checksum (1): remove {root}, and python -m lgg_seg.data phantom root={root} patients=" in str(error.value)
    assert "download" not in str(error.value)
    (root / "phantom.json").unlink()
    with pytest.raises(DataError, match="download these files again"):
        build_index(root)
