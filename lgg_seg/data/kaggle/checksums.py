"""Published checksums: what the pixels of a published tree are, so that a flipped bit is found and named.

One line a patient: its name, then `number:IIIIIIIIMMMMMMMM` a slice, the first eight hexadecimal digits of the
checksums of the image and of the mask (as 0 and 1). A tree's own `digests.txt` goes before the packaged list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path

from lgg_seg.data.kaggle.integrity import Fault
from lgg_seg.data.kaggle.scan import SliceInfo
from lgg_seg.errors import UserError

FILE = "digests.txt"
_PACKAGED = "kaggle_checksums.txt"
_DIGITS = 8

Known = Mapping[str, Mapping[int, str]]


def published_checksums(root: Path) -> Known:
    """The checksums published for a tree: by patient and slice number, 16 digits (8 of the image, 8 of the mask).

    Raises:
        UserError: if the tree's own list is not in the format above.
    """
    own = root / FILE
    packaged = _parse((files("lgg_seg.data.kaggle") / _PACKAGED).read_text(encoding="ascii"))
    try:
        return {**packaged, **_parse(own.read_text(encoding="ascii"))} if own.is_file() else packaged
    except ValueError as error:
        raise UserError(f"{own} is not a list of checksums ({error}); remove it or write it again") from error


def format_checksums(readings: Iterable[SliceInfo]) -> str:
    """The list's text for what was read of a tree without faults."""
    lines: dict[str, list[str]] = {}
    for r in sorted(readings, key=lambda r: (r.patient, r.number)):
        lines.setdefault(r.patient, [r.patient]).append(f"{r.number}:{_short(r)}")
    return "".join(" ".join(line) + "\n" for line in lines.values())


def compare(readings: Iterable[SliceInfo], known: Known) -> tuple[list[Fault], int]:
    """Where a tree's pixels are not the known ones, and how many of its patients are known.

    Where most of the tree differs, someone has processed all of it: that is another dataset under the same names,
    not damage, and is told once, as a warning.
    """
    covered: dict[str, set[int]] = {}
    faults = []
    compared = differing = 0
    for r in readings:
        if r.patient not in known:
            continue
        covered.setdefault(r.patient, set()).add(r.number)
        expected = known[r.patient].get(r.number)
        if r.problems or expected is None:
            continue
        compared += 1
        differing += _short(r) != expected
        for file, found, wanted in (
            (r.image, r.image_checksum, expected[:_DIGITS]),
            (r.mask, r.mask_checksum, expected[_DIGITS:]),
        ):
            if found[:_DIGITS] != wanted:
                faults.append(Fault("checksum", "error", r.patient, file, "has other pixels than the published file"))
    if differing > compared / 2:
        message = f"{len(faults)} files have other pixels than the published ones: a processed copy of the dataset"
        faults = [Fault("checksum", "warning", "", None, message)]
    for patient, numbers in covered.items():
        missing = len(known[patient].keys() - numbers)
        if missing:
            message = f"has {len(numbers)} slices, {missing} fewer than were published"
            faults.append(Fault("incomplete", "warning", patient, None, message))
    return faults, len(covered)


def _short(reading: SliceInfo) -> str:
    return reading.image_checksum[:_DIGITS] + reading.mask_checksum[:_DIGITS]


def _parse(text: str) -> dict[str, dict[int, str]]:
    known: dict[str, dict[int, str]] = {}
    for line in text.splitlines():
        patient, *slices = line.split()
        of_patient = known.setdefault(patient, {})
        for entry in slices:
            number, colon, short = entry.partition(":")
            if not colon or len(short) != 2 * _DIGITS:
                raise ValueError(f"{entry!r} in the line of {patient}")
            of_patient[int(number)] = short
    return known
