"""Decoding every slice and mask of a dataset root once, and caching what was found."""

import hashlib
import json
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pydantic
from numpy.typing import NDArray

from lgg_seg.cli.progress import tracked
from lgg_seg.data.kaggle.images import SEQUENCES, ImageError, checksum, read_mask, read_slice
from lgg_seg.data.kaggle.integrity import Issue
from lgg_seg.data.kaggle.listing import Listing, Pair
from lgg_seg.errors import UserError
from lgg_seg.files import replacing

log = logging.getLogger(__name__)
T = TypeVar("T")

_FORMAT = 4  # of the cached index; raise it when `SliceInfo` or what fills it changes


@dataclass(frozen=True)
class SliceInfo(Pair):
    """One axial slice and its mask, and what decoding them found."""

    shape: tuple[int, int] = (0, 0)  # native height and width in pixels
    tumour_pixels: int = 0
    image_checksum: str = ""  # of the decoded pixels: the same however the slice is stored
    mask_checksum: str = ""
    constant: tuple[str, ...] = ()  # the sequences that hold one value throughout
    copies: tuple[str, ...] = ()  # those equal to FLAIR pixel by pixel
    issues: tuple[Issue, ...] = ()  # what makes the slice unusable; the fields they concern are empty
    grey: bool = False  # the file has FLAIR alone, which is in all channels then
    thresholded: bool = False  # the mask has other values than a mask's; those above `mask_threshold` are tumour
    mask_threshold: int | None = None

    def read_image(self) -> NDArray[np.uint8]:
        """The slice's pixels: (H, W, 3) uint8; channels pre-contrast, FLAIR, post-contrast."""
        return _unchanged(read_slice(self.image)[0], self.image_checksum, self.image)

    def read_mask(self) -> NDArray[np.bool_]:
        """The slice's ground truth: (H, W) bool. Errors as `read_image`."""
        mask = read_mask(self.mask, self.mask_threshold)
        return _unchanged(mask, self.mask_checksum, self.mask).astype(np.bool_)


def scan(
    listing: Listing, *, cache_dir: Path, rescan: bool = False, mask_threshold: int | None = None
) -> tuple[SliceInfo, ...]:
    """Decode every pair of a listing, or take what an earlier scan of the very same files found, by sizes and times."""
    root = str(listing.root.resolve())
    key = hashlib.sha256(json.dumps([_FORMAT, root, listing.stamps, mask_threshold]).encode()).hexdigest()
    file = cache_dir / f"index-{checksum(root.encode())}.json"
    cached = None if rescan else _read_cache(file, key)
    if cached is not None:  # the root may be named in another way today
        return tuple(replace(s, root=listing.root) for s in cached)
    slices = read_all(listing, mask_threshold)
    _write_cache(file, key, slices)
    return slices


def read_all(listing: Listing, mask_threshold: int | None = None) -> tuple[SliceInfo, ...]:
    """Decode every pair of a listing, with a bar on stderr."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        slices = pool.map(partial(read_pair, mask_threshold=mask_threshold), listing.pairs)
        return tuple(tracked(slices, "reading slices", len(listing.pairs)))


def read_pair(pair: Pair, mask_threshold: int | None = None) -> SliceInfo:
    """Decode one slice and its mask; what cannot be read is an issue, not an error."""
    issues: list[Issue] = []

    def attempt(read: Callable[[Path], T], path: Path, file: str) -> T | None:
        try:
            return read(path)
        except ImageError as error:
            issues.append(Issue(error.kind, "error", pair.patient, file, error.reason))
            return None

    image, grey = attempt(read_slice, pair.image, pair.image_file) or (None, False)
    mask = attempt(partial(read_mask, threshold=mask_threshold), pair.mask, pair.mask_file)
    if image is not None and mask is not None and image.shape[:2] != mask.shape:
        (h, w), (mask_h, mask_w) = image.shape[:2], mask.shape
        message = f"is {mask_h} x {mask_w} pixels, its slice {h} x {w}"
        issues.append(Issue("shape", "error", pair.patient, pair.mask_file, message))
    found: dict[str, Any] = {"grey": grey, "mask_threshold": mask_threshold}
    if mask is not None and mask_threshold is not None:
        try:
            read_mask(pair.mask)
        except ImageError:
            found["thresholded"] = True
    if image is not None:
        planes = {name: np.ascontiguousarray(image[..., c]) for c, name in enumerate(SEQUENCES)}
        found["shape"] = image.shape[:2]
        found["image_checksum"] = checksum(image.tobytes())
        found["constant"] = tuple(name for name, plane in planes.items() if plane.min() == plane.max())
        found["copies"] = tuple(n for n in SEQUENCES if n != "FLAIR" and np.array_equal(planes[n], planes["FLAIR"]))
    if mask is not None:
        found |= {"tumour_pixels": int(np.count_nonzero(mask)), "mask_checksum": checksum(mask.tobytes())}
    return SliceInfo(**vars(pair), **found, issues=tuple(issues))


def _unchanged(pixels: NDArray[np.uint8], expected: str, path: Path) -> NDArray[np.uint8]:
    if checksum(pixels.tobytes()) != expected:
        raise UserError(f"{path} has changed since it was indexed: start again")
    return pixels


_SLICES = pydantic.TypeAdapter(tuple[SliceInfo, ...])


def _read_cache(file: Path, key: str) -> tuple[SliceInfo, ...] | None:
    """The slices that `file` holds under `key`; an index of other files or of an earlier format has another key."""
    try:
        content = json.loads(file.read_bytes())
        return _SLICES.validate_python(content["slices"]) if content["key"] == key else None
    except FileNotFoundError:
        return None
    except OSError as error:
        log.warning("the cached index %s cannot be read (%s); the files are read again", file, error.strerror)
    except (ValueError, TypeError, KeyError):
        log.warning("the cached index %s is damaged; the files are read again", file)
    return None


def _write_cache(file: Path, key: str, slices: tuple[SliceInfo, ...]) -> None:
    try:
        with replacing(file) as partial:
            content = {"key": key, "slices": _SLICES.dump_python(slices, mode="json")}
            partial.write_text(json.dumps(content), encoding="utf-8")  # ASCII, as names need not be UTF-8
    except OSError as error:
        log.warning("the index cannot be cached in %s (%s); the next run reads the files again", file, error)
