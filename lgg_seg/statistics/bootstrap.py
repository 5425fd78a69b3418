"""A mean over patients with its uncertainty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lgg_seg.metrics.arrays import Floats, Ints

RESAMPLES: Final = 10_000
"""How often the patients are drawn anew, wherever a table does not say otherwise."""

_DRAWS_AT_ONCE = 2_000_000
"""Bounds the memory of the resampling at some 30 MB, whatever the number of values."""


@dataclass(frozen=True)
class Summary:
    """Of one number a patient. `std` is the sample standard deviation; `ci95` the 95 % interval of the mean.

    With a single patient nothing is known of the spread: `std` and `ci95` are None.
    """

    mean: float
    median: float
    std: float | None
    ci95: tuple[float, float] | None

    def as_dict(self) -> dict[str, float | list[float] | None]:
        """As it stands in `metrics.json`."""
        return {
            "mean": self.mean,
            "median": self.median,
            "std": self.std,
            "ci95": None if self.ci95 is None else list(self.ci95),
        }


def summarise(values: Sequence[float] | Floats, resamples: int = RESAMPLES, seed: int = 0) -> Summary:
    """Mean, median, spread, and the percentile bootstrap interval of the mean (Efron 1979).

    The same values, in whatever order, and the same seed give the same interval to the last bit.

    Args:
        values: one finite number a patient.
        resamples: how often the patients are drawn anew, with replacement.
        seed: of the draws.

    Raises:
        ValueError: if there is no value or one is not finite.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    if ordered.size == 0 or not np.isfinite(ordered).all():
        raise ValueError(f"need at least one value and all of them finite, got {ordered.tolist()}")
    several = ordered.size > 1
    return Summary(
        mean=float(ordered.mean()),
        median=float(np.median(ordered)),
        std=float(ordered.std(ddof=1)) if several else None,
        ci95=_interval(ordered, resamples, seed) if several else None,
    )


def bootstrap_indices(patients: int, resamples: int, seed: int) -> Iterator[Ints]:
    """Resamples of patients with replacement, some at a time so that memory stays bounded.

    Yields:
        Indices of patients, `(n, patients)`, a resample a row; `resamples` rows in all, the same for the same seed.
    """
    generator = np.random.default_rng(seed)
    step = max(1, _DRAWS_AT_ONCE // patients)
    for start in range(0, resamples, step):
        yield generator.integers(patients, size=(min(step, resamples - start), patients))


def _interval(values: Floats, resamples: int, seed: int) -> tuple[float, float]:
    means = np.concatenate([values[drawn].mean(axis=1) for drawn in bootstrap_indices(values.size, resamples, seed)])
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
