"""Masks that were dropped beside slices: whose each of them is, and what it says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from lgg_seg.app.tiff import slice_shape
from lgg_seg.data.kaggle.images import ImageError, decode_mask
from lgg_seg.metrics.arrays import Bools
from lgg_seg.prediction.scan import Issue

Files = Mapping[str, bytes]
"""Contents by path."""


def paired(masks: Files, slices: Sequence[str], faults: list[Issue]) -> dict[str, str]:
    """The mask of each slice, by their paths: of its own folder, else of another where one slice alone has that name.

    A mask whose slice could not be used is not reported beside it.
    """
    own = {str(PurePosixPath(path).with_suffix("")): path for path in slices}
    named: dict[str, list[str]] = defaultdict(list)
    for path in slices:
        named[PurePosixPath(path).stem].append(path)
    pairs: dict[str, str] = {}
    for mask in masks:
        stem = str(PurePosixPath(mask).with_suffix(""))[: -len("_mask")]
        alone = named[PurePosixPath(stem).name]
        of = own.get(stem) or (alone[0] if len(alone) == 1 else None)
        if of is None:
            faults.append(Issue(mask, "is a mask without its slice"))
        elif of in pairs:
            faults.append(Issue(mask, f"is a second mask of {of}; {pairs[of]} counts"))
        else:
            pairs[of] = mask
    return pairs


def read_mask(truth: Bools, path: str, masks: Files, faults: list[Issue]) -> bool:
    """Fill `truth` (H, W) with a mask and say whether that could be done."""
    try:
        shape = slice_shape(masks[path])
        if shape != truth.shape:
            slices = f"{truth.shape[1]} x {truth.shape[0]}"
            raise ValueError(f"is a mask of {shape[1]} x {shape[0]} pixels, where its slice is {slices}")
        truth[:] = decode_mask(masks[path], path)
    except ImageError as error:
        faults.append(Issue(path, error.reason))
        return False
    except ValueError as error:
        faults.append(Issue(path, str(error)))
        return False
    return True
