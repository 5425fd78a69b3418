"""Hostile zips: every limit holds for the bytes that come out, whatever the archive says of itself."""

from __future__ import annotations

import stat
import struct
import tracemalloc
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgg_seg.app.archive import unpack
from lgg_seg.app.limits import MAX_FILES, MAX_UNPACKED, Budget, LimitError
from lgg_seg.app.uploads import read_upload
from tests.app.dropped import image, mask, tiff, zipped

GOOD = {"p/p_1.tif": tiff(image()), "p/p_1_mask.tif": tiff(mask()), "p/p_2.tif": tiff(image())}


def refused(content: bytes) -> str:
    """The one sentence for an archive that is refused as a whole."""
    upload = read_upload([("x.zip", content)])
    assert not upload.volumes
    (issue,) = upload.issues
    assert issue.file == "x.zip"
    return issue.reason


def left_out(members: list[tuple[str | zipfile.ZipInfo, bytes]]) -> dict[str, str]:
    """The issues of these members beside good ones, which are read all the same."""
    together: list[tuple[str | zipfile.ZipInfo, bytes]] = [*GOOD.items(), *members]
    upload = read_upload([("x.zip", zipped(together))])
    assert [volume.scan.numbers for volume in upload.volumes] == [(1, 2)]
    return {issue.file.removeprefix("x.zip/"): issue.reason for issue in upload.issues}


