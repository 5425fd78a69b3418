"""What a reader of a result should know of any volume, whatever files it came from."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lgg_seg.data.preprocessing import FLAIR
from lgg_seg.prediction.intensity import is_flat
from lgg_seg.prediction.scan import SEQUENCES, missing_sequences

_FEW = 5  # gaps that are listed


def filled(images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """A volume (D, H, W, 3) with FLAIR in the place of sequences that hold nothing, and a note of each.

    The networks know FLAIR there, from patients of whom a sequence is missing, and know nothing of black ones.
    """
    flat = [c for c in range(len(SEQUENCES)) if c != FLAIR and is_flat(images[..., c])]
    made = images.copy() if flat else images
    for c in flat:
        made[..., c] = images[..., FLAIR]
    return made, tuple(f"the {SEQUENCES[c]} sequence holds no intensities: every voxel is the same" for c in flat)


def volume_warnings(images: NDArray[np.uint8], numbers: Sequence[int]) -> tuple[str, ...]:
    """Notes of a volume (D, H, W, 3) whose slices have those numbers: too few slices, gaps, missing sequences."""
    warnings = []
    if len(images) == 1:
        warnings.append("a single slice: normalised by its own statistics, not a volume's")
    if gaps := [(a + 1, b - 1) for a, b in pairwise(numbers) if b - a > 1]:
        listed = ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in gaps[:_FEW])
        warnings.append(f"the volume is not whole: there is no slice {listed}{', …' if len(gaps) > _FEW else ''}")
    if missing := missing_sequences(images):
        plural = "s" if len(missing) > 1 else ""
        warnings.append(
            f"FLAIR stands in for the missing {' and '.join(missing)} sequence{plural}: expect a worse mask than with "
            "all three; give them where there are any, and see the network's card"
        )
    return tuple(warnings)
