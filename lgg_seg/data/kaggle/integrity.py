"""What can be wrong with a tree of slices, and the error that lists all of it at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

from lgg_seg.errors import UserError

Severity = Literal["error", "warning", "note"]
Kind = Literal[
    "unreadable",
    "checksum",
    "mask missing",
    "image missing",
    "shape",
    "values",
    "blank",
    "no tumour",
    "duplicate",
    "numbering",
    "substituted",
    "name",
    "incomplete",
    "clinical",
]

REMEDY: dict[Kind, str] = {
    "unreadable": "download or export these files again",
    "checksum": "the pixels are not the published ones: download these files again",
    "mask missing": "add the mask, all zeros where there is no tumour, or remove the slice",
    "image missing": "add the slice, or remove its mask",
    "shape": "export slices and masks of one patient on one grid",
    "values": "write masks with 0 and 255, or 0 and 1",
    "blank": "a tumour is marked where the slice shows nothing: restore the slice or mend the mask",
    "no tumour": "harmless if it is meant; check that the masks are the right ones",
    "duplicate": "one patient would stand on both sides of a split: remove the copy",
    "numbering": "number the slices of a patient from 1, each number once",
    "substituted": "the sequence was not acquired; nothing is to be done",
    "name": "name files <patient>_<n>.tif and <patient>_<n>_mask.tif in the patient's own folder",
    "incomplete": "download the missing slices again, or accept a shorter volume",
    "clinical": "outcome analysis leaves these patients out",
}
_SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
_LINES_SHOWN = 20


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong. `file` is relative to the tree's root; it is None where the whole patient is meant.

    `error` stops whoever would train on the tree, `warning` is worth a look, `note` is a fact about the data.
    `message` completes the sentence that begins with the file, or with the patient where there is no file.
    """

    kind: Kind
    severity: Severity
    patient: str
    file: str | None
    message: str

    def __str__(self) -> str:
        return f"{self.file or self.patient} {self.message}"


class DataError(UserError):
    """A tree with errors. `faults` has every fault, notes and warnings too; the message lists the errors."""

    def __init__(self, root: Path, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(_summary(root, [f for f in faults if f.severity == "error"]))


def in_order(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Errors first, then by kind, patient and file, so that the same tree always reads the same."""
    kinds = list(REMEDY)
    return tuple(
        sorted(faults, key=lambda f: (_SEVERITIES.index(f.severity), kinds.index(f.kind), f.patient, f.file or ""))
    )


def _summary(root: Path, errors: Sequence[Fault]) -> str:
    lines = [f"{root} has {len(errors)} fault{'s' * (len(errors) != 1)} that must be mended before it is used:"]
    shown = 0
    for kind, group in groupby(in_order(errors), key=lambda f: f.kind):
        faults = list(group)
        lines.append(f"{kind} ({len(faults)}): {REMEDY[kind]}")
        # Every kind is named, even where an earlier one has filled the list.
        several = faults[: max(1, _LINES_SHOWN - shown)]
        lines += [f"  {fault}" for fault in several]
        shown += len(several)
    if shown < len(errors):
        lines.append(f"and {len(errors) - shown} more: `python -m lgg_seg.data verify data.root={root}` lists all")
    return "\n".join(lines)
