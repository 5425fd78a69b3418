"""Which files at a dataset root are slices and masks, and of which patients."""

import csv
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from lgg_seg.data.kaggle.integrity import Issue, Severity
from lgg_seg.data.kaggle.pixels import PICTURES
from lgg_seg.errors import UserError

DEFAULT_ROOT = Path(os.environ.get("LGG_DATA_ROOT") or "data/kaggle_3m").expanduser()
THREE_WAYS = (
    "either download https://www.kaggle.com/datasets/mateuszbuda/lgg-mri-segmentation by hand and unpack it to "
    "data/kaggle_3m, or name a folder that is there (data.root=FOLDER or $LGG_DATA_ROOT), "
    "or use the built-in phantom (data=phantom)"
)
_NAME = re.compile(r"(?P<stem>.+)_(?P<number>\d{1,9})(?P<mask>_mask)?", re.ASCII)
_NUMBERED = re.compile(r".*?(?P<number>\d{1,9})(?:_mask)?", re.ASCII)  # in a patient's folder of images/ or masks/
_BARCODE = re.compile(r"tcga[\W_]*([a-z0-9]{2})[\W_]*([a-z0-9]{4})(?![a-z0-9])", re.IGNORECASE)
_TIFF = (".tif", ".tiff")
# Kaggle's archive.zip unpacks to kaggle_3m/ and, a second time, to lgg-mri-segmentation/kaggle_3m/.
_CONTAINERS = ("kaggle_3m", "lgg-mri-segmentation", "archive")
_DEPTH = 3
NOTHING = "holds no folder of <patient>_<n>.tif slices, and no images/ with masks/"


@dataclass(frozen=True)
class Pair:
    """The files of a slice and its mask, named by their paths below the dataset root."""

    patient: str
    number: int  # the slice's place in the volume as the file name gives it
    image_file: str
    mask_file: str
    root: Path = field(kw_only=True, default=Path())

    @property
    def image(self) -> Path:
        return self.root / self.image_file

    @property
    def mask(self) -> Path:
        return self.root / self.mask_file


@dataclass(frozen=True)
class Listing:
    """A dataset root's pairs by patient and number; `stamps` holds (file, bytes, mtime in ns) of every TIFF."""

    root: Path
    pairs: tuple[Pair, ...]
    issues: tuple[Issue, ...]
    stamps: tuple[tuple[str, int, int], ...]


def find_dataset_root(root: Path, depth: int = _DEPTH) -> Path | None:
    """The folder that holds the slices: `root`, or one in it that Kaggle's zip was unpacked to, and again in that."""
    if not root.is_dir():
        return None
    if any(file.number is not None for _, file in _files(root)):  # of a patient's tree, the first file is enough
        return root
    found = (find_dataset_root(root / name, depth - 1) for name in _CONTAINERS if depth)
    return next((folder for folder in found if folder is not None), None)


def existing_tree(root: Path) -> Path:
    """The dataset root at `root`, else a UserError: nothing is downloaded or drawn."""
    dataset_root = find_dataset_root(root)
    if dataset_root is None:
        raise UserError(f"{root} {NOTHING}; name the folder with data.root=FOLDER")
    return dataset_root


def list_dataset(root: Path) -> Listing:
    """List the slices and masks at a dataset root (see `find_dataset_root`), and what is wrong with their names.

    They are `<patient>/<name>_<n>.tif` and `…_mask.tif`; or, where there are the folders `images` and `masks`,
    `<patient>_<n>` or `<patient>/<n>` in the one and the same, with or without `_mask`, in the other. All are TIFF, or
    in a folder without any TIFF, PNG or JPEG.
    """
    dataset_root = find_dataset_root(root)
    if dataset_root is None:
        state = NOTHING if root.is_dir() else "is not there"
        raise UserError(f"data root {root} {state}: {THREE_WAYS}")
    folders: dict[str, list[_File]] = defaultdict(list)
    for patient, file in _files(dataset_root):
        folders[patient].append(file)
    pairs, issues, stamps = [], [], []
    for patient, files in sorted(folders.items()):
        paired, wrong = _pair(dataset_root, patient, files, folders.keys())
        pairs += paired
        issues += wrong
        stamps += [(f.path, s.st_size, s.st_mtime_ns) for f in files for s in ((dataset_root / f.path).stat(),)]
    return Listing(dataset_root, tuple(pairs), tuple(issues), tuple(stamps))


def read_clinical(root: Path) -> tuple[Mapping[str, Mapping[str, str]], tuple[Issue, ...]]:
    """The rows of `root/data.csv` by their `Patient`; none where there is no such file."""
    path = root / "data.csv"
    if not path.is_file():
        return {}, (Issue("clinical", "note", "", path.name, "is not there: no patient has clinical data"),)
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (csv.Error, UnicodeDecodeError) as error:
        return {}, (Issue("clinical", "warning", "", path.name, f"cannot be read as CSV in UTF-8 ({error})"),)
    if not rows or "Patient" not in rows[0]:
        return {}, (Issue("clinical", "warning", "", path.name, "has no column `Patient`"),)
    clinical: dict[str, Mapping[str, str]] = {}
    issues = []
    for row in rows:
        name = row["Patient"] or ""
        if name in clinical:
            issues.append(Issue("clinical", "warning", name, path.name, f"has two rows for {name}; the first counts"))
        clinical.setdefault(name, {key: value or "" for key, value in row.items() if key})
    return clinical, tuple(issues)