def test_a_bomb_is_refused_at_the_limit_and_not_after_unpacking() -> None:
    bomb = zipped({f"a_{n}.tif": bytes(15_000_000) for n in range(MAX_UNPACKED // 15_000_000 + 1)})
    assert len(bomb) < 500_000
    assert "unpacks to more than 256 MB" in refused(bomb)


def test_a_member_that_is_too_large_takes_no_more_memory_than_the_limit() -> None:
    bomb = zipped({"a_1.tif": bytes(200_000_000)})
    tracemalloc.start()
    try:
        _, issues = unpack("x.zip", bomb, Budget())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "more than 16 MB" in issues[0].reason
    assert peak < 40_000_000


def test_false_sizes_in_the_directory_change_nothing() -> None:
    """Declared as 10 bytes, the member is damaged; declared as 4 GB, it is what its bytes are."""
    (name, content), *_ = GOOD.items()
    honest = zipped({name: content})
    size = struct.pack("<I", len(content))
    assert honest.count(size) >= 2
    small = read_upload([("x.zip", honest.replace(size, struct.pack("<I", 10)))])
    assert not small.volumes
    assert "is damaged" in small.issues[0].reason
    large = read_upload([("x.zip", honest.replace(size, struct.pack("<I", 2**32 - 2)))])
    assert len(large.volumes) + len(large.issues) == 1


def test_members_are_counted_before_any_is_read() -> None:
    many = zipped({f"a_{n}.tif": b"" for n in range(10_000)}, zipfile.ZIP_STORED)
    assert f"more than {MAX_FILES:,} files" in refused(many)


def test_members_are_counted_whatever_the_end_of_the_zip_declares() -> None:
    many = bytearray(zipped({f"a_{n}.tif": b"" for n in range(10_000)}, zipfile.ZIP_STORED))
    end = many.rindex(b"PK\x05\x06")
    many[end + 8 : end + 12] = struct.pack("<HH", 1, 1)
    assert f"more than {MAX_FILES:,} files" in refused(bytes(many))


@pytest.mark.parametrize(
    "path", ["../evil_1.tif", "a/../../evil_1.tif", "/etc/evil_1.tif", "C:\\evil_1.tif", "\\\\host\\evil_1.tif",
             "a\\..\\..\\evil_1.tif"],
)  # fmt: skip
def test_a_path_that_leads_out_is_refused_and_nothing_is_written(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert left_out([(path, tiff(image()))]) == {path: "has a path that leads out of its archive"}
    assert not list(tmp_path.iterdir())


def test_links_encrypted_members_and_zips_within_are_left_out() -> None:
    link = zipfile.ZipInfo("p/p_3.tif")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    found = left_out([(link, b"/etc/passwd"), ("p/p_4.tif", zipped(GOOD)), ("p/" + "n" * 300, b"x")])
    assert found["p/p_3.tif"] == "is a link, which is not followed"
    assert found["p/p_4.tif"] == "is a zip within a zip, which is not opened"
    assert found["p/" + "n" * 300].startswith("has a path of more than")


def test_a_member_without_a_name_is_left_out() -> None:
    content = zipped({**GOOD, "nameless": b"x"}).replace(b"nameless", b"\0ameless")
    upload = read_upload([("x.zip", content)])
    assert upload.volumes
    assert upload.issues[0].reason == "has no name"


def test_an_encrypted_zip_is_refused_with_the_remedy() -> None:
    content = bytearray(zipped(GOOD))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + flags] |= 1
            at = content.find(signature, at + 4)
    assert refused(bytes(content)) == "is encrypted; zip the slices without a password"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_python_unpacks_without_a_limit_are_left_out(method: int) -> None:
    """Of bzip2, 4 KB of input come out at once, whatever they are: gigabytes, where somebody wants it."""
    upload = read_upload([("x.zip", zipped({"a_1.tif": bytes(10_000_000)}, method))])
    assert "another way than zip's usual one" in upload.issues[0].reason


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (zipped({}), "is an empty zip"),
        (zipped({"folder/": b"", "__MACOSX/._a_1.tif": b"x", ".DS_Store": b"x"}), "is an empty zip"),
        (zipped(GOOD)[:-30], "is a damaged zip"),
        (b"PK\x03\x04" + bytes(100), "is a damaged zip"),
    ],
)
def test_an_empty_or_damaged_archive_is_refused_in_one_sentence(content: bytes, says: str) -> None:
    assert says in refused(content)


def test_files_of_the_operating_system_are_ignored() -> None:
    assert left_out([("__MACOSX/p/._p_1.tif", b"x"), ("p/.DS_Store", b"x")]) == {}


def test_bytes_and_not_names_make_an_archive() -> None:
    assert read_upload([("slice_1.tif", zipped(GOOD))]).volumes
    assert "is no zip, or a damaged one" in read_upload([("patient.zip", b"no zip")]).issues[0].reason


def test_the_budget_is_one_for_all_archives() -> None:
    budget = Budget(unpacked=1_500_000)
    unpack("x.zip", zipped({"a_1.tif": bytes(1_000_000)}), budget)
    with pytest.raises(LimitError, match="unpacks to more"):
        unpack("y.zip", zipped({"a_2.tif": bytes(1_000_000)}), budget)


_ARCHIVE = zipped(GOOD)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, len(_ARCHIVE) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_zip_with_flipped_bytes_is_read_or_reported(flips: list[tuple[int, int]]) -> None:
    content = bytearray(_ARCHIVE)
    for place, value in flips:
        content[place] = value
    upload = read_upload([("x.zip", bytes(content))])
    assert upload.volumes or upload.issues


_SLICE = tiff(image())


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, len(_SLICE) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_tiff_with_flipped_bytes_is_read_or_reported(flips: list[tuple[int, int]]) -> None:
    content = bytearray(_SLICE)
    for place, value in flips:
        content[place] = value
    upload = read_upload([("a_1.tif", bytes(content))])
    assert len(upload.volumes) + len(upload.issues) == 1


def test_a_zip_behind_a_tiff_is_not_looked_for() -> None:
    """Behind a TIFF's head, an archive is not looked for: the same bytes are never two things."""
    stream = BytesIO(tiff(image()) + zipped(GOOD))
    upload = read_upload([("a_1.tif", stream.getvalue())])
    assert [volume.scan.numbers for volume in upload.volumes] == [(1,)]
