"""Dice of many slices together, and how it varies when whole patients are drawn anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lgg_seg.metrics.arrays import Floats, Ints
from lgg_seg.metrics.counts import Counts
from lgg_seg.metrics.overlap import dice
from lgg_seg.statistics.bootstrap import RESAMPLES, bootstrap_indices


@dataclass(frozen=True)
class PatientSums:
    """What slices add up to, an element a patient (P,).

    `slice_dice` is the sum of the Dice of his slices with tumour, `tumour_slices` their number.
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
    """Mean Dice of the slices with tumour, weighted likewise; NaN where no drawn patient has any."""
    number: Ints = weights @ sums.tumour_slices
    mean: Floats = np.full(number.shape, np.nan)
    return np.divide(weights @ sums.slice_dice, number, out=mean, where=number > 0)


def bootstrap_weights(patients: int, seed: int, resamples: int = RESAMPLES) -> Ints:
    """How often each patient is drawn in each resample: `(resamples, patients)`, rows adding up to `patients`."""
    parts = [
        np.stack([np.bincount(row, minlength=patients) for row in drawn])
        for drawn in bootstrap_indices(patients, resamples, seed)
    ]
    return np.concatenate(parts)
