"""What a file's name says of it: its format, whether it is a mask, and which sequence it holds of whom."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

ENDINGS = (".nii.gz", ".nii")
UNUSED = "unused"
"""What `sequence_of` calls a sequence that no network here is given, such as T2."""

_MASK_LIKE = re.compile(r"(.*[_. -])?(mask|seg|segmentation|label)s?([_. -]?\d+)?", re.IGNORECASE)
_WORDS = {
    "FLAIR": r"t2f|(t2w?[_-]?)?flair",
    "pre-contrast": r"t1[nw]?|(t1w?[_-]?)?pre",
    "post-contrast": r"t1[_-]?(ce|gd|c)|(t1w?[_-]?)?post",
    UNUSED: r"t2w?|pdw?|adc|dwi|swi",
}
# The case is lazy: all of `t2_flair` is the sequence, not its second half alone.
_SEQUENCES = {
    sequence: re.compile(rf"((?P<case>.+?)[_. -])??({words})", re.IGNORECASE) for sequence, words in _WORDS.items()
}


def ending(file: str) -> str | None:
    """`.nii` or `.nii.gz`; None for any other file."""
    return next((one for one in ENDINGS if PurePosixPath(file).name.lower().endswith(one)), None)


def is_tiff(name: str) -> bool:
    """Whether a file is TIFF by its name."""
    return name.lower().endswith((".tif", ".tiff"))


def without_ending(file: str) -> str:
    """A file's path or name up to its ending; `.nii.gz` is one."""
    return file[: -len(end)] if (end := ending(file)) else str(PurePosixPath(file).with_suffix(""))


def is_mask(name: str) -> bool:
    """Whether a file is a mask by the name that masks have here and in the dataset: `<slice>_mask`."""
    return without_ending(name).lower().endswith("_mask")


def mask_like(name: str) -> bool:
    """Whether a file is a mask by any name that masks have elsewhere: `…_seg`, `…_label`, `…_mask_7`, `seg`."""
    return _MASK_LIKE.fullmatch(without_ending(name)) is not None


def sequence_of(name: str) -> tuple[str, str] | None:
    """Whose sequence a volume is and which, by its name: `B-1-t1c.nii.gz` is `B-1`, `post-contrast`.

    Understood, in any case and after `_`, `-`, `.` or a space: `flair`, `t2f`, `t2_flair`; `t1`, `t1n`, `t1w`, `pre`;
    `t1c`, `t1ce`, `t1gd`, `post`; and as `UNUSED` `t2`, `t2w`, `pd`, `adc`, `dwi`, `swi`. The first part is empty where
    the name is the sequence alone; None where the name says no sequence.
    """
    for sequence, pattern in _SEQUENCES.items():
        if match := pattern.fullmatch(without_ending(name)):
            return match["case"] or "", sequence
    return None


def duplicate_reason(file: str, firsts: dict[str, str]) -> str | None:
    """Why a file is left out for one before it, whose mask would have the same name; else it is added to `firsts`.

    Case makes no difference, for it makes none on the disks of Windows and macOS; nor does a slice's ending.
    """
    key = (without_ending(file) if ending(file) is None else file).casefold()
    if key in firsts:
        return f"comes after another of that name ({firsts[key]}), and the first counts; rename one of them"
    firsts[key] = file
    return None
