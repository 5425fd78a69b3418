"""Dice of many slices together, with patients weighted by their number in a bootstrap resample."""

from dataclasses import dataclass

import numpy as np

from lgg_seg.metrics.arrays import Floats, Ints
from lgg_seg.metrics.overlap import Counts, dice


@dataclass(frozen=True)
class PatientSums:
    """Sums over slices, an element a patient, each `(P,)`.

    `slice_dice` is the sum of the Dice of the patient's slices with tumour, `tumour_slices` their number.
    """

    tp: Ints
    fp: Ints
    fn: Ints
    slice_dice: Floats
    tumour_slices: Ints


def pooled_dice(sums: PatientSums, weights: Ints) -> Floats:
    """Dice of all voxels together, patient p counted `weights[r, p]` times; `(R,)` of weights `(R, P)`."""
    return dice(Counts(weights @ sums.tp, weights @ sums.fp, weights @ sums.fn, 0))


def tumour_slice_dice(sums: PatientSums, weights: Ints) -> Floats:
    """Mean Dice of the slices with tumour, weighted likewise; NaN where no patient in a resample has any."""
    number: Ints = weights @ sums.tumour_slices
    mean: Floats = np.full(number.shape, np.nan)
    return np.divide(weights @ sums.slice_dice, number, out=mean, where=number > 0)
