"""How a data set may lie on the disk: folders of patients, images/ and masks/, TIFF or PNG, unpacked in any way."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from lgg_seg.data.kaggle.index import IntegrityReport, build_index, check_integrity
from lgg_seg.data.kaggle.integrity import DataError

Write = Callable[[Path, str, str, np.ndarray, np.ndarray], None]


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def flat(root: Path, patient: str, number: str, image: np.ndarray, mask: np.ndarray) -> None:
    write(root / "images" / f"{patient}_{number}.png", image)
    write(root / "masks" / f"{patient}_{number}.png", mask)


def nested(root: Path, patient: str, number: str, image: np.ndarray, mask: np.ndarray) -> None:
    write(root / "images" / patient / f"slice_{int(number):03}.tif", image)
    write(root / "masks" / patient / f"slice_{int(number):03}_mask.tif", mask)


def by_patient(root: Path, patient: str, number: str, image: np.ndarray, mask: np.ndarray) -> None:
    write(root / patient / f"{patient}_{number}.png", image)
    write(root / patient / f"{patient}_{number}_mask.png", mask)


def converted(phantom: Path, root: Path, put: Write, change: Callable[[np.ndarray], np.ndarray] = np.asarray) -> Path:
    """Three phantom patients in another layout, their images changed."""
    for patient in sorted(p for p in phantom.iterdir() if p.is_dir())[:3]:
        for file in patient.glob("*_mask.tif"):
            stem = file.stem.removesuffix("_mask")
            image = cv2.imread(str(file.with_name(f"{stem}.tif")))
            put(root, patient.name, stem.rpartition("_")[2], change(image), cv2.imread(str(file), cv2.IMREAD_GRAYSCALE))
    return root


def kinds(report: IntegrityReport) -> set[tuple[str, str]]:
    return {(issue.kind, issue.severity) for issue in report.issues if issue.severity != "note"}


@pytest.fixture
def three(phantom_root: Path, tmp_path: Path) -> Path:
    """The same three patients as they are published."""
    root = tmp_path / "three"
    for patient in sorted(p for p in phantom_root.iterdir() if p.is_dir())[:3]:
        shutil.copytree(patient, root / patient.name)
    return root


@pytest.mark.parametrize("put", [flat, nested, by_patient])
def test_another_layout_is_the_same_data_set(put: Write, three: Path, phantom_root: Path, tmp_path: Path) -> None:
    index = build_index(converted(phantom_root, tmp_path / "root", put), cache_dir=tmp_path)
    again = build_index(tmp_path / "root", cache_dir=tmp_path)
    assert index.fingerprint == again.fingerprint == build_index(three, cache_dir=tmp_path).fingerprint
    for s in again.slices:
        assert (s.read_image().shape, s.read_mask().sum()) == ((64, 64, 3), s.tumour_pixels)


def test_slices_of_flair_alone_stand_in_for_the_other_sequences(phantom_root: Path, tmp_path: Path) -> None:
    root = converted(phantom_root, tmp_path / "root", flat, lambda image: image[..., 1])
    report = check_integrity(root, cache_dir=tmp_path)
    assert kinds(report) == set() or {severity for _, severity in kinds(report)} == {"warning"}
    assert {patient.substituted for patient in report.index.patients} == {("pre-contrast", "post-contrast")}
    first = report.index.slices[0]
    assert np.array_equal(first.read_image()[..., 0], cv2.imread(str(first.image), cv2.IMREAD_GRAYSCALE))
    colour = next(root.glob("images/*_4.png"))
    write(colour, np.full((64, 64, 3), (1, 2, 3), np.uint8))
    with pytest.raises(DataError, match="has 1 channel, where other slices have 3"):
        build_index(root, cache_dir=tmp_path)


def test_views_beside_tiffs_are_no_slices(three: Path, tmp_path: Path) -> None:
    before = build_index(three, cache_dir=tmp_path).fingerprint
    for file in three.glob("*/*_2.tif"):
        write(file.with_suffix(".png"), cv2.imread(str(file)))
    assert build_index(three, cache_dir=tmp_path).fingerprint == before


@pytest.mark.parametrize("below", ["kaggle_3m/kaggle_3m", "archive/lgg-mri-segmentation/kaggle_3m"])
def test_folders_around_the_data_set_are_looked_into(below: str, three: Path, tmp_path: Path) -> None:
    (tmp_path / "root" / below).parent.mkdir(parents=True)
    three.rename(tmp_path / "root" / below)
    assert build_index(tmp_path / "root", cache_dir=tmp_path).root == tmp_path / "root" / below


def test_a_damaged_png_is_named(phantom_root: Path, tmp_path: Path) -> None:
    root = converted(phantom_root, tmp_path / "root", flat)
    cut, flipped, page, *_ = sorted(root.glob("images/*.png"))
    cut.write_bytes(cut.read_bytes()[:-20])
    data = bytearray(flipped.read_bytes())
    data[len(data) // 2] ^= 1
    flipped.write_bytes(data)
    page.write_text("<!DOCTYPE html>", encoding="utf-8")
    named = {issue.file: issue.message for issue in check_integrity(root, cache_dir=tmp_path).issues}
    assert named[f"images/{cut.name}"] == "is truncated: its end is missing"
    assert named[f"images/{flipped.name}"] == "is damaged: its pixels cannot be decoded"
    assert named[f"images/{page.name}"] == "is a web page saved under a TIFF's name"


def smoothed(mask: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(mask, (5, 5), 0))


@pytest.mark.parametrize("change", [lambda mask: mask // 255 * 128, smoothed])
def test_masks_of_other_values_are_thresholded_when_asked_and_said(
    change: Callable[[np.ndarray], np.ndarray], three: Path, tmp_path: Path
) -> None:
    before = build_index(three, cache_dir=tmp_path)
    for file in three.glob("*/*_mask.tif"):
        write(file, change(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)))
    with pytest.raises(DataError, match=r"values \(\d+\): .*data\.mask_threshold=127"):
        build_index(three, cache_dir=tmp_path)
    report = check_integrity(three, cache_dir=tmp_path, mask_threshold=127)
    assert ("values", "warning") in kinds(report)
    areas = [(s.tumour_pixels, s.read_mask().sum()) for s in report.index.slices]
    assert [was.tumour_pixels for was in before.slices] == pytest.approx([area for area, _ in areas], abs=12)
    assert all(area == read for area, read in areas)


def test_masks_in_jpeg_are_thresholded_when_asked(three: Path, phantom_root: Path, tmp_path: Path) -> None:
    def put(root: Path, patient: str, number: str, image: np.ndarray, mask: np.ndarray) -> None:
        write(root / "images" / f"{patient}_{number}.png", image)
        write(root / "masks" / f"{patient}_{number}.jpg", mask)

    root = converted(phantom_root, tmp_path / "root", put)
    with pytest.raises(DataError, match=r"values \(\d+\): .*data\.mask_threshold=127"):
        build_index(root, cache_dir=tmp_path)
    index, exact = build_index(root, cache_dir=tmp_path, mask_threshold=127), build_index(three, cache_dir=tmp_path)
    for ours, theirs in zip(index.slices, exact.slices, strict=True):
        assert np.array_equal(ours.read_mask(), theirs.read_mask()), "JPEG of quality 95 moves no edge"


def test_inverted_masks_are_an_error(three: Path, tmp_path: Path) -> None:
    first = min(three.iterdir())
    for file in first.glob("*_mask.tif"):
        write(file, 255 - cv2.imread(str(file), cv2.IMREAD_GRAYSCALE))
    with pytest.raises(DataError, match=rf"inverted \(1\): .*invert these masks\n  {first.name} has masks that mark"):
        build_index(three, cache_dir=tmp_path)
