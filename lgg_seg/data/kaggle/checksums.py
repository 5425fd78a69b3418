"""Checksums of the pixels of a published data set, so that a flipped bit is found and named.

One line a patient: its name, then `number:IIIIIIIIMMMMMMMM` a slice, the first eight hexadecimal digits of the
checksums of the image and of the mask (as 0 and 1). A dataset root's own list goes before the packaged one.
"""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path

from lgg_seg.data.kaggle.integrity import Issue
from lgg_seg.data.kaggle.scan import SliceInfo
from lgg_seg.errors import UserError

FILE = "digests.txt"  # in a dataset root; phantoms on disk have it under this name
_PACKAGED = "kaggle_checksums.txt"
_DIGITS = 8

Checksums = Mapping[str, Mapping[int, str]]  # by patient and slice number, 16 digits: 8 of the image, 8 of the mask


def published_checksums(root: Path) -> Checksums:
    """The checksums to compare the files at a dataset root with."""
    own = root / FILE
    packaged = _parse((files("lgg_seg.data.kaggle") / _PACKAGED).read_text(encoding="ascii"))
    try:
        return packaged | _parse(own.read_text(encoding="ascii")) if own.is_file() else packaged
    except ValueError as error:
        raise UserError(f"{own} is not a list of checksums ({error}); remove it or write it again") from error


def format_checksums(slices: Iterable[SliceInfo]) -> str:
    """The list's text for slices without issues."""
    lines: dict[str, list[str]] = {}
    for s in sorted(slices, key=lambda s: (s.patient, s.number)):
        lines.setdefault(s.patient, [s.patient]).append(f"{s.number}:{_short(s)}")
    return "".join(" ".join(line) + "\n" for line in lines.values())


def compare(slices: Iterable[SliceInfo], published: Checksums) -> tuple[list[Issue], int]:
    """Where pixels are not the published ones, and how many of the patients were published.

    Where most slices differ, it is a processed copy under the same names, not damage: one warning.
    """
    numbers: dict[str, set[int]] = {}
    issues = []
    compared = differing = 0
    for s in slices:
        if s.patient not in published:
            continue
        numbers.setdefault(s.patient, set()).add(s.number)
        expected = published[s.patient].get(s.number)
        if s.issues or expected is None:
            continue
        compared += 1
        differing += _short(s) != expected
        for file, actual, short in (
            (s.image_file, s.image_checksum, expected[:_DIGITS]),
            (s.mask_file, s.mask_checksum, expected[_DIGITS:]),
        ):
            if actual[:_DIGITS] != short:
                issues.append(Issue("checksum", "error", s.patient, file, "has other pixels than the published file"))
    if differing > compared / 2:
        message = f"{len(issues)} files have other pixels than the published ones: a processed copy of the dataset"
        issues = [Issue("checksum", "warning", "", None, message)]
    for patient, present in numbers.items():
        if missing := len(published[patient].keys() - present):
            message = f"has {len(present)} slices, {missing} fewer than were published"
            issues.append(Issue("incomplete", "warning", patient, None, message))
    return issues, len(numbers)


def _short(s: SliceInfo) -> str:
    return s.image_checksum[:_DIGITS] + s.mask_checksum[:_DIGITS]


def _parse(text: str) -> dict[str, dict[int, str]]:
    checksums: dict[str, dict[int, str]] = {}
    for line in text.splitlines():
        patient, *entries = line.split()
        of_patient = checksums.setdefault(patient, {})
        for entry in entries:
            number, colon, short = entry.partition(":")
            if not colon or len(short) != 2 * _DIGITS:
                raise ValueError(f"{entry!r} in the line of {patient}")
            of_patient[int(number)] = short
    return checksums
