"""Whether a slice holds tumour at all: the segmentation seen as a detector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lgg_seg.metrics.arrays import Bools, Floats


@dataclass(frozen=True)
class Detection:
    """Shares in [0, 1]; None where there was no slice to measure it on."""

    recall: float | None
    specificity: float | None
    auroc: float | None


def detection(score: npt.NDArray[np.floating], predicted: Bools, truth: Bools) -> Detection:
    """Recall and specificity of the slices called positive, and the ROC area of their scores.

    Args:
        score: finite `(N,)`, the largest probability of each slice.
        predicted: bool `(N,)`, whether any pixel of the slice is predicted.
        truth: bool `(N,)`, whether the slice has tumour.

    Returns:
        `recall` is None without tumour slices, `specificity` without empty ones, `auroc` without both: NaN is no JSON.
    """
    from sklearn.metrics import roc_auc_score  # takes a second to import, which no command line must wait for

    return Detection(
        recall=float(predicted[truth].mean()) if truth.any() else None,
        specificity=float((~predicted[~truth]).mean()) if not truth.all() else None,
        auroc=float(roc_auc_score(truth, score)) if truth.any() and not truth.all() else None,
    )


def slice_metrics(
    tumour: Bools, predicted: Bools, slice_dice: Floats, max_probability: Floats
) -> dict[str, float | None]:
    """`tumour_slice/*`, `empty_slice/*` and `detection/*` of `metrics.json`, None where there was no slice to measure.

    Args:
        tumour: bool `(N,)`, whether the slice has tumour.
        predicted: bool `(N,)`, whether any pixel of the slice is predicted.
        slice_dice: `(N,)`.
        max_probability: `(N,)`, the largest of each slice.
    """
    found = detection(max_probability, predicted, tumour)
    return {
        "tumour_slice/dice": float(slice_dice[tumour].mean()) if tumour.any() else None,
        "empty_slice/false_positive_rate": float(predicted[~tumour].mean()) if not tumour.all() else None,
        "detection/recall": found.recall,
        "detection/specificity": found.specificity,
        "detection/auroc": found.auroc,
    }
