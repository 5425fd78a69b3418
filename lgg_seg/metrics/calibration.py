"""Calibration: whether a probability of 0.8 is right eight times in ten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lgg_seg.metrics.arrays import Bools, Floats, Floats32, Ints, check_probability

BINS = 15  # equal-width bins of P(tumour) over [0, 1], the number of Guo 2017
_EDGES: Floats32 = np.linspace(0, 1, BINS + 1, dtype=np.float32)


@dataclass(frozen=True)
class CalibrationBins:
    """Sums over the pixels of each bin, each `(15,)`; bins of slices or patients add up."""

    pixels: Ints
    probability_sum: Floats
    tumour_pixels: Ints

    @classmethod
    def of(cls, stored: Mapping[str, Sequence[float]]) -> CalibrationBins:
        """The bins of `as_dict`."""
        return cls(**{name: np.array(values) for name, values in stored.items()})

    def as_dict(self) -> dict[str, list[float]]:
        """`calibration_bins` of `metrics.json`."""
        return {name: values.tolist() for name, values in vars(self).items()}

    def __add__(self, other: CalibrationBins) -> CalibrationBins:
        return CalibrationBins(**{name: values + vars(other)[name] for name, values in vars(self).items()})


def calibration_bins(probability: Floats32, truth: Bools) -> CalibrationBins:
    """All pixels by their P(tumour), float32 of any shape. A bin holds its lower edge; the last one holds 1 as well."""
    check_probability(probability, truth)
    flat = probability.ravel()
    bins = np.minimum(np.searchsorted(_EDGES, flat, side="right") - 1, BINS - 1)
    return CalibrationBins(
        pixels=np.bincount(bins, minlength=BINS).astype(np.int64),
        probability_sum=np.bincount(bins, weights=flat, minlength=BINS).astype(np.float64),
        tumour_pixels=np.bincount(bins[truth.ravel()], minlength=BINS).astype(np.int64),
    )


def expected_calibration_error(bins: CalibrationBins) -> float:
    """ECE: mean over pixels of |mean P(tumour) - share of tumour| of their bin (Naeini 2015, Guo 2017 eq. 3).

    Binary, over P(tumour) rather than the confidence in the likelier class. Most pixels are sure background, so values
    are small; compare them only within one dataset.
    """
    return float(np.abs(bins.probability_sum - bins.tumour_pixels).sum() / bins.pixels.sum())
