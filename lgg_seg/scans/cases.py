"""Which volume files are the sequences of one patient, by their names and folders."""

import functools
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from lgg_seg.data.kaggle.images import SEQUENCES
from lgg_seg.errors import UserError
from lgg_seg.scans.filenames import without_ending
from lgg_seg.scans.roles import CHANNEL, DERIVED, FLAIR, NO_ENDINGS, POST, PRE, UNCLEAR, UNUSED, Role, role_of
from lgg_seg.scans.scan import Issue
from lgg_seg.scans.volumes import VolumeFiles

OPTIONS = {"flair": FLAIR, "t1": PRE, "t1ce": POST}
"""The arguments of `predict` that name a sequence."""

_Endings = Callable[[str], Mapping[str, str]]  # by sequence, those that hold for a file

# What a file's name gets when it is processed: `P1_FLAIR_n4` is P1's, whom `P1_FLAIR` shows already. Whole words alone,
# since `DOE_NORMAN` is another patient than `DOE`.
_VERSION = re.compile(
    r"[-_. ]?(?<![a-z0-9])(n[34]|bfc|bias([-_]?field)?([-_]?corr(ected|ection)?)?|corr(ected)?|norm(ali[sz]ed)?|"
    r"(co)?reg(istered)?|aligned|resampled?|iso|denoised?|brain|bet|(skull[-_]?)?strip(ped)?|crop(ped)?|"
    r"desc-[a-z0-9]+|(pre)?proc(essed)?)(?![a-z0-9])"
)


@dataclass
class _Case:
    """The files of one patient."""

    name: str
    folder: str  # the part of the name that folders gave
    files: list[str] = field(default_factory=list)  # all, in order
    sequences: dict[str, str] = field(default_factory=dict)  # those that are read
    notes: list[str] = field(default_factory=list)

    def may_include(self, stem: str) -> bool:
        """Whether a file whose name says no sequence may be of this case."""
        case, path = PurePosixPath(self.name.casefold()), PurePosixPath(stem.casefold())
        if path.parent == case:  # where names are sequences alone, the folder is one patient's
            return any(PurePosixPath(file.casefold()).parent == case for file in self.files)
        if path == case:  # it is the case's FLAIR, unless there is another
            return FLAIR in self.sequences
        return path.parent == case.parent and path.name.startswith(case.name) and path.name[len(case.name)] in "_-. "


def volumes_of_cases(
    root: Path, files: Sequence[str], top: str, endings: Mapping[str, str], issues: list[Issue]
) -> list[VolumeFiles]:
    """The volumes of files without masks below the input's folder `root`, by the rules of `discover.find_scans`."""
    for option, kind in OPTIONS.items():
        ending = endings.get(kind, "")
        if ending and not any(without_ending(file).casefold().endswith(ending.casefold()) for file in files):
            raise UserError(
                f"{option}={ending}: no name in {root} ends so; without input=, {option}= names a file itself."
            )
    endings_of = _channels(root, endings)
    cases, unlabelled = _sorted_by_case(files, top, endings_of, issues)
    volumes = []
    for _, case in sorted(_without_versions(cases, issues).items()):
        if flair := case.sequences.get(FLAIR):
            name = case.name or without_ending(flair)
            volumes.append(VolumeFiles(name, _stem(flair, endings_of), case.sequences, case.name, tuple(case.notes)))
        else:
            issues += [Issue(file, f"has no FLAIR ({_flair_name(case.name)}) beside it") for file in case.files]
    for file in _without_channels(unlabelled, issues):
        stem = without_ending(file)
        owner = next((case for case in cases.values() if case.may_include(stem)), None)
        if owner is None:
            volumes.append(VolumeFiles(stem, stem, {FLAIR: file}, role_of(file).case))
        else:
            name = f"{_flair_name(owner.name)}{file[len(stem) :]}"
            remedy = f"name it {name} if it is FLAIR, or put it into another folder"
            beside = Path(owner.files[0]).name
            issues.append(Issue(file, f"has no sequence in its name, beside {beside}; {remedy}"))
    return volumes


