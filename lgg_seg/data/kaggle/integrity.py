"""What can be wrong with a data set's files, and the error that lists all of it at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal, get_args

from lgg_seg.data.phantom.marker import written_anew
from lgg_seg.errors import UserError
from lgg_seg.messages import counted

Severity = Literal["error", "warning", "note"]

REMEDY = {
    "unreadable": "download or export these files again",
    "checksum": "the pixels are not the published ones: download these files again",
    "mask missing": "add the mask, all zeros where there is no tumour, or remove the slice",
    "image missing": "add the slice, or remove its mask",
    "shape": "export slices and masks of one patient on one grid",
    "values": "write masks with 0 and 255, or 0 and 1, or say above which value tumour begins: data.mask_threshold=127",
    "inverted": "the tumour is 255 or 1 in a mask, the rest 0: invert these masks",
    "blank": "a tumour is marked where the slice shows nothing: restore the slice or mend the mask",
    "no tumour": "harmless if it is meant; check that the masks are the right ones",
    "duplicate": "one patient would be on both sides of a split: remove the copy",
    "numbering": "number the slices of a patient from 1, each number once",
    "substituted": "the sequence was not acquired; nothing is to be done",
    "name": "name files <patient>_<n>.tif and <patient>_<n>_mask.tif in the patient's own folder, or <patient>_<n> in "
    "images/ and masks/",
    "incomplete": "download the missing slices again, or accept a shorter volume",
    "clinical": "outcome analysis leaves these patients out",
}
"""What to do about each kind of issue."""
_DOWNLOADED = ("unreadable", "checksum", "incomplete")
_KINDS, _SEVERITIES = list(REMEDY), get_args(Severity)
_MAX_LINES = 20


@dataclass(frozen=True)
class Issue:
    kind: str  # a key of `REMEDY`
    severity: Severity  # an error stops whoever would train on the data, a warning is worth a look, a note is a fact
    patient: str
    file: str | None  # below the dataset root; None where the whole patient is meant
    message: str  # completes the sentence that begins with the file, else with the patient

    def __str__(self) -> str:
        return f"{self.file or self.patient} {self.message}"


class DataError(UserError):
    """A data set with errors. `issues` has warnings and notes too; the message lists the errors."""

    def __init__(self, root: Path, issues: Sequence[Issue]) -> None:
        self.issues = tuple(issues)
        super().__init__(_summary(root, in_order(issue for issue in issues if issue.severity == "error")))


def in_order(issues: Iterable[Issue]) -> tuple[Issue, ...]:
    """Errors first, then by kind, patient and file, so that the same data always read the same."""
    return tuple(
        sorted(issues, key=lambda i: (_SEVERITIES.index(i.severity), _KINDS.index(i.kind), i.patient, i.file or ""))
    )


def remedy(kind: str, root: Path) -> str:
    """What to do about this kind of issue in the data set at `root`: a phantom is drawn, not downloaded."""
    return (kind in _DOWNLOADED and written_anew(root)) or REMEDY[kind]


def _summary(root: Path, errors: Sequence[Issue]) -> str:
    lines = [f"{root} has {counted(len(errors), 'error')} that must be mended before it is used:"]
    listed = 0
    for kind, group in groupby(errors, key=lambda issue: issue.kind):
        issues = list(group)
        lines.append(f"{kind} ({len(issues)}): {remedy(kind, root)}")
        # Every kind is named, even where an earlier one has filled the list.
        several = issues[: max(1, _MAX_LINES - listed)]
        lines += [f"  {issue}" for issue in several]
        listed += len(several)
    if listed < len(errors):
        lines.append(f"and {len(errors) - listed} more: `python -m lgg_seg.data verify data.root={root}` lists all")
    return "\n".join(lines)
