"""The arrays that the metrics take: their types, checks of dtype, shape and range, and a common crop."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects

from lgg_seg.errors import UserError

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]


def check_masks(prediction: Bools, truth: Bools) -> None:
    """Refuse masks that are not boolean (TypeError) or not of one shape (ValueError).

    A mask of 0 and 255, or of class indices, would otherwise be counted in silence as something else.
    """
    if prediction.dtype != np.bool_ or truth.dtype != np.bool_:
        raise TypeError(f"masks must be boolean, got {prediction.dtype} (prediction) and {truth.dtype} (truth)")
    if prediction.shape != truth.shape:
        raise ValueError(f"masks must have one shape, got {prediction.shape} (prediction) and {truth.shape} (truth)")


def check_probability(probability: Floats32, truth: Bools) -> None:
    """Refuse probabilities that are not float32 (TypeError) or not of the truth's shape (ValueError).

    Thresholds and bin edges are compared in float32; in another precision a pixel on an edge could change sides.
    """
    if probability.dtype != np.float32 or truth.dtype != np.bool_:
        raise TypeError(f"need float32 probability and boolean truth, got {probability.dtype} and {truth.dtype}")
    if probability.shape != truth.shape:
        raise ValueError(f"probability {probability.shape} and truth {truth.shape} must have one shape")


def check_range(probability: Floats32, of: str) -> None:
    """Refuse probabilities that are not in [0, 1]; `of` names the patient or network in the error."""
    if not (probability.min() >= 0 and probability.max() <= 1):
        raise UserError(
            f"{of}: some of the network's probabilities are not numbers in [0, 1]: its weights have diverged or are "
            "damaged; take an earlier checkpoint or another run, or train again with a lower learning rate."
        )


def crop_to_union(prediction: Bools, truth: Bools) -> tuple[Bools, Bools]:
    """Both masks cut to the smallest box that holds every voxel of either; unchanged if both are empty."""
    boxes = find_objects((prediction | truth).astype(np.uint8))
    return (prediction[boxes[0]], truth[boxes[0]]) if boxes else (prediction, truth)
