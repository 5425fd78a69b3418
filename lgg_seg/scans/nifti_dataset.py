"""Patients in NIfTI with their ground truth as a dataset root of slices, so that they are measured as others are.

A folder for each patient, at any depth, as in BraTS: `CASE_flair.nii.gz`, `CASE_t1`, `CASE_t1ce` and `CASE_seg` on one
grid, or under other names that `roles.role_of` knows, such as `images/CASE` and `masks/CASE`. In BIDS the segmentations
may lie below `derivatives`; its `desc-brain_mask` is none, and scans below it do not count. FLAIR stands in for a
sequence that is missing or on another grid. Every label above 0 of the segmentation is tumour. Slices are axial, on the
files' own grid, numbered by their voxel index; intensities become 8 bits as for `predict`.
"""

import hashlib
import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from filelock import FileLock

from lgg_seg.cli.progress import tracked
from lgg_seg.data.kaggle.listing import find_dataset_root
from lgg_seg.errors import UserError
from lgg_seg.files import writable
from lgg_seg.scans.discover import find_scans, with_unique_names
from lgg_seg.scans.filenames import below_derivatives, nifti_ending
from lgg_seg.scans.roles import FLAIR
from lgg_seg.scans.truth import MaskFiles
from lgg_seg.scans.volumes import VolumeFiles

log = logging.getLogger(__name__)

SHARED = "BraTS holds most patients of TCGA-LGG, resampled and under other names: leave out those of the training"
_FORMAT = 1  # raise it when a change of code changes what is written
_MAX_NAMED = 5


def is_nifti_dataset(root: Path) -> bool:
    """Whether there are NIfTI files below a folder, and no slices as the dataset has them."""
    return root.is_dir() and find_dataset_root(root) is None and any(nifti_ending(p.name) for p in root.rglob("*.nii*"))


def as_slices(root: Path, cache_dir: Path) -> Path:
    """A dataset root made of the patients below `root`, in `cache_dir`; the same files are converted once."""
    listing = find_scans(root)
    volumes = [one for one in listing.volumes if isinstance(one, VolumeFiles)]
    raw = [one for one in volumes if not below_derivatives(one.files[FLAIR])]
    found = [replace(one, name=Path(one.name).name) for one in raw or volumes]
    masks = MaskFiles(listing)
    truths = [(volume, masks.of_volume(volume)) for volume in with_unique_names(found)]
    issues = [one for one in listing.issues if not raw or not below_derivatives(one.file)]
    wrong = [f"{one.file} {one.reason}" for one in (*issues, *masks.issues)]
    wrong += [
        f"{volume.files[FLAIR]} has {len(files) or 'no'} segmentation{'s' if files else ''} (…_seg, labels/…)"
        for volume, files in truths
        if len(files) != 1
    ]
    if wrong:
        more = f"; and {len(wrong) - _MAX_NAMED} more" if len(wrong) > _MAX_NAMED else ""
        raise UserError(f"{root} cannot be measured whole: {'; '.join(wrong[:_MAX_NAMED])}{more}.")
    pairs = [(volume, files[0]) for volume, files in truths]
    folder = cache_dir / f"nifti-{_key(root, pairs)}"
    with writable(folder, "free space there, or choose another folder with LGG_CACHE_DIR."):
        cache_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if not folder.is_dir():
                partial = folder.with_suffix(".partial")
                shutil.rmtree(partial, ignore_errors=True)  # of a conversion that was killed
                for volume, truth in tracked(pairs, "reading volumes"):
                    _write(root, volume, truth, partial / volume.name)
                partial.rename(folder)
    return folder


def _key(root: Path, pairs: list[tuple[VolumeFiles, str]]) -> str:
    files = sorted(file for volume, truth in pairs for file in (*volume.files.values(), truth))
    stamps = [(file, (root / file).stat().st_size, (root / file).stat().st_mtime_ns) for file in files]
    return hashlib.sha256(json.dumps([_FORMAT, str(root.resolve()), stamps]).encode()).hexdigest()[:32]


def _write(root: Path, volume: VolumeFiles, truth: str, folder: Path) -> None:
    """A patient's slices `<patient>_<n>.tif` and their masks."""
    scan, mask = volume.read(root), volume.read_mask(root, truth)
    for issue in scan.issues:
        log.warning("%s %s; FLAIR stands in for it", issue.file, issue.reason)
    folder.mkdir(parents=True)
    for number, image, tumour in zip(scan.numbers, scan.images, mask, strict=True):
        stem = f"{folder.name}_{number}"
        for name, pixels in ((stem, image[..., ::-1]), (f"{stem}_mask", tumour.astype(np.uint8) * 255)):
            _, content = cv2.imencode(".tif", pixels)
            (folder / f"{name}.tif").write_bytes(content.tobytes())
