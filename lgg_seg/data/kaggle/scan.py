"""Decoding every slice and mask of a tree once, and remembering what was found."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lgg_seg.cli.progress import tracked
from lgg_seg.data.kaggle.images import ImageError, checksum, read_image, read_mask
from lgg_seg.data.kaggle.integrity import Kind
from lgg_seg.data.kaggle.listing import Listing, Pair

log = logging.getLogger(__name__)

SEQUENCES = ("pre-contrast", "FLAIR", "post-contrast")
_FORMAT = 1  # of the remembered readings; raise it when `SliceInfo` or what fills it changes


@dataclass(frozen=True)
class SliceInfo:
    """What decoding one slice and its mask told.

    `constant` names the sequences that hold one value throughout, `copies` those equal to FLAIR pixel by pixel.
    `problems` holds (kind, file, message) for whatever makes the slice unusable; the fields it concerns are empty.
    """

    patient: str
    number: int
    image: str
    mask: str
    shape: tuple[int, int] = (0, 0)
    tumour_pixels: int = 0
    image_checksum: str = ""
    mask_checksum: str = ""
    constant: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    problems: tuple[tuple[Kind, str, str], ...] = ()


def scan(listing: Listing, *, cache_dir: Path, rescan: bool = False, progress: bool = True) -> tuple[SliceInfo, ...]:
    """Decode every pair of a tree, or take what an earlier scan of the very same files found.

    Files count as the same if their paths, sizes and modification times are: a bit that flipped on the disk
    without touching these is found by `rescan` alone.
    """
    root = listing.root.resolve()
    key = checksum(np.frombuffer(json.dumps([_FORMAT, str(root), listing.stamps]).encode(), np.uint8))
    memory = cache_dir / f"index-{checksum(np.frombuffer(str(root).encode(), np.uint8))}.json"
    remembered = None if rescan else _recall(memory, key)
    if remembered is not None:
        return remembered
    readings = read_all(listing, progress=progress)
    _remember(memory, key, readings)
    return readings


def read_all(listing: Listing, *, progress: bool = True) -> tuple[SliceInfo, ...]:
    """Decode every pair of a tree, with a bar on stderr."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        readings = pool.map(lambda pair: read_pair(listing.root, pair), listing.pairs)
        return tuple(tracked(readings, "reading slices", len(listing.pairs), visible=progress))


def read_pair(root: Path, pair: Pair) -> SliceInfo:
    """Decode one slice and its mask; what cannot be read is told, not raised."""
    image, image_problem = _image(root / pair.image)
    mask, mask_problem = _mask(root / pair.mask)
    problems: list[tuple[Kind, str, str]] = []
    if image_problem is not None:
        problems.append((image_problem.kind, pair.image, image_problem.reason))
    if mask_problem is not None:
        problems.append((mask_problem.kind, pair.mask, mask_problem.reason))
    if image is not None and mask is not None and image.shape[:2] != mask.shape:
        (h, w), (mask_h, mask_w) = image.shape[:2], mask.shape
        problems.append(("shape", pair.mask, f"is {mask_h} x {mask_w} pixels, its slice {h} x {w}"))
    constant: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    if image is not None:
        planes = {name: np.ascontiguousarray(image[..., c]) for c, name in enumerate(SEQUENCES)}
        constant = tuple(name for name, plane in planes.items() if plane.min() == plane.max())
        copies = tuple(n for n, plane in planes.items() if n != "FLAIR" and np.array_equal(plane, planes["FLAIR"]))
    return SliceInfo(
        patient=pair.patient,
        number=pair.number,
        image=pair.image,
        mask=pair.mask,
        shape=(0, 0) if image is None else (image.shape[0], image.shape[1]),
        tumour_pixels=0 if mask is None else int(np.count_nonzero(mask)),
        image_checksum="" if image is None else checksum(image),
        mask_checksum="" if mask is None else checksum(mask),
        constant=constant,
        copies=copies,
        problems=tuple(problems),
    )


def _image(path: Path) -> tuple[NDArray[np.uint8] | None, ImageError | None]:
    try:
        return read_image(path), None
    except ImageError as error:
        return None, error


def _mask(path: Path) -> tuple[NDArray[np.uint8] | None, ImageError | None]:
    try:
        return read_mask(path), None
    except ImageError as error:
        return None, error


def _recall(memory: Path, key: str) -> tuple[SliceInfo, ...] | None:
    try:
        stored = json.loads(memory.read_bytes())
        if stored["key"] != key:
            return None
        return tuple(
            SliceInfo(
                patient=row[0],
                number=row[1],
                image=row[2],
                mask=row[3],
                shape=(row[4][0], row[4][1]),
                tumour_pixels=row[5],
                image_checksum=row[6],
                mask_checksum=row[7],
                constant=tuple(row[8]),
                copies=tuple(row[9]),
                problems=tuple((kind, file, message) for kind, file, message in row[10]),
            )
            for row in stored["readings"]
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        log.warning("the remembered index %s cannot be used (%s); the tree is read again", memory, error)
        return None


def _remember(memory: Path, key: str, readings: tuple[SliceInfo, ...]) -> None:
    partial = memory.with_suffix(f".{os.getpid()}.tmp")
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps({"key": key, "readings": [astuple(r) for r in readings]}))
        partial.replace(memory)
    except OSError as error:
        log.warning("the index cannot be remembered in %s (%s); the next run reads the tree again", memory, error)
        with contextlib.suppress(OSError):
            partial.unlink()
