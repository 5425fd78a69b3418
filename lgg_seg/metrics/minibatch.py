"""Study 000's way of averaging: a measure of every mini-batch's pooled counts, then the mean over the mini-batches.

It is here to set that study's numbers beside their own kind, and is not comparable with anything else: it depends on
the batch size and on which slices happen to share a batch, it says nothing of a patient, and a batch of slices without
tumour, predicted empty, counts as a perfect one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from lgg_seg.metrics.counts import Counts
from lgg_seg.metrics.overlap import dice, iou, recall

BATCH_SIZE: Final = 16
"""The study's own."""


def minibatch_means(slices: Sequence[Counts], batch_size: int = BATCH_SIZE) -> dict[str, float]:
    """`minibatch/iou`, `minibatch/dice` and `minibatch/recall` of slices in their order; the last batch may be short.

    Deviation: the study's library scores an empty batch 0; here it is 1 where it is predicted empty, as everywhere.

    Raises:
        ValueError: there is no slice.
    """
    if not slices:
        raise ValueError("need at least one slice")
    batches = [
        sum(slices[first : first + batch_size], start=Counts(0, 0, 0, 0)) for first in range(0, len(slices), batch_size)
    ]
    return {
        f"minibatch/{measure.__name__}": float(np.mean([float(measure(batch)) for batch in batches]))
        for measure in (iou, dice, recall)
    }
