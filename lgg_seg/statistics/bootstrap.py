"""Bootstrap over patients: indices, weights, percentile intervals, and numbers with their uncertainty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from lgg_seg.metrics.arrays import Floats, Ints

RESAMPLES: Final = 10_000  # resamples of the patients, wherever a table does not say otherwise
QUANTILES: Final = (0.025, 0.975)  # bounds of a 95 % percentile interval
Interval = tuple[float, float] | None

_INDICES_AT_ONCE = 2_000_000  # bounds the memory of the resampling at some 30 MB, whatever the number of values


@dataclass(frozen=True)
class Summary:
    """Of one number a patient. `std` is the sample standard deviation; `ci95` the 95 % interval of the mean.

    With a single patient the spread is unknown: `std` and `ci95` are None.
    """

    mean: float
    median: float
    std: float | None
    ci95: Interval

    def as_dict(self) -> dict[str, float | list[float] | None]:
        """The entry of `metrics.json`."""
        return {**vars(self), "ci95": list(self.ci95) if self.ci95 else None}


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval over patients.

    None is an undefined number, or the interval of a single patient. `undefined` counts the resamples in which the
    number is undefined, which the interval leaves out.
    """

    value: float | None
    ci95: Interval
    undefined: int = 0

    def as_dict(self) -> dict[str, float | list[float] | None]:
        """The entry of `metrics.json`."""
        return {"value": self.value, "ci95": list(self.ci95) if self.ci95 else None}


@dataclass(frozen=True)
class Bootstrapped:
    """A number with its values in resamples of the patients, `(R,)` or none for a single patient; NaN is undefined.

    Of numbers from the same resamples, differences and means are taken resample by resample, so they are paired.
    """

    value: float
    resamples: Floats = field(repr=False, compare=False)

    def __sub__(self, other: Bootstrapped) -> Bootstrapped:
        return Bootstrapped(self.value - other.value, self.resamples - other.resamples)

    @classmethod
    def mean(cls, several: Sequence[Bootstrapped]) -> Bootstrapped:
        """The mean of several numbers, as of seeds."""
        return cls(float(np.mean([one.value for one in several])), np.mean([one.resamples for one in several], axis=0))

    @property
    def estimate(self) -> Estimate:
        """The value with the percentile interval of its resamples."""
        value = self.value if np.isfinite(self.value) else None
        undefined = int(np.count_nonzero(~np.isfinite(self.resamples)))
        return Estimate(value, percentile_interval(self.resamples), undefined)


def summarise(values: Sequence[float] | Floats, resamples: int = RESAMPLES, seed: int = 0) -> Summary:
    """Mean, median, spread, and the percentile bootstrap interval of the mean (Efron 1979) of one number a patient.

    The same values, in whatever order, and the same seed give the same interval to the last bit.

    Raises:
        ValueError: if there is no value or one is not finite.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    if ordered.size == 0 or not np.isfinite(ordered).all():
        raise ValueError(f"need at least one value and all of them finite, got {ordered.tolist()}")
    std, interval = None, None
    if ordered.size > 1:
        std = float(ordered.std(ddof=1))
        indices = bootstrap_indices(ordered.size, resamples, seed)
        interval = percentile_interval(np.concatenate([ordered[rows].mean(axis=1) for rows in indices]))
    return Summary(float(ordered.mean()), float(np.median(ordered)), std, interval)


def percentile_interval(resamples: Floats) -> Interval:
    """95 % percentile interval of a number from its values in resamples `(R,)`; None if it is finite in none."""
    finite = resamples[np.isfinite(resamples)]
    if not finite.size:
        return None
    low, high = np.quantile(finite, QUANTILES).tolist()
    return low, high


def bootstrap_indices(patients: int, resamples: int, seed: int) -> Iterator[Ints]:
    """Indices of patients drawn with replacement, `(n, patients)`, a resample a row, the same for the same seed.

    `resamples` rows in all, some at a time so that memory stays bounded.
    """
    generator = np.random.default_rng(seed)
    step = max(1, _INDICES_AT_ONCE // patients)
    for start in range(0, resamples, step):
        yield generator.integers(patients, size=(min(step, resamples - start), patients))


def bootstrap_weights(patients: int, resamples: int = RESAMPLES, seed: int = 0) -> Iterator[Ints]:
    """How often each patient is in each resample of `bootstrap_indices`, `(n, patients)`."""
    for indices in bootstrap_indices(patients, resamples, seed):
        cells = indices + np.arange(len(indices))[:, None] * patients
        yield np.bincount(cells.ravel(), minlength=indices.size).reshape(indices.shape)
