"""Zip archives unpacked in memory, within limits, to members with names that lead nowhere else."""

import stat
import struct
import zipfile
import zlib
from io import BytesIO
from pathlib import PurePosixPath

from lgg_seg.app.limits import MAX_FILES, MB, Budget, LimitError, max_file, unsafe_path
from lgg_seg.scans.scan import Issue

_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_ENTRY = b"PK\x01\x02"  # begins every entry of the directory of a zip
_CHUNK = 64 * 1024
# Of bzip2 and LZMA, Python's zipfile unpacks whatever a block of input holds at once: 4 KB may become gigabytes.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError, OverflowError)


def is_archive(content: bytes) -> bool:
    """Whether these bytes begin as a zip does, whatever the file is called."""
    return content.startswith(_MAGIC)


def unpack(name: str, content: bytes, budget: Budget) -> tuple[list[tuple[str, bytes]], list[Issue]]:
    """The members of a zip as (path, bytes), and an issue for each that is left out.

    A LimitError refuses an archive beyond a limit as a whole: half a volume would be normalised wrongly, unseen.
    """
    # Before the directory is parsed, each of whose entries would take a Python object.
    if content.count(_ENTRY) > MAX_FILES:
        raise LimitError(f"holds more than {MAX_FILES:,} files; zip one patient's slices alone")
    try:
        archive = zipfile.ZipFile(BytesIO(content))
    except _DAMAGED as error:
        raise LimitError("is a damaged zip: its directory cannot be read") from error
    with archive:
        entries = [entry for entry in archive.infolist() if not _ignored(entry.filename)]
        if not entries:
            raise LimitError("is an empty zip: it holds no files")
        if all(entry.flag_bits & 1 for entry in entries):
            raise LimitError("is encrypted; zip the slices without a password")
        members, issues = [], []
        for entry in entries:
            try:
                members.append((_path(entry), _read(archive, entry, budget)))
            except _MemberError as error:
                issues.append(Issue(f"{name}/{entry.filename}", str(error)))
        return members, issues


def _ignored(path: str) -> bool:
    """Folders, and what systems leave in them (`.DS_Store`, `__MACOSX/`)."""
    if path.endswith("/"):  # `ZipInfo.is_dir` breaks on a member without a name
        return True
    parts = path.replace("\\", "/").split("/")
    return "__MACOSX" in parts or (parts[-1].startswith(".") and parts[-1] != "..")


class _MemberError(Exception):
    """Why a member is left out, completing "the file …"."""


def _path(entry: zipfile.ZipInfo) -> str:
    path = entry.filename.replace("\\", "/")  # as some programs on Windows write them
    if reason := unsafe_path(path):
        raise _MemberError(reason)
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise _MemberError("is a link, which is not followed")
    if entry.flag_bits & 1:
        raise _MemberError("is encrypted; zip it without a password")
    if entry.compress_type not in _METHODS:
        raise _MemberError("is compressed in another way than zip's usual one (deflate)")
    return str(PurePosixPath(path))


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, budget: Budget) -> bytes:
    """The member's bytes, counted as they come."""
    parts, size, most = [], 0, max_file(entry.filename)
    try:
        with archive.open(entry) as stream:
            while part := stream.read(_CHUNK):
                size += len(part)
                budget.take_bytes(len(part))
                if size > most:
                    raise _MemberError(f"unpacks to more than {most // MB} MB, the limit of one file")
                parts.append(part)
    except _DAMAGED as error:
        raise _MemberError("is damaged: it cannot be unpacked") from error
    content = b"".join(parts)
    if is_archive(content):
        raise _MemberError("is a zip within a zip, which is not opened")
    return content
