"""Which files at a dataset root are slices and masks, and of which patients."""

import csv
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from lgg_seg.data.kaggle.integrity import Issue, Severity
from lgg_seg.errors import UserError

DEFAULT_ROOT = Path(os.environ.get("LGG_DATA_ROOT") or "data/kaggle_3m")
THREE_WAYS = (
    "either download https://www.kaggle.com/datasets/mateuszbuda/lgg-mri-segmentation by hand and unpack it to "
    "data/kaggle_3m, or name a folder that is there (data.root=FOLDER or $LGG_DATA_ROOT), "
    "or use the built-in phantom (data=phantom)"
)
_NAME = re.compile(r"(?P<stem>.+)_(?P<number>\d{1,9})(?P<mask>_mask)?", re.ASCII)
# Kaggle's zip unpacks to kaggle_3m/ and, a second time, to lgg-mri-segmentation/kaggle_3m/.
_BELOW = ("", "kaggle_3m", "lgg-mri-segmentation/kaggle_3m")


@dataclass(frozen=True)
class Pair:
    """The files of a slice and its mask. `number` is the slice's place in the volume as the file name gives it."""

    patient: str
    number: int
    image: Path
    mask: Path

    @property
    def image_file(self) -> str:
        """The image's path below the dataset root."""
        return f"{self.patient}/{self.image.name}"

    @property
    def mask_file(self) -> str:
        """The mask's path below the dataset root."""
        return f"{self.patient}/{self.mask.name}"


@dataclass(frozen=True)
class Listing:
    """A dataset root's pairs by patient and number; `stamps` holds (file, bytes, mtime in ns) of every TIFF."""

    root: Path
    pairs: tuple[Pair, ...]
    issues: tuple[Issue, ...]
    stamps: tuple[tuple[str, int, int], ...]


def find_dataset_root(root: Path) -> Path | None:
    """The folder at `root`, or in it where Kaggle's zip was unpacked there, that holds patients' folders."""
    for below in _BELOW:
        folder = root / below
        if folder.is_dir() and any(_NAME.fullmatch(Path(f.name).stem) for _, files in _patients(folder) for f in files):
            return folder
    return None


def existing_tree(root: Path) -> Path:
    """The dataset root at `root`, else a UserError: nothing is downloaded or drawn."""
    dataset_root = find_dataset_root(root)
    if dataset_root is None:
        raise UserError(f"{root} holds no folder of <patient>_<n>.tif slices; name the folder with data.root=FOLDER")
    return dataset_root


def list_dataset(root: Path) -> Listing:
    """List `root/<patient>/<name>_<n>.tif` and `…_mask.tif`, and what is wrong with their names.

    `root` may also be the folder that Kaggle's zip was unpacked to, which holds `kaggle_3m/`.
    """
    dataset_root = find_dataset_root(root)
    if dataset_root is None:
        state = "holds no folder of <patient>_<n>.tif slices" if root.is_dir() else "is not there"
        raise UserError(f"data root {root} {state}: {THREE_WAYS}")
    folders = [(patient, files) for patient, files in _patients(dataset_root) if files]
    patients = frozenset(patient for patient, _ in folders)
    pairs, issues, stamps = [], [], []
    for patient, files in folders:
        paired, wrong = _pair(dataset_root / patient, [file.name for file in files], patients)
        pairs += paired
        issues += wrong
        stamps += [(f"{patient}/{f.name}", s.st_size, s.st_mtime_ns) for f in files for s in (f.stat(),)]
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


def _patients(root: Path) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """The folders at a dataset root, each with its TIFF files, by name."""
    with os.scandir(root) as entries:
        folders = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    for name in folders:
        with os.scandir(root / name) as entries:
            tiffs = [e for e in entries if e.name.lower().endswith((".tif", ".tiff")) and not e.name.startswith(".")]
            yield name, sorted((e for e in tiffs if e.is_file()), key=lambda e: e.name)


def _pair(folder: Path, files: list[str], patients: frozenset[str]) -> tuple[list[Pair], list[Issue]]:
    """Pair a folder's images with its masks by number, in numeric order (`_10` after `_9`)."""
    images: dict[int, str] = {}
    masks: dict[int, str] = {}
    issues = []

    def report(kind: str, name: str, message: str, severity: Severity = "error") -> None:
        issues.append(Issue(kind, severity, folder.name, f"{folder.name}/{name}", message))

    for name in files:
        match = _NAME.fullmatch(Path(name).stem)
        if match is None:
            report("name", name, "is not named <patient>_<n>.tif and is ignored", "warning")
            continue
        if match["stem"] != folder.name and match["stem"] in patients:
            report("name", name, f"is named after patient {match['stem']}")
            continue
        same_kind, number = masks if match["mask"] else images, int(match["number"])
        if number in same_kind:
            report("numbering", name, f"has the same number as {same_kind[number]}")
            continue
        same_kind[number] = name
    for number in sorted(images.keys() - masks.keys()):
        report("mask missing", images[number], f"has no {Path(images[number]).stem}_mask.tif")
    for number in sorted(masks.keys() - images.keys()):
        report("image missing", masks[number], "is a mask without its slice")
    both = sorted(images.keys() & masks.keys())
    pairs = [Pair(folder.name, n, folder / images[n], folder / masks[n]) for n in both]
    return pairs, issues + _gaps(folder.name, images)


def _gaps(patient: str, numbers: Iterable[int]) -> list[Issue]:
    """Numbering starts at 1, or at 0 where someone else exported it."""
    ordered = sorted(numbers)
    missing = gaps([0, *ordered])
    if not missing:
        return []
    return [Issue("numbering", "warning", patient, None, f"has slices up to {ordered[-1]}, but no slice {missing}")]


def gaps(numbers: Sequence[int]) -> str:
    """The numbers missing between ascending ones: `4, 6 to 8`, of many the first five gaps; empty without a gap."""
    found = [(a + 1, b - 1) for a, b in pairwise(numbers) if b - a > 1]
    listed = ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in found[:5])
    return f"{listed}, …" if len(found) > 5 else listed