def without_date(patient: str) -> str:
    """The patient's name in `data.csv`: `TCGA_CS_4941` for the folder `TCGA_CS_4941_19960909`."""
    return re.sub(r"_\d{8}$", "", patient)


def barcode(text: str) -> str | None:
    """TCGA's barcode: `CS-4942` of `TCGA_CS_4942_19970222`, `tcga-cs-4942.nii` or `TCGACS4942`; None without one.

    >>> barcode("flair/tcga-cs-4942 (1997).nii.gz")
    'CS-4942'
    """
    match = _BARCODE.search(text)
    return f"{match[1]}-{match[2]}".upper() if match else None


def named_in(text: str, patients: Iterable[str]) -> bool:
    """Whether a text names one of the patients by their barcodes, with or without `TCGA` before it."""
    for code in {barcode(patient) for patient in patients} - {None}:
        institution, number = str(code).split("-")
        if re.search(rf"(?<![a-z0-9])(tcga[\W_]*)?{institution}[\W_]*{number}(?![a-z0-9])", text, re.IGNORECASE):
            return True
    return False


@dataclass(frozen=True)
class _File:
    path: str  # below the dataset root
    stem: str  # whom its name names
    number: int | None  # None where it is not named as a slice
    mask: bool


def _files(root: Path) -> Iterator[tuple[str, _File]]:
    """Every file at a dataset root, with its patient."""
    names = {entry.name for entry in _scan(root) if entry.is_dir()}
    if {"images", "masks"} <= names:
        for kind in ("images", "masks"):
            for folder in ("", *sorted(entry.name for entry in _scan(root / kind) if entry.is_dir())):
                for file in _pictures(root / kind / folder):
                    match = (_NUMBERED if folder else _NAME).fullmatch(Path(file).stem)
                    patient = folder or (match["stem"] if match else Path(file).stem)
                    number = int(match["number"]) if match else None
                    path = f"{kind}/{folder}/{file}" if folder else f"{kind}/{file}"
                    yield patient, _File(path, patient, number, kind == "masks")
    else:
        for folder in sorted(names):
            for file in _pictures(root / folder):
                match = _NAME.fullmatch(Path(file).stem)
                stem, number, mask = (match["stem"], int(match["number"]), match["mask"]) if match else ("", None, None)
                yield folder, _File(f"{folder}/{file}", stem, number, mask is not None)


def _pictures(folder: Path) -> list[str]:
    """The TIFF files of a folder by name, or its PNG and JPEG files: beside TIFFs those are mere views of them."""
    names = sorted(entry.name for entry in _scan(folder) if entry.is_file())
    return [n for n in names if n.lower().endswith(_TIFF)] or [n for n in names if n.lower().endswith(PICTURES)]


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return [entry for entry in entries if not entry.name.startswith(".")]


def _pair(root: Path, patient: str, files: list[_File], patients: Collection[str]) -> tuple[list[Pair], list[Issue]]:
    """Pair a patient's images with their masks by number, in numeric order (`_10` after `_9`)."""
    images: dict[int, str] = {}
    masks: dict[int, str] = {}
    issues = []

    def report(kind: str, path: str | None, message: str, severity: Severity = "error") -> None:
        issues.append(Issue(kind, severity, patient, path, message))

    for file in files:
        if file.number is None:
            report("name", file.path, "is not named <patient>_<n>.tif and is ignored", "warning")
            continue
        if file.stem != patient and file.stem in patients:
            report("name", file.path, f"is named after patient {file.stem}")
            continue
        same_kind = masks if file.mask else images
        if file.number in same_kind:
            report("numbering", file.path, f"has the same number as {Path(same_kind[file.number]).name}")
            continue
        same_kind[file.number] = file.path
    for number in sorted(images.keys() - masks.keys()):
        name = Path(images[number])
        missing = "file of this name in masks/" if name.parts[0] == "images" else f"{name.stem}_mask{name.suffix}"
        report("mask missing", images[number], f"has no {missing}")
    for number in sorted(masks.keys() - images.keys()):
        report("image missing", masks[number], "is a mask without its slice")
    both = sorted(images.keys() & masks.keys())
    # Numbering starts at 1, or at 0 where someone else exported it.
    if missing := gaps([0, *sorted(images)]):
        report("numbering", None, f"has slices up to {max(images)}, but no slice {missing}", "warning")
    return [Pair(patient, n, images[n], masks[n], root=root) for n in both], issues


def gaps(numbers: Sequence[int]) -> str:
    """The numbers missing between ascending ones: `4, 6 to 8`, of many the first five gaps; empty without a gap."""
    found = [(a + 1, b - 1) for a, b in pairwise(numbers) if b - a > 1]
    listed = ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in found[:5])
    return f"{listed}, …" if len(found) > 5 else listed
