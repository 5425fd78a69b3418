"""Checks of a scanned data set that need its files no longer: each takes slices and returns issues."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from math import prod

from lgg_seg.data.kaggle.images import SEQUENCES
from lgg_seg.data.kaggle.integrity import Issue, Severity
from lgg_seg.data.kaggle.listing import without_date
from lgg_seg.data.kaggle.scan import SliceInfo


def check(slices: Sequence[SliceInfo]) -> list[Issue]:
    """Every issue of the slices of a data set, except what needs published checksums or clinical rows."""
    issues = [issue for s in slices for issue in (*s.issues, *_blank(s))]
    issues += _duplicates(slices)
    issues += _repeated_patients(slices)
    issues += _mixed(slices)
    if thresholded := [s for s in slices if s.thresholded]:
        message = (
            f"{len(thresholded)} masks hold other values than 0 and 255; those above "
            f"data.mask_threshold={thresholded[0].mask_threshold} are taken for tumour"
        )
        issues.append(Issue("values", "warning", "", None, message))
    for patient, group in groupby(slices, key=lambda s: s.patient):
        volume = list(group)
        issues += _shapes(volume)
        sound = [s for s in volume if not s.issues]
        if sound and all(2 * s.tumour_pixels > prod(s.shape) for s in sound):
            message = "has masks that mark more than half of every slice"
            issues.append(Issue("inverted", "error", patient, None, message))
        if not any(s.tumour_pixels or s.issues for s in volume):
            issues.append(Issue("no tumour", "warning", patient, None, f"has no tumour in {len(volume)} slices"))
        if names := substituted(volume):
            issues.append(Issue("substituted", "note", patient, None, f"has FLAIR in place of {' and '.join(names)}"))
    return issues


def check_clinical(patients: Sequence[str], clinical: Mapping[str, Mapping[str, str]]) -> list[Issue]:
    """Patients whom `data.csv` leaves out; none where there is no `data.csv` at all."""
    return [
        Issue("clinical", "note", patient, None, "has no row in data.csv")
        for patient in patients
        if clinical and patient not in clinical and without_date(patient) not in clinical
    ]


def substituted(volume: Sequence[SliceInfo]) -> tuple[str, ...]:
    """The sequences that equal FLAIR in every slice of a patient where FLAIR is not constant, as at a volume's ends."""
    informative = [s for s in volume if s.image_checksum and "FLAIR" not in s.constant]
    return tuple(name for name in SEQUENCES if informative and all(name in s.copies for s in informative))


def _blank(s: SliceInfo) -> Iterator[Issue]:
    if not s.constant:
        return
    if len(s.constant) < len(SEQUENCES):
        yield Issue("blank", "note", s.patient, s.image_file, f"is constant in {' and '.join(s.constant)}")
    elif s.tumour_pixels:
        message = f"is blank, but its mask marks {s.tumour_pixels} pixels"
        yield Issue("blank", "error", s.patient, s.image_file, message)
    else:
        yield Issue("blank", "warning", s.patient, s.image_file, "is blank: every sequence holds one value throughout")


def _mixed(slices: Sequence[SliceInfo]) -> Iterator[Issue]:
    """Grey slices among those of three channels: a mask or a view in the place of a slice."""
    if all(s.grey for s in slices):
        return
    for s in (s for s in slices if s.grey):
        yield Issue("unreadable", "error", s.patient, s.image_file, "has 1 channel, where other slices have 3")


def _repeated_patients(slices: Sequence[SliceInfo]) -> Iterator[Issue]:
    """Folders that differ in their date alone are one patient's, whom a split by folder could put on both sides."""
    folder_of: dict[str, str] = {}
    for folder in dict.fromkeys(s.patient for s in slices):
        first = folder_of.setdefault(without_date(folder), folder)
        if first != folder:
            yield Issue("duplicate", "error", folder, None, f"is the patient of {first} under another date")


def _shapes(volume: Sequence[SliceInfo]) -> Iterator[Issue]:
    """A patient's slices are stacked into one volume, so they must have the first one's shape."""
    readable = [s for s in volume if s.image_checksum]
    for s in readable:
        (h, w), (first_h, first_w) = s.shape, readable[0].shape
        if s.shape != readable[0].shape:
            message = f"is {h} x {w} pixels, the patient's first slice {first_h} x {first_w}"
            yield Issue("shape", "error", s.patient, s.image_file, message)


def _duplicates(slices: Sequence[SliceInfo]) -> Iterator[Issue]:
    """Slices with the same pixels: leakage between two patients, an oddity within one. Blank slices are all alike."""
    first: dict[str, SliceInfo] = {}
    for s in slices:
        if not s.image_checksum or len(s.constant) == len(SEQUENCES):
            continue
        other = first.setdefault(s.image_checksum, s)
        if other is not s:
            severity: Severity = "warning" if other.patient == s.patient else "error"
            yield Issue("duplicate", severity, s.patient, s.image_file, f"is the same slice as {other.image_file}")