def _sorted_by_case(
    files: Sequence[str], top: str, endings_of: _Endings, issues: list[Issue]
) -> tuple[dict[str, _Case], list[str]]:
    """The cases by name, and the files whose names and folders say no sequence."""
    cases: dict[str, _Case] = {}
    unlabelled = []
    for file in files:
        role = role_of(file, top, endings_of(file))
        if role.kind is None:
            unlabelled.append(file)
            continue
        if role.kind in (DERIVED, UNCLEAR):
            issues.append(Issue(file, not_flair(file, role)))
            continue
        case = cases.setdefault(role.case.casefold(), _Case(role.case, role.folder))
        if first := case.sequences.get(role.kind):
            issues.append(Issue(file, f"is a second {role.kind} beside {Path(first).name}"))
            continue
        case.files.append(file)
        if role.kind != UNUSED:
            case.sequences[role.kind] = file
    return cases, unlabelled


def _without_versions(cases: Mapping[str, _Case], issues: list[Issue]) -> dict[str, _Case]:
    """The cases without those that are others processed in some way, whose files join these or become issues."""
    kept = {}
    for name, case in cases.items():
        folder = case.folder.casefold()
        first = cases.get((folder + _VERSION.sub("", name[len(folder) :])).removesuffix("/"))
        if first is None or first is case:
            kept[name] = case
            continue
        for kind, file in case.sequences.items():
            if kind in first.sequences:
                beside = Path(first.sequences[kind]).name
                issues.append(Issue(file, f"is another version of {beside}, which counts; give it alone to have it"))
            else:
                first.files.append(file)
                first.sequences[kind] = file
                first.notes.append(f"by its name, {Path(file).name} was processed otherwise than the FLAIR")
    return kept


def not_flair(file: str, role: Role) -> str:
    """Why a file of another role is not taken for FLAIR; completes "the file …"."""
    if role.kind == UNCLEAR:
        return f"names several sequences ({role.words}); say which it is: flair=FILE, t1=FILE or t1ce=FILE"
    what = {UNUSED: "no FLAIR", DERIVED: f"a {DERIVED} ({role.words})"}.get(str(role.kind), f"a {role.kind} scan")
    name = _flair_name(role_of(file).case) + file[len(without_ending(file)) :]
    remedy = f"FLAIR is needed: name it {name} if it is that, or give its folder, or flair=FILE"
    return f"is {what} by its name; {remedy}"


def _flair_name(case: str) -> str:
    """The name without ending that FLAIR of a case should have."""
    name = PurePosixPath(case).name
    return f"{name}_flair" if name else "flair"


def _stem(flair: str, endings_of: _Endings) -> str:
    """The path that a mask is named after: FLAIR's without the word that says so, unless that is all of its name."""
    path = PurePosixPath(flair)
    return str(path.with_name(role_of(path.name, "", endings_of(flair)).case or without_ending(path.name)))


def _channels(root: Path, given: Mapping[str, str]) -> _Endings:
    """What the numbers of numbered channels stand for: as the user says, else as nnU-Net's `dataset.json` does."""
    of_folder = functools.cache(lambda folder: _dataset_json(folder) or _dataset_json(folder.parent))

    def endings_of(file: str) -> Mapping[str, str]:
        is_numbered = CHANNEL.fullmatch(without_ending(PurePosixPath(file).name))
        return of_folder((root / file).parent) if is_numbered and not given else given

    return endings_of


def _dataset_json(folder: Path) -> Mapping[str, str]:
    """The endings by sequence of a `dataset.json`: `channel_names` of nnU-Net 2, `modality` of 1; {} without FLAIR."""
    try:
        content = json.loads((folder / "dataset.json").read_bytes())
        named = dict(content.get("channel_names") or content["modality"])
        kinds = {role_of(str(name)).kind: f"_{int(number):04}" for number, name in named.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return NO_ENDINGS
    return {kind: ending for kind, ending in kinds.items() if kind in SEQUENCES} if FLAIR in kinds else NO_ENDINGS


def _without_channels(files: Sequence[str], issues: list[Issue]) -> Iterator[str]:
    """The files that are no numbered channels; of each case with such channels, its first file becomes an issue."""
    numbered: dict[str, list[str]] = defaultdict(list)
    for file in files:
        match = CHANNEL.fullmatch(without_ending(file))
        numbered[match["case"] if match else ""].append(file)
    yield from numbered.pop("", ())
    for case, channels in numbered.items():
        names = [without_ending(file).removeprefix(case) for file in channels]
        if "_0000" not in names or len(names) > 9:  # more numbers are patients'
            yield from channels
            continue
        beside = f", as {', '.join(names[1:])} beside it" if names[1:] else ""
        reason = f"is a numbered channel{beside}; say which is which: flair=_0003 t1=_0000 t1ce=_0001"
        issues.append(Issue(channels[0], reason))
