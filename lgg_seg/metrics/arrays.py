"""The arrays that the metrics take: their types, the checks that keep index masks out, and a common crop."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]


def check_masks(prediction: Bools, truth: Bools) -> None:
    """Refuse masks that are not boolean or not of one shape.

    A mask of 0 and 255, or of class indices, would otherwise be counted in silence as something else.

    Raises:
        TypeError: if a mask is not boolean.
        ValueError: if the shapes differ.
    """
    if prediction.dtype != np.bool_ or truth.dtype != np.bool_:
        raise TypeError(f"masks must be boolean, got {prediction.dtype} (prediction) and {truth.dtype} (truth)")
    if prediction.shape != truth.shape:
        raise ValueError(f"masks must have one shape, got {prediction.shape} (prediction) and {truth.shape} (truth)")


def check_probability(probability: Floats32, truth: Bools) -> None:
    """Refuse probabilities that are not float32 or not of the truth's shape.

    Thresholds and bin edges are compared in float32; in another precision a pixel on an edge could change sides.

    Raises:
        TypeError: if the probability is not float32 or the truth not boolean.
        ValueError: if the shapes differ.
    """
    if probability.dtype != np.float32 or truth.dtype != np.bool_:
        raise TypeError(f"need float32 probability and boolean truth, got {probability.dtype} and {truth.dtype}")
    if probability.shape != truth.shape:
        raise ValueError(f"probability {probability.shape} and truth {truth.shape} must have one shape")


def crop_to_union(prediction: Bools, truth: Bools) -> tuple[Bools, Bools]:
    """Both masks cut to the smallest box that holds every voxel of either; unchanged if both are empty."""
    union = prediction | truth
    if not union.any():
        return prediction, truth
    box = []
    for axis in range(union.ndim):
        occupied = np.flatnonzero(union.any(axis=tuple(other for other in range(union.ndim) if other != axis)))
        box.append(slice(int(occupied[0]), int(occupied[-1]) + 1))
    return prediction[tuple(box)], truth[tuple(box)]
