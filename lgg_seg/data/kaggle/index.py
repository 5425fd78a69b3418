"""What a `kaggle_3m` tree holds: patients, their slices in numeric order, their clinical rows, and a fingerprint."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

from lgg_seg.data.kaggle.checks import check, check_clinical, substituted
from lgg_seg.data.kaggle.checksums import compare, published_checksums
from lgg_seg.data.kaggle.integrity import DataError, Fault, in_order
from lgg_seg.data.kaggle.listing import list_dataset, read_clinical, without_date
from lgg_seg.data.kaggle.scan import SliceInfo, scan

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Slice:
    """One axial slice and its mask.

    `number` is the slice's place in the volume as the file name gives it, from 1. `shape` is the native (height,
    width) in pixels. The checksums are those of the decoded pixels, so that the same slice stored in another way
    counts as the same.
    """

    patient: str
    number: int
    image: Path
    mask: Path
    shape: tuple[int, int]
    tumour_pixels: int
    image_checksum: str
    mask_checksum: str


@dataclass(frozen=True)
class Patient:
    """One patient's volume.

    `name` is the folder's name with its date (`TCGA_CS_4941_19960909`). `clinical` is the row of `data.csv`, empty
    where there is none. `substituted` names the sequences that are a copy of FLAIR (`pre-contrast`, `post-contrast`).
    """

    name: str
    slices: tuple[Slice, ...]
    clinical: Mapping[str, str]
    substituted: tuple[str, ...]

    @property
    def institution(self) -> str:
        """The tissue source site in the patient's TCGA barcode: `CS` in `TCGA_CS_4941_19960909`."""
        parts = self.name.split("_")
        return parts[1] if len(parts) > 1 else "?"


@dataclass(frozen=True)
class Index:
    """A tree's patients, sorted by name. `fingerprint` depends on the pixels and names alone, not on the place."""

    root: Path
    patients: tuple[Patient, ...]
    fingerprint: str

    @cached_property
    def slices(self) -> tuple[Slice, ...]:
        """Every slice, patient by patient, in numeric order. A slice's place here is its id everywhere else."""
        return tuple(s for p in self.patients for s in p.slices)


@dataclass(frozen=True)
class IntegrityReport:
    """A tree's index with every fault found in it. Slices with an error of their own are not in the index.

    `covered` counts the patients whose pixels were compared with published checksums.
    """

    index: Index
    faults: tuple[Fault, ...]
    covered: int


def default_cache_dir() -> Path:
    """Where what was derived from data is kept between runs: `$LGG_CACHE_DIR`, else `~/.cache/lgg_seg`."""
    chosen = os.environ.get("LGG_CACHE_DIR")
    return Path(chosen) if chosen else Path.home() / ".cache" / "lgg_seg"


def build_index(root: Path, *, cache_dir: Path | None = None, progress: bool = True) -> Index:
    """Index the tree `root/<patient>/<patient>_<n>.tif`, `…_mask.tif`, `root/data.csv`.

    `root` may also be the folder Kaggle's zip was unpacked to, which holds `kaggle_3m/`. Warnings are logged. The
    first call decodes every file (about 1 ms a slice); later ones take what it found from `cache_dir` (by default
    `default_cache_dir()`) as long as no file's size or modification time has changed.

    Raises:
        UserError: if there is no tree at `root`.
        DataError: if the tree has errors; it lists all of them.
    """
    found = check_integrity(root, cache_dir=cache_dir, progress=progress)
    if any(fault.severity == "error" for fault in found.faults):
        raise DataError(root, found.faults)
    for fault in found.faults:
        if fault.severity == "warning":
            log.warning("%s", fault)
    return found.index


def check_integrity(
    root: Path, *, cache_dir: Path | None = None, rescan: bool = False, progress: bool = True
) -> IntegrityReport:
    """Index a tree and find every fault in it, raising none. `rescan` decodes every file, whatever is remembered.

    Raises:
        UserError: if there is no tree at `root`.
    """
    listing = list_dataset(root)
    readings = scan(listing, cache_dir=cache_dir or default_cache_dir(), rescan=rescan, progress=progress)
    clinical, clinical_faults = read_clinical(listing.root)
    by_patient = {name: list(group) for name, group in groupby(readings, key=lambda r: r.patient)}
    checksum_faults, covered = compare(readings, published_checksums(listing.root))
    patients = tuple(
        Patient(
            name=name,
            slices=slices,
            clinical=clinical.get(name) or clinical.get(without_date(name)) or {},
            substituted=substituted(by_patient[name]),
        )
        for name in sorted(by_patient)
        if (slices := tuple(_slice(listing.root, r) for r in by_patient[name] if not r.problems))
    )
    faults = [*listing.faults, *check(readings), *checksum_faults, *clinical_faults]
    faults += check_clinical([p.name for p in patients], clinical)
    return IntegrityReport(Index(listing.root, patients, fingerprint(patients)), in_order(faults), covered)


def fingerprint(patients: Iterable[Patient]) -> str:
    """SHA-256 over patients' names, slice numbers and pixels: the same wherever and however the tree is stored."""
    rows = sorted((s.patient, s.number, s.image_checksum, s.mask_checksum) for p in patients for s in p.slices)
    return hashlib.sha256("".join(f"{'/'.join(map(str, row))}\n" for row in rows).encode()).hexdigest()


def _slice(root: Path, r: SliceInfo) -> Slice:
    return Slice(
        patient=r.patient,
        number=r.number,
        image=root / r.image,
        mask=root / r.mask,
        shape=r.shape,
        tumour_pixels=r.tumour_pixels,
        image_checksum=r.image_checksum,
        mask_checksum=r.mask_checksum,
    )
