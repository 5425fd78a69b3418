"""Studies in DICOM: which series of a patient are the sequences, by their descriptions."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from lgg_seg.data.kaggle.images import SEQUENCES
from lgg_seg.scans import series as dicom
from lgg_seg.scans.roles import FLAIR, POST, PRE, role_of
from lgg_seg.scans.scan import Issue
from lgg_seg.scans.volumes import VolumeFiles


@dataclass(frozen=True)
class Series:
    file: str  # the path below the input of its first file
    slices: int  # how many files it has
    tags: Mapping[str, str]  # of one of its files, as of `series.dicom_tags`
    kind: str | None  # as of `series_kind`

    @property
    def axial(self) -> bool:
        """Whether its slices lie across the body."""
        directions = dicom.numbers_of(self.tags, dicom.DIRECTIONS, 6)
        return directions is not None and int(np.argmax(np.abs(np.cross(directions[:3], directions[3:])))) == 2


def description(tags: Mapping[str, str]) -> str:
    """What the scanner's operator called a series, else its protocol, else the kind of its contrast."""
    return next(filter(None, _descriptions(tags)), "")


def _descriptions(tags: Mapping[str, str]) -> list[str]:
    return [tags.get(tag, "") for tag in (dicom.DESCRIPTION, dicom.PROTOCOL, dicom.CONTRAST)]


def series_kind(tags: Mapping[str, str]) -> str | None:
    """The role of a series by its description, protocol or contrast; T1 after a contrast agent is post-contrast."""
    texts = _descriptions(tags)
    kind = next((role.kind for text in texts if (role := role_of(text.replace("/", " ") + ".dcm")).kind), None)
    agent = tags.get(dicom.AGENT, "").lower() not in ("", "no", "none", "n")
    return POST if kind == PRE and agent and "pre" not in texts[0].lower() else kind


def dicom_studies(root: Path, files: Sequence[str], issues: list[Issue]) -> Iterator[VolumeFiles]:
    """The volume of each study among DICOM files, of its FLAIR, T1 and T1 with contrast.

    Of several series of one sequence the axial one with most slices is taken, and the notes say so; other sequences,
    reports and localisers are passed over.
    """
    studies: dict[tuple[str, str], list[Series]] = defaultdict(list)
    for series in _series(root, files, issues):
        studies[series.tags.get(dicom.PATIENT, ""), series.tags.get(dicom.STUDY, "")].append(series)
    taken: set[str] = set()
    for (patient, _), found in sorted(studies.items()):
        scans = [series for series in found if series.tags.get(dicom.MODALITY, "MR") == "MR"]
        chosen, notes = _chosen(scans)
        if FLAIR not in chosen:
            named = ", ".join(sorted({description(series.tags) or "no name" for series in scans})) or "none of MR"
            remedy = "give one file of each sequence: flair=FILE t1=FILE t1ce=FILE"
            issues.append(Issue(found[0].file, f"is of a study without FLAIR by its series' names ({named}); {remedy}"))
            continue
        flair = chosen[FLAIR]
        for kind in (PRE, POST):
            if kind in chosen and chosen[kind].tags.get(dicom.FRAME) != flair.tags.get(dicom.FRAME):
                del chosen[kind]
                notes.append(f"{kind} is left out: the patient was moved between it and FLAIR")
        if cut := next(filter(None, (_cut(series, found) for series in chosen.values())), None):
            issues.append(cut)
            continue
        common = os.path.commonpath([PurePosixPath(series.file).parent for series in found])
        name = common or _safe(patient) or "study"
        if name in taken:
            name = f"{name}/{_safe(patient) or 'study'}_{len(taken)}"
        taken.add(name)
        sequences = {kind: series.file for kind, series in chosen.items()}
        yield VolumeFiles(name, name, sequences, name, tuple(notes), patient, resample=True)


def _series(root: Path, files: Sequence[str], issues: list[Issue]) -> Iterator[Series]:
    """The series of files, in each folder by themselves; what holds no picture is passed over."""
    found: dict[tuple[Path, str], list[Path]] = defaultdict(list)
    for file in files:
        path = root / file
        try:
            found[path.parent, dicom.dicom_tags(path).get(dicom.SERIES) or path.name].append(path)
        except RuntimeError:
            if not dicom.holds_no_picture(path):
                issues.append(Issue(file, dicom.UNREADABLE))
    for paths in found.values():
        first, tags = dicom.in_order(paths)[0], dicom.dicom_tags(paths[0])
        yield Series(first.relative_to(root).as_posix(), len(paths), tags, series_kind(tags))


def _chosen(scans: Sequence[Series]) -> tuple[dict[str, Series], list[str]]:
    """The series of each sequence, and what to say of those that were not taken."""
    chosen, notes = {}, []
    for kind in SEQUENCES:
        candidates = sorted((s for s in scans if s.kind == kind), key=lambda s: (not s.axial, -s.slices, s.file))
        if candidates:
            chosen[kind] = candidates[0]
        if len(candidates) > 1:
            named = description(candidates[0].tags)
            notes.append(f"{kind} is the series {named}, of {len(candidates)} of that sequence")
    return chosen, notes


def _cut(series: Series, found: Sequence[Series]) -> Issue | None:
    """That a series lies in several folders, of which one alone would be read."""
    uid = series.tags.get(dicom.SERIES)
    folders = sorted(str(PurePosixPath(one.file).parent) for one in found if uid and one.tags.get(dicom.SERIES) == uid)
    if len(folders) < 2:
        return None
    reason = f"is of a series in several folders ({', '.join(folders)}); put its files into one, and copies elsewhere"
    return Issue(series.file, reason)


def _safe(text: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in text).strip(".")
