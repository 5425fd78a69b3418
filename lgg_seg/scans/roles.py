"""What a file of the input is by its path: FLAIR, T1, T1 with contrast, a mask, something else; and of which case.

A word anywhere in the file's name decides, else one in a folder's name, the innermost first. A word ends at any sign
that is no letter or digit, at a capital after a small letter (`brainT1`), and before the `T1` of `152T1`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType

from lgg_seg.data.kaggle.images import SEQUENCES
from lgg_seg.scans.filenames import without_ending

PRE, FLAIR, POST = SEQUENCES
MASK = "mask"
UNUSED = "sequence that no network here takes"  # T2, diffusion, …: passed over beside FLAIR
DERIVED = "map or template"  # no patient's scan at all
UNCLEAR = "file of several sequences"

CHANNEL = re.compile(r"(?P<case>.+)(?P<channel>_000[0-9])")  # as nnU-Net numbers the sequences of a case
NO_ENDINGS: Mapping[str, str] = MappingProxyType({})

# `3DT1`, `AXT2`, `T1TSE`, `T13D`; no `T12`, and no `T1` after other letters, as in `HT1080` or `PAT1`.
_PLANE = r"([23]d|ax(ial)?|sag(ittal)?|cor(onal)?|tra(ns(verse)?)?)*"
_T1, _T2 = (rf"{_PLANE}t{number}(?!\d(?!d))" for number in (1, 2))
_T1_KIND = r"(w|wi|n|3d|2d|t?se|fse|fs|mprage)*"
_AGENT = r"ce|gd|gad|gado|gadolinium|post|enhanced|km|contrast"
_NATIVE = r"(pre|no|non|without) ?contrast|pre|unenhanced|native"
_OF_SEQUENCE = rf"(\S*flair|{_T1}|{_T2})\S*"
# In the order in which they count; of T1 and contrast agents see `_kind`.
_WORDS = {
    MASK: r"masks?\d*|segs?\d*|segmentations?\d*|labels?\d*|labels? ?(tr|ts)|labelmap|[da]seg|gt|ground ?truth|rois?|"
    r"annotations?|brainmask|aparc|wmparc|ribbon|(pred(iction)?s?|lesions?)\d*( \d+)?$|"
    rf"{_OF_SEQUENCE}(masks?|segs?|segmentations?|labels?|lesions?|rois?|pred(iction)?s?)\d*",
    DERIVED: r"gm|wm|csf|gr[ae]y ?matter|gr[ae]y|white ?matter|pve|prob\w*|tpm|tissues?|template|atlas|[tr][12]map",
    POST: rf"{_T1}{_T1_KIND} ?({_AGENT}|c)|post ?contrast|"
    rf"{_T1}(?!\S*(pre|no|without|unenh|native))\S*(post|gd|gad|contrast|enh|km)\S*",
    PRE: rf"{_T1}\S*|{_PLANE}(mprage|mp2rage|f?spgr|bravo)|pre ?contrast",
    UNUSED: rf"{_T2}\S*|{_PLANE}stir|pdw?|adc|dwi|dti|swi|swan|bold|fmri|pwi|dsc|dce|asl|cb[fv]|mra|tof|ct|pet|"
    r"localizer|scout|diffusion|perfusion|proton ?density",
    FLAIR: rf"\S*flair\S*|t2f|fluid ?attenuated|({_T2}\S*)?(tirm|dark ?fluid)\S*",
}
_PATTERNS = {kind: re.compile(rf"(?<!\S)({words})(?!\S)") for kind, words in _WORDS.items()}
_AGENTS, _NATIVES = (re.compile(rf"(?<!\S)({words})(?!\S)") for words in (_AGENT, _NATIVE))
_TEMPLATES = re.compile(r"(?<!\S)(mni|icbm|avg\d|colin27|sri24)")  # a patient's FLAIR may be registered to one
_ALONE = re.compile(r"(?<!\S)(pre|post)$")  # of a contrast agent without `T1` only at the end of a file's name
_MASK_FOLDER = re.compile(r"(\S+ )?(masks?|labels?( tr| ts)?|ground ?truth|gt|annotations?)|segs?|segmentations?")
_IMAGE_FOLDER = re.compile(r"^(images?|imgs?|scans?)(?= tr$| ts$|$)")
_WORD = re.compile(r"[^\W_]+?(?=[\W_]|$|(?<=[a-z])(?=[A-Z])|(?<=\d)(?=[Tt][12](?!\d(?![Dd]))))")
# Names in which no word is a sequence's: a patient's barcode; subject, session and space in BIDS.
_NAMES = re.compile(r"tcga[-_. ]?[a-z0-9]{2}[-_. ]?[a-z0-9]{4}|(?<![a-z])(sub|ses|space)-[a-z0-9]+", re.IGNORECASE)
# T1 as FreeSurfer names it; `T1.mgz` has the word, `brainmask.mgz` a mask's.
_FREESURFER = re.compile(r"(.*?[-_. ])??(orig|orig_nu|nu|norm|brain|brain\.finalsurfs|rawavg)", re.IGNORECASE)
_FREESURFER_RAW = "orig"  # its folder of what came from the scanner: 001.mgz is T1


@dataclass(frozen=True)
class Role:
    kind: str | None  # a member of `SEQUENCES`, `MASK`, `UNUSED`, `DERIVED`, `UNCLEAR`; None where no word says it
    case: str  # the path without ending and without the words of its kind: one patient's files share it
    words: str = ""  # what says it
    folder: str = ""  # the part of the case that is of folders' names


def role_of(file: str, top: str = "", endings: Mapping[str, str] = NO_ENDINGS) -> Role:
    """The role of a file by its path below the input, whose folder's name is `top`.

    `endings`: what names of a sequence end in, by sequence, instead of any words: `{"FLAIR": "_0003"}`.
    """
    path = PurePosixPath(without_ending(file))
    freesurfer = file.lower().endswith((".mgz", ".mgh"))
    raw = freesurfer and (top, *path.parts)[-2].lower() == _FREESURFER_RAW
    folders = [_Words(part) for part in path.parts[: -2 if raw else -1]]
    name = path.name
    kind = next((kind for kind, ending in endings.items() if name.casefold().endswith(ending.casefold())), None)
    if kind is not None:
        words, name = endings[kind], name[: -len(endings[kind])].rstrip("_-. ")
    elif endings and (match := CHANNEL.fullmatch(name)):
        kind, words, name = UNUSED, match["channel"], match["case"]
    else:
        kind, words = _Words(name).kind(in_folder=False)
        name = _Words(name).without(kind, in_folder=False)
    for folder in (*reversed(folders), _Words(top)):
        if _MASK_FOLDER.fullmatch(folder.text):
            kind, words = MASK, folder.text
            break
        if kind is None:
            kind, words = folder.kind(in_folder=True)
    if kind is None and freesurfer and (match := _FREESURFER.fullmatch(name)):
        kind, words, name = UNUSED, match[2], (match[1] or "")[:-1]
    elif kind is None and raw and name.isdigit():
        kind, words, name = UNUSED, f"{_FREESURFER_RAW}/{name}", ""
    around = "/".join(part for one in folders if (part := one.without(kind, in_folder=True)))
    return Role(kind, "/".join(part for part in (around, name) if part), words, around)


class _Words:
    """The words of one part of a path; `text` has them in small letters with a space between."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._words = list(_WORD.finditer(_NAMES.sub(lambda match: "x" * len(match[0]), name)))
        self.text = " ".join(word[0] for word in self._words).lower()

    def kind(self, *, in_folder: bool) -> tuple[str | None, str]:
        """What the name says, and by which words; of a folder's name, nothing unclear and no mask."""
        found = {kind: match[0] for kind, pattern in _PATTERNS.items() if (match := pattern.search(self.text))}
        native, agent = _NATIVES.search(self.text), _AGENTS.search(self.text)
        if PRE in found and agent and not native:
            found.setdefault(POST, f"{found[PRE]}, {agent[0]}")
        if in_folder:
            found.pop(MASK, None)
        elif not found and (match := _ALONE.search(self.text)):
            found[POST if match[0] == "post" else PRE] = match[0]
        if not found and (match := _TEMPLATES.search(self.text)):
            found[DERIVED] = match[0]
        if first := next((kind for kind in (DERIVED, MASK) if kind in found), None):
            return first, found[first]
        t1 = next((kind for kind in ((PRE, POST) if native else (POST, PRE)) if kind in found), None)
        other = next((kind for kind in (FLAIR, UNUSED) if kind in found), None)  # `T2 FLAIR` is FLAIR
        if t1 and other:
            return (None, "") if in_folder else (UNCLEAR, f"{found[t1]}, {found[other]}")
        kind = t1 or other
        return kind, found[kind] if kind else ""

    def without(self, kind: str | None, *, in_folder: bool) -> str:
        """The name without the words of a kind, and without the signs before them."""
        patterns = [] if kind in (None, DERIVED) else [*_PATTERNS.values()]
        patterns += [_AGENTS, _NATIVES, _ALONE] if kind in (PRE, POST) else []
        patterns += [_IMAGE_FOLDER] if in_folder else []
        spans = [match.span() for pattern in patterns for match in pattern.finditer(self.text)]
        kept, end, place = "", 0, 0
        for word in self._words:
            if not any(start <= place < stop for start, stop in spans):
                kept += self._name[end if kept else word.start() : word.end()]
            end, place = word.end(), place + len(word[0]) + 1
        return kept if spans else self._name
