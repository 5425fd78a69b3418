"""Folders of DICOM as scanners, archives and discs make them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lgg_seg.errors import UserError
from lgg_seg.scans.discover import find_scans, named_scan
from lgg_seg.scans.roles import FLAIR, POST, PRE, UNUSED
from lgg_seg.scans.scan import ScanError
from lgg_seg.scans.series import AGENT, CONTRAST, DESCRIPTION, DIRECTIONS, numbers_of
from lgg_seg.scans.studies import series_kind
from tests.scans.series import HEAD, write_series

REPORT, DIRECTORY = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.1.3.10"


def without_picture(path: Path, kind: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(128) + b"DICM\x02\x00\x02\x00UI" + bytes([len(kind), 0]) + kind.encode())


def test_of_a_disc_dicom_alone_is_read_and_what_holds_no_picture_is_passed_over(tmp_path: Path) -> None:
    without_picture(tmp_path / "DICOMDIR", DIRECTORY)
    without_picture(tmp_path / "DICOM" / "SE0" / "IM1", REPORT)
    (tmp_path / "VIEWER").mkdir()
    for name in ("VIEWER/icon_1.png", "VIEWER/viewer.zip", "LOGO.JPG"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match="holds no scans"):
        find_scans(tmp_path)
    write_series(tmp_path / "DICOM" / "SE1", "AX FLAIR", ending="")
    found = find_scans(tmp_path)
    assert found.issues == ()
    assert [files.patient for files in found.volumes] == ["TCGA-CS-4942"]
    (issue,) = find_scans(tmp_path / "DICOMDIR").issues
    assert issue.reason == "holds no picture, as reports and directories do; give the folder of its study"


def test_a_damaged_file_beside_a_series_costs_that_file_alone(tmp_path: Path) -> None:
    write_series(tmp_path, "AX FLAIR")
    one = min(tmp_path.iterdir())
    (tmp_path / "cut.dcm").write_bytes(one.read_bytes()[:400])
    found = find_scans(tmp_path)
    assert [(issue.file, issue.reason) for issue in found.issues] == [
        ("cut.dcm", "cannot be read as DICOM; restore it from its source")
    ]
    assert len(found.volumes[0].read(tmp_path).images) == len(HEAD)


@pytest.mark.parametrize(
    ("tag", "value", "says"),
    [
        ("_00200037", "0\\1\\0\\0\\0\\-1", "slices in several directions"),
        ("_00080008", "ORIGINAL\\PRIMARY\\M\\ND\\MOSAIC", "is a mosaic of a volume's slices"),
    ],
)
def test_what_is_no_stack_of_slices_is_refused(tmp_path: Path, tag: str, value: Any, says: str) -> None:
    write_series(tmp_path, "AX FLAIR")
    write_series(tmp_path, "AX FLAIR", head=HEAD[:2], ending="", **{tag: value})
    one = min(path for path in tmp_path.iterdir() if path.suffix != ".dcm")
    with pytest.raises(ScanError, match=says):
        named_scan({FLAIR: one}).volumes[0].read(tmp_path)


def test_a_tag_that_holds_no_numbers_or_too_few_gives_none() -> None:
    for text in ("x\\y\\z\\0\\0\\1", "1\\0", ""):
        assert numbers_of({DIRECTIONS: text}, DIRECTIONS, 6) is None


def test_one_file_is_flair_unless_its_series_has_another_name(tmp_path: Path) -> None:
    write_series(tmp_path / "a", "RESTING_STATE")
    write_series(tmp_path / "b", "")
    (issue,) = find_scans(min((tmp_path / "a").iterdir())).issues
    assert "is of a series that is no FLAIR by its name (RESTING_STATE)" in issue.reason
    assert len(find_scans(min((tmp_path / "b").iterdir())).volumes) == 1


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        ({CONTRAST: "FLUID_ATTENUATED"}, FLAIR),
        ({CONTRAST: "T1"}, PRE),
        ({CONTRAST: "T1", AGENT: "Gadovist"}, POST),
        ({CONTRAST: "DIFFUSION"}, UNUSED),
        ({DESCRIPTION: "t2_tirm_tra_dark-fluid"}, FLAIR),
        ({DESCRIPTION: "FAST LOCALIZER"}, UNUSED),
        ({}, None),
    ],
)
def test_a_series_is_known_by_its_name_or_its_contrast(tags: dict[str, str], kind: str | None) -> None:
    assert series_kind(tags) == kind
