"""Which NIfTI files are the sequences of one patient, by their names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lgg_seg.prediction.filenames import nifti_ending, without_ending
from lgg_seg.prediction.nifti import NiftiFiles
from lgg_seg.prediction.scan import Issue

UNUSED = "unused"  # what `sequence_of` calls a sequence that no network here takes, such as T2
_NAMES = {
    "FLAIR": r"t2f|(t2w?[_-]?)?flair",
    "pre-contrast": r"t1[nw]?|(t1w?[_-]?)?pre",
    "post-contrast": r"t1[_-]?(ce|gd|c)|(t1w?[_-]?)?post",
    UNUSED: r"t2w?|pdw?|adc|dwi|swi",
}
# The case is lazy: all of `t2_flair` is the sequence, not its second half alone.
_PATTERNS = {
    sequence: re.compile(rf"((?P<case>.+?)[_. -])??({names})", re.IGNORECASE) for sequence, names in _NAMES.items()
}


def sequence_of(name: str) -> tuple[str, str] | None:
    """The case and the sequence in a file's name: `B-1-t1c.nii.gz` is `B-1`, `post-contrast`.

    Understood, in any case and after `_`, `-`, `.` or a space: `flair`, `t2f`, `t2_flair`; `t1`, `t1n`, `t1w`, `pre`;
    `t1c`, `t1ce`, `t1gd`, `post`; and as `UNUSED` `t2`, `t2w`, `pd`, `adc`, `dwi`, `swi`. The case is empty where the
    name is the sequence alone. None where the name has no sequence.
    """
    for sequence, pattern in _PATTERNS.items():
        if match := pattern.fullmatch(without_ending(name)):
            return match["case"] or "", sequence
    return None


def flair_name(case: str) -> str:
    """The name without ending that FLAIR of a case should have."""
    return f"{case}_flair" if case else "flair"


@dataclass
class _Case:
    """The files whose names have one case: all in order, and by sequence those that are read."""

    name: str
    files: list[str] = field(default_factory=list)
    sequences: dict[str, str] = field(default_factory=dict)

    def may_include(self, stem: str) -> bool:
        """Whether a file without a sequence in its name may be of this case.

        Where names are sequences alone the folder is one patient's. A file with just the case's name is the case's
        FLAIR, unless there is another.
        """
        case, stem = self.name.casefold(), stem.casefold()
        if not case:
            return True
        if stem == case:
            return "FLAIR" in self.sequences
        return stem.startswith(case) and stem[len(case)] in "_-. "


def nifti_volumes(folder: str, names: Sequence[str], issues: list[Issue]) -> list[NiftiFiles]:
    """The volumes of the NIfTI files of one folder, by the rules of `lgg_seg.prediction.discover.find_scans`.

    Args:
        folder: its path below the input with a slash at its end; empty for the input itself.
        names: the files' names, without masks.
        issues: gets the files that are left out.
    """
    cases: dict[str, _Case] = {}
    unlabelled = []
    for name in names:
        if (labels := sequence_of(name)) is None:
            unlabelled.append(name)
            continue
        case_name, sequence = labels
        case = cases.setdefault(case_name.casefold(), _Case(case_name))
        if first := case.sequences.get(sequence):
            issues.append(Issue(folder + name, f"is a second {sequence} beside {Path(first).name}"))
            continue
        case.files.append(folder + name)
        if sequence != UNUSED:
            case.sequences[sequence] = folder + name
    volumes = []
    for _, case in sorted(cases.items()):
        if flair := case.sequences.get("FLAIR"):
            stem = folder + case.name if case.name else without_ending(flair)
            volumes.append(NiftiFiles(stem if case.name else folder.rstrip("/") or stem, stem, case.sequences))
        else:
            issues += [Issue(file, f"has no FLAIR ({flair_name(case.name)}) beside it") for file in case.files]
    for name in unlabelled:
        stem = without_ending(name)
        owner = next((case for case in cases.values() if case.may_include(stem)), None)
        if owner is None:
            volumes.append(NiftiFiles(folder + stem, folder + stem, {"FLAIR": folder + name}))
        else:
            beside = Path(owner.files[0]).name
            remedy = (
                f"name it {flair_name(owner.name)}{nifti_ending(name)} if it is FLAIR, or put it into another folder"
            )
            issues.append(Issue(folder + name, f"has no sequence in its name, beside {beside}; {remedy}"))
    return volumes
