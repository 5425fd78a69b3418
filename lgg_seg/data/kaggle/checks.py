"""Checks of a scanned tree that need no file any more: each takes readings and returns faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from lgg_seg.data.kaggle.integrity import Fault, Severity
from lgg_seg.data.kaggle.listing import without_date
from lgg_seg.data.kaggle.scan import SEQUENCES, SliceInfo


def check(readings: Sequence[SliceInfo]) -> list[Fault]:
    """Every fault that the readings of a tree show, except what needs published checksums or clinical rows."""
    faults = [Fault(kind, "error", r.patient, file, message) for r in readings for kind, file, message in r.problems]
    faults += [fault for r in readings for fault in _blank(r)]
    faults += _duplicates(readings)
    faults += _one_folder_a_person(readings)
    for patient, group in groupby(readings, key=lambda r: r.patient):
        of_patient = list(group)
        faults += _one_grid(of_patient)
        if not any(r.tumour_pixels or r.problems for r in of_patient):
            faults.append(Fault("no tumour", "warning", patient, None, f"has no tumour in {len(of_patient)} slices"))
        if names := substituted(of_patient):
            faults.append(Fault("substituted", "note", patient, None, f"has FLAIR in place of {' and '.join(names)}"))
    return faults


def check_clinical(patients: Sequence[str], clinical: Mapping[str, Mapping[str, str]]) -> list[Fault]:
    """Patients whom `data.csv` leaves out; says nothing where there is no `data.csv` at all."""
    return [
        Fault("clinical", "note", patient, None, "has no row in data.csv")
        for patient in patients
        if clinical and patient not in clinical and without_date(patient) not in clinical
    ]


def substituted(readings: Sequence[SliceInfo]) -> tuple[str, ...]:
    """The sequences that equal FLAIR in every slice of a patient.

    Slices where FLAIR is constant say nothing either way: at the ends of a volume several sequences are all zero.
    """
    telling = [r for r in readings if r.image_checksum and "FLAIR" not in r.constant]
    return tuple(s for s in SEQUENCES if telling and all(s in r.copies for r in telling))


def _blank(r: SliceInfo) -> Iterator[Fault]:
    if not r.constant:
        return
    if len(r.constant) < len(SEQUENCES):
        yield Fault("blank", "note", r.patient, r.image, f"is constant in {' and '.join(r.constant)}")
    elif r.tumour_pixels:
        yield Fault("blank", "error", r.patient, r.image, f"is blank, but its mask marks {r.tumour_pixels} pixels")
    else:
        yield Fault("blank", "warning", r.patient, r.image, "is blank: every sequence holds one value throughout")


def _one_folder_a_person(readings: Sequence[SliceInfo]) -> Iterator[Fault]:
    """Folders that differ in their date alone are one person's, whom a split by folder could put on both sides."""
    folder_of: dict[str, str] = {}
    for folder in dict.fromkeys(r.patient for r in readings):
        first = folder_of.setdefault(without_date(folder), folder)
        if first != folder:
            yield Fault("duplicate", "error", folder, None, f"is the patient of {first} under another date")


def _one_grid(readings: Sequence[SliceInfo]) -> Iterator[Fault]:
    """A patient's slices are stacked into one volume, so they must share a shape: that of the first."""
    readable = [r for r in readings if r.image_checksum]
    for r in readable:
        (h, w), (first_h, first_w) = r.shape, readable[0].shape
        if r.shape != readable[0].shape:
            message = f"is {h} x {w} pixels, the patient's first slice {first_h} x {first_w}"
            yield Fault("shape", "error", r.patient, r.image, message)


def _duplicates(readings: Sequence[SliceInfo]) -> Iterator[Fault]:
    """Slices with the same pixels: a leak between two patients, an oddity within one. Blank slices are all alike."""
    first: dict[str, SliceInfo] = {}
    for r in readings:
        if not r.image_checksum or len(r.constant) == len(SEQUENCES):
            continue
        other = first.setdefault(r.image_checksum, r)
        if other is not r:
            severity: Severity = "warning" if other.patient == r.patient else "error"
            yield Fault("duplicate", severity, r.patient, r.image, f"is the same slice as {other.image}")
