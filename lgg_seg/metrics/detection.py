"""Whether a slice holds tumour at all: the segmentation seen as a detector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from lgg_seg.metrics.arrays import Bools


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
    return Detection(
        recall=float(predicted[truth].mean()) if truth.any() else None,
        specificity=float((~predicted[~truth]).mean()) if not truth.all() else None,
        auroc=_auroc(score, truth) if truth.any() and not truth.all() else None,
    )


def _auroc(score: npt.NDArray[np.floating], truth: Bools) -> float:
    """The chance that a tumour slice outscores an empty one, ties counting half (Mann-Whitney)."""
    positives = int(truth.sum())
    negatives = truth.size - positives
    rank_sum = float(rankdata(score)[truth].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)
