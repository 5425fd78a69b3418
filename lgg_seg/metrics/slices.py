"""Metrics of slices: Dice of those with tumour, the segmentation as a detector of tumour, means over mini-batches."""

from typing import Final

import numpy as np
import numpy.typing as npt

from lgg_seg.metrics.arrays import Bools, Floats
from lgg_seg.metrics.overlap import COUNTS, Counts, dice, iou, recall

BATCH_SIZE: Final = 16  # Study 000's own


def slice_metrics(
    tumour: Bools, predicted: Bools, slice_dice: Floats, max_probability: npt.NDArray[np.floating]
) -> dict[str, float | None]:
    """`tumour_slice/*`, `empty_slice/*` and `detection/*` of `metrics.json`; None where there is no slice to measure.

    Of slices `(N,)`, whether they have tumour and any predicted pixel (bool), their Dice, and their largest
    probability, finite, whose ROC area is `detection/auroc`.
    """
    from sklearn.metrics import roc_auc_score  # takes a second to import, which no command line must wait for

    positive, negative = bool(tumour.any()), not tumour.all()
    return {
        "tumour_slice/dice": float(slice_dice[tumour].mean()) if positive else None,
        "empty_slice/false_positive_rate": float(predicted[~tumour].mean()) if negative else None,
        "detection/recall": float(predicted[tumour].mean()) if positive else None,
        "detection/specificity": float((~predicted[~tumour]).mean()) if negative else None,
        "detection/auroc": float(roc_auc_score(tumour, max_probability)) if positive and negative else None,
    }


def minibatch_means(slices: Counts, batch_size: int = BATCH_SIZE) -> dict[str, float]:
    """`minibatch/iou`, `minibatch/dice` and `minibatch/recall`: study 000's way of averaging.

    A measure of every mini-batch's pooled counts, then the mean over the mini-batches of the slices `(N,)` in their
    order. It depends on which slices share a batch, says nothing of a patient, and is comparable with that study's
    numbers alone. Deviation: the study's library scores an empty batch 0; here it is 1 where it is predicted empty, as
    everywhere.
    """
    first_slices = range(0, np.size(slices.tp), batch_size)
    batches = Counts(*(np.add.reduceat(getattr(slices, name), first_slices) for name in COUNTS))
    return {f"minibatch/{measure.__name__}": float(measure(batches).mean()) for measure in (iou, dice, recall)}
