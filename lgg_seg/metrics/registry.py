"""Patient metrics: every number that is measured once per patient and summarised over patients.

To add one, append an entry to `PATIENT_METRICS`. Scoring, `per_patient.csv`, `metrics.json`, the merging of folds, the
leaderboard (terminal, CSV, Markdown, HTML) and W&B read it from there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from lgg_seg.metrics.arrays import Bools, Floats
from lgg_seg.metrics.overlap import Counts, dice, iou, precision, recall
from lgg_seg.metrics.surface import SurfaceDistances, surface_distances


@dataclass(frozen=True)
class PatientVolumes:
    """Masks of one patient on the native grid, bool `(D, H, W)`, with the counts of all their voxels."""

    prediction: Bools
    truth: Bools
    counts: Counts

    @cached_property
    def surface(self) -> SurfaceDistances:
        """Distances between the two surfaces, in pixels; computed once, for all metrics that need them."""
        return surface_distances(self.prediction, self.truth)


@dataclass(frozen=True)
class PatientMetric:
    """One metric and all that tables need to know of it.

    `key` is its column in `per_patient.csv`, `patient/KEY` its name in `metrics.json`, `patient_KEY` its column in
    `leaderboard.csv`; `title` and `unit` head its column for people, in the HTML page below `group`. `function` gives a
    finite number for every pair of masks, also for empty ones (`overlap` states the policy). `direction` says which
    values are better, `format` is a format specification.

    `of_counts` is the same metric from counts alone, elementwise. Where a patient's slices lie in several folds, it is
    applied to the sum of their counts; a metric without it is left out there.
    """

    key: str
    title: str
    function: Callable[[PatientVolumes], float]
    direction: Literal["max", "min"] = "max"
    unit: str = ""
    format: str = ".3f"
    group: str = "volume of a patient"
    of_counts: Callable[[Counts], Floats] | None = None
    in_leaderboard: bool = True


def _overlap(title: str, function: Callable[[Counts], Floats], *, in_leaderboard: bool = False) -> PatientMetric:
    return PatientMetric(
        function.__name__,
        title,
        lambda volumes: float(function(volumes.counts)),
        of_counts=function,
        in_leaderboard=in_leaderboard,
    )


SURFACE: Final = "surface of a patient"

PATIENT_METRICS: Final = {
    metric.key: metric
    for metric in (
        _overlap("patient Dice", dice, in_leaderboard=True),
        # The leaderboard has these three of all voxels pooled; over patients they say little that Dice does not.
        _overlap("patient IoU", iou),
        _overlap("patient recall", recall),
        _overlap("patient precision", precision),
        PatientMetric("hd95_px", "HD95", lambda volumes: volumes.surface.hd95(), "min", "px", ".1f", SURFACE),
        PatientMetric("nsd_2px", "NSD at 2 px", lambda volumes: volumes.surface.nsd(tolerance=2.0), group=SURFACE),
    )
}
"""By key, in the order of the tables' columns. Dice ranks the leaderboard, so it must stay."""
