"""The index of a dataset root: patients, their slices in numeric order, their clinical rows, and a fingerprint."""

import hashlib
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lgg_seg.data.kaggle.checks import check, check_clinical, substituted
from lgg_seg.data.kaggle.checksums import compare, published_checksums
from lgg_seg.data.kaggle.integrity import DataError, Issue, in_order
from lgg_seg.data.kaggle.listing import list_dataset, read_clinical, without_date
from lgg_seg.data.kaggle.scan import SliceInfo, scan

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patient:
    name: str  # the folder's, with its date (`TCGA_CS_4941_19960909`)
    slices: tuple[SliceInfo, ...]
    clinical: Mapping[str, str]  # the row of `data.csv`, empty where there is none
    substituted: tuple[str, ...]  # the sequences that are a copy of FLAIR (`pre-contrast`, `post-contrast`)

    @property
    def institution(self) -> str:
        """The tissue source site in the patient's TCGA barcode: `CS` in `TCGA_CS_4941_19960909`."""
        parts = self.name.split("_")
        return parts[1] if len(parts) > 1 else "?"


@dataclass(frozen=True)
class Index:
    """The patients at a dataset root, by name. `fingerprint` depends on pixels and names alone, not on the place."""

    root: Path
    patients: tuple[Patient, ...]
    fingerprint: str

    @cached_property
    def slices(self) -> tuple[SliceInfo, ...]:
        """Every slice, patient by patient, in numeric order. A slice's place here is its id everywhere else."""
        return tuple(s for p in self.patients for s in p.slices)

    @cached_property
    def patient_of(self) -> NDArray[np.int64]:
        """For each slice id the place of its patient in `patients`."""
        return np.repeat(np.arange(len(self.patients)), [len(p.slices) for p in self.patients])


@dataclass(frozen=True)
class IntegrityReport:
    """An index with every issue found. Slices with an error of their own are not in the index."""

    index: Index
    issues: tuple[Issue, ...]
    covered: int  # patients whose pixels were compared with published checksums


def default_cache_dir() -> Path:
    """Where what was derived from data is kept between runs: `$LGG_CACHE_DIR`, else `~/.cache/lgg_seg`."""
    chosen = os.environ.get("LGG_CACHE_DIR")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "lgg_seg"


def build_index(root: Path, *, cache_dir: Path | None = None, mask_threshold: int | None = None) -> Index:
    """Index the slices and masks that `list_dataset` finds, and `data.csv` beside them; see `read_mask`.

    Warnings are logged, and a DataError lists all errors. The first call decodes every file (about 1 ms a slice); later
    ones take what it found from `cache_dir` as long as no file's size or modification time has changed.
    """
    report = check_integrity(root, cache_dir=cache_dir, mask_threshold=mask_threshold)
    if any(issue.severity == "error" for issue in report.issues):
        raise DataError(root, report.issues)
    for issue in report.issues:
        if issue.severity == "warning":
            log.warning("%s", issue)
    return report.index


def check_integrity(
    root: Path, *, cache_dir: Path | None = None, rescan: bool = False, mask_threshold: int | None = None
) -> IntegrityReport:
    """Index a dataset root and find every issue in it, raising none; `rescan` decodes every file, cached or not."""
    listing = list_dataset(root)
    slices = scan(listing, cache_dir=cache_dir or default_cache_dir(), rescan=rescan, mask_threshold=mask_threshold)
    clinical, clinical_issues = read_clinical(listing.root)
    patients = []
    for name, group in groupby(slices, key=lambda s: s.patient):
        volume = list(group)
        if usable := tuple(s for s in volume if not s.issues):
            row = clinical.get(name) or clinical.get(without_date(name)) or {}
            patients.append(Patient(name, usable, row, substituted(volume)))
    checksum_issues, covered = compare(slices, published_checksums(listing.root))
    issues = [*listing.issues, *check(slices), *checksum_issues, *clinical_issues]
    issues += check_clinical([p.name for p in patients], clinical)
    return IntegrityReport(Index(listing.root, tuple(patients), fingerprint(patients)), in_order(issues), covered)


def fingerprint(patients: Iterable[Patient]) -> str:
    """SHA-256 over patients' names, slice numbers and pixels: the same wherever and however the files are stored."""
    rows = sorted((s.patient, s.number, s.image_checksum, s.mask_checksum) for p in patients for s in p.slices)
    return hashlib.sha256("".join(f"{'/'.join(map(str, row))}\n" for row in rows).encode()).hexdigest()
