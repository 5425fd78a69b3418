"""Which files of a folder are slices and masks, and of whom."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from lgg_seg.data.kaggle.integrity import Fault
from lgg_seg.errors import UserError

DEFAULT_ROOT = Path(os.environ.get("LGG_DATA_ROOT") or "data/kaggle_3m")
THREE_WAYS = (
    "either download https://www.kaggle.com/datasets/mateuszbuda/lgg-mri-segmentation by hand and unpack it to "
    "data/kaggle_3m, or name a tree that is there (data.root=FOLDER or $LGG_DATA_ROOT), "
    "or use the built-in phantom (data=phantom)"
)
_NAME = re.compile(r"(?P<stem>.+)_(?P<number>\d{1,9})(?P<mask>_mask)?", re.ASCII)
# Kaggle's zip unpacks to kaggle_3m/ and, a second time, to lgg-mri-segmentation/kaggle_3m/.
_BELOW = ("", "kaggle_3m", "lgg-mri-segmentation/kaggle_3m")


@dataclass(frozen=True)
class Pair:
    """A slice and its mask, as paths relative to the tree's root."""

    patient: str
    number: int
    image: str
    mask: str


@dataclass(frozen=True)
class Listing:
    """A tree's pairs by patient and number; `stamps` holds (relative path, bytes, mtime in ns) of every TIFF."""

    root: Path
    pairs: tuple[Pair, ...]
    faults: tuple[Fault, ...]
    stamps: tuple[tuple[str, int, int], ...]


def find_dataset_root(root: Path) -> Path | None:
    """The folder at `root`, or in it where Kaggle's zip was unpacked there, that holds patients' folders."""
    for below in _BELOW:
        folder = root / below
        if folder.is_dir() and any(_is_slice(f.name) for _, files in _patient_folders(folder) for f in files):
            return folder
    return None


def existing_tree(root: Path) -> Path:
    """The tree at `root`, which is neither downloaded nor drawn.

    Raises:
        UserError: there is none.
    """
    tree = find_dataset_root(root)
    if tree is None:
        raise UserError(f"{root} holds no folder of <patient>_<n>.tif slices; name the tree with data.root=FOLDER")
    return tree


def list_dataset(root: Path) -> Listing:
    """List `root/<patient>/<name>_<n>.tif` and `…_mask.tif`, and what is wrong with their names.

    `root` may also be the folder that Kaggle's zip was unpacked to, which holds `kaggle_3m/`.

    Raises:
        UserError: if there is no such tree.
    """
    tree = find_dataset_root(root)
    if tree is None:
        state = "holds no folder of <patient>_<n>.tif slices" if root.is_dir() else "is not there"
        raise UserError(f"data root {root} {state}: {THREE_WAYS}")
    folders = [(name, files) for name, files in _patient_folders(tree) if files]
    names = frozenset(name for name, _ in folders)
    pairs, faults = [], []
    for name, files in folders:
        of_patient, wrong = _pair(name, [f.name for f in files], names)
        pairs += of_patient
        faults += wrong
    stamps = [(f"{name}/{f.name}", s.st_size, s.st_mtime_ns) for name, fs in folders for f in fs for s in (f.stat(),)]
    return Listing(tree, tuple(pairs), tuple(faults), tuple(stamps))


def read_clinical(root: Path) -> tuple[Mapping[str, Mapping[str, str]], tuple[Fault, ...]]:
    """The rows of `root/data.csv` by their `Patient`; none where there is no such file."""
    path = root / "data.csv"
    if not path.is_file():
        return {}, (Fault("clinical", "note", "", "data.csv", "is not there: no patient has clinical data"),)
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (csv.Error, UnicodeDecodeError) as error:
        return {}, (Fault("clinical", "warning", "", "data.csv", f"cannot be read as CSV in UTF-8 ({error})"),)
    if not rows or "Patient" not in rows[0]:
        return {}, (Fault("clinical", "warning", "", "data.csv", "has no column `Patient`"),)
    clinical: dict[str, Mapping[str, str]] = {}
    faults = []
    for row in rows:
        name = row["Patient"] or ""
        if name in clinical:
            faults.append(Fault("clinical", "warning", name, "data.csv", f"has two rows for {name}; the first counts"))
        clinical.setdefault(name, {key: value or "" for key, value in row.items() if key})
    return clinical, tuple(faults)


def without_date(patient: str) -> str:
    """The patient's name in `data.csv`: `TCGA_CS_4941` for the folder `TCGA_CS_4941_19960909`."""
    return re.sub(r"_\d{8}$", "", patient)


def _patient_folders(tree: Path) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    with os.scandir(tree) as entries:
        folders = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    for name in folders:
        with os.scandir(tree / name) as entries:
            yield name, sorted((e for e in entries if _is_tiff(e.name) and e.is_file()), key=lambda e: e.name)


def _is_tiff(name: str) -> bool:
    return name.lower().endswith((".tif", ".tiff")) and not name.startswith(".")


def _is_slice(name: str) -> bool:
    return _NAME.fullmatch(Path(name).stem) is not None


def _pair(patient: str, files: list[str], patients: frozenset[str]) -> tuple[list[Pair], list[Fault]]:
    """Pair a folder's images with its masks by number, in numeric order (`_10` after `_9`)."""
    found: dict[bool, dict[int, str]] = {False: {}, True: {}}
    faults = []
    for name in files:
        file = f"{patient}/{name}"
        match = _NAME.fullmatch(Path(name).stem)
        if match is None:
            faults.append(Fault("name", "warning", patient, file, "is not named <patient>_<n>.tif and is ignored"))
            continue
        if match["stem"] != patient and match["stem"] in patients:
            faults.append(Fault("name", "error", patient, file, f"is named after patient {match['stem']}"))
            continue
        of_kind, number = found[match["mask"] is not None], int(match["number"])
        if number in of_kind:
            message = f"has the same number as {of_kind[number]}"
            faults.append(Fault("numbering", "error", patient, file, message))
            continue
        of_kind[number] = name
    images, masks = found[False], found[True]
    for number in sorted(images.keys() - masks.keys()):
        expected = f"{Path(images[number]).stem}_mask.tif"
        faults.append(Fault("mask missing", "error", patient, f"{patient}/{images[number]}", f"has no {expected}"))
    faults += [
        Fault("image missing", "error", patient, f"{patient}/{masks[number]}", "is a mask without its slice")
        for number in sorted(masks.keys() - images.keys())
    ]
    both = sorted(images.keys() & masks.keys())
    pairs = [Pair(patient, n, f"{patient}/{images[n]}", f"{patient}/{masks[n]}") for n in both]
    return pairs, faults + _gaps(patient, images)


def _gaps(patient: str, numbers: Iterable[int]) -> list[Fault]:
    """Numbering starts at 1, or at 0 where someone else exported it."""
    ordered = sorted(numbers)
    gaps = [(a + 1, b - 1) for a, b in pairwise([0, *ordered]) if b - a > 1]
    if not gaps:
        return []
    listed = ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in gaps[:5]) + (", …" if len(gaps) > 5 else "")
    return [Fault("numbering", "warning", patient, None, f"has slices up to {ordered[-1]}, but no slice {listed}")]
