"""The right answers of slices, and splits without those who have none."""

from __future__ import annotations

import csv
import logging
import shutil
from pathlib import Path

import pytest

from lgg_seg.data.kaggle.index import Index, build_index
from lgg_seg.data.labels import GRADE, labelled, require_both_classes, slice_labels
from lgg_seg.data.splits import AllPatients, PatientSplit
from lgg_seg.errors import UserError


@pytest.fixture
def root(phantom_root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(phantom_root, tmp_path / "root"))


def write_grades(root: Path, grades: list[str]) -> Index:
    """Give the root's patients these codes, in the order of their names."""
    with (root / "data.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row, grade in zip(sorted(rows, key=lambda row: row["Patient"]), grades, strict=True):
        row[GRADE] = grade
    with (root / "data.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return build_index(root)


def test_a_slice_shows_tumour_if_its_own_mask_does(phantom_root: Path) -> None:
    index = build_index(phantom_root)
    labels = slice_labels(index, "tumour")
    assert len(labels) == len(index.slices)
    assert [bool(label) for label in labels] == [one.tumour_pixels > 0 for one in index.slices]
    assert {True, False} == set(labels)


def test_every_slice_has_its_patients_grade_and_none_where_data_csv_has_none(root: Path) -> None:
    grades = ["1", "2", "", "2", *["1"] * 8]
    index = write_grades(root, grades)
    by_patient = dict(zip((patient.name for patient in index.patients), grades, strict=True))
    expected = {"1": False, "2": True, "": None}
    labels = slice_labels(index, "grade")
    assert list(labels) == [expected[by_patient[one.patient]] for one in index.slices]


def test_patients_without_a_grade_are_in_no_subset_and_the_log_names_them(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    index = write_grades(root, ["1", "2", "", "2", *["1"] * 8])
    nameless = index.patients[2].name
    rule = PatientSplit(val=0.25, test=0.25, seed=0)
    with caplog.at_level(logging.INFO):
        split = labelled(rule, "grade")(index)
    assert nameless in caplog.text
    for subset in ("train", "val", "test"):
        assert set(split.patients(index, subset)) == set(rule(index).patients(index, subset)) - {nameless}
    assert split.hash != rule(index).hash
    assert labelled(rule, "tumour")(index) == rule(index), "every slice has a mask"
    assert nameless not in labelled(AllPatients(), "grade")(index).patients(index, "test")


def test_missing_grades_and_unknown_codes_are_refused(root: Path) -> None:
    with pytest.raises(UserError, match=r"must be 1 \(WHO grade II\)"):
        slice_labels(write_grades(root, ["4", *["1"] * 11]), "grade")
    (root / "data.csv").unlink()
    with pytest.raises(UserError, match=r"model\.target=tumour"):
        slice_labels(build_index(root), "grade")


def test_training_slices_of_one_class_are_refused() -> None:
    require_both_classes([True, False, None], [0, 1], "grade")
    with pytest.raises(UserError, match="same grade label"):
        require_both_classes([True, False, True], [0, 2], "grade")


@pytest.mark.real
def test_the_real_patients_have_their_grades(real_root: Path) -> None:
    index = build_index(real_root)
    grades = slice_labels(index, "grade")
    for patient in index.patients:
        own = {grade for one, grade in zip(index.slices, grades, strict=True) if one.patient == patient.name}
        assert own == {{"1": False, "2": True, "": None}[patient.clinical.get(GRADE, "")]}
