"""The `evaluation` config group, and what either task's evaluation gives: `metrics.json` and its tables."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lgg_seg.errors import UserError, require
from lgg_seg.metrics import METRIC_VERSION
from lgg_seg.runs.folder import AtomicFolder

Subset = Literal["train", "val", "test", "all"]
Content = dict[str, Any]  # of a JSON file
Row = dict[str, str | int | float | bool | None]
Metadata = Mapping[str, Mapping[str, str]]
"""Data on each patient beside their pixels; see `DataModule.patient_metadata`."""


@dataclass(frozen=True)
class EvaluationSettings:
    """The `evaluation` config group: what turns probabilities into a mask, and how it is summarised.

    `threshold=validation` takes the threshold with the best mean patient Dice on the validation patients instead of
    `fixed_threshold`. `tta` is test-time augmentation: the mean of a volume's prediction and its mirror image's.
    `subset=val` ends a run with the numbers of the validation patients, so that a recipe can be searched for while the
    test patients stay unseen. `max_patients` tests the first few alone, for trying things; such a result is marked.
    """

    threshold: Literal["fixed", "validation"] = "fixed"
    fixed_threshold: float = 0.5
    postprocess: Literal["none", "largest_component"] = "none"
    tta: bool = False
    subset: Literal["test", "val"] = "test"
    batch_size: int = 16
    n_bootstrap: int = 10_000
    max_patients: int | None = None

    def __post_init__(self) -> None:
        require(0 <= self.fixed_threshold <= 1, "evaluation.fixed_threshold", self.fixed_threshold, "between 0 and 1")
        require(self.batch_size >= 1, "evaluation.batch_size", self.batch_size, "1 or more")
        require(1 <= self.n_bootstrap <= 100_000, "evaluation.n_bootstrap", self.n_bootstrap, "1 to 100000")
        if self.max_patients is not None:
            require(self.max_patients >= 1, "evaluation.max_patients", self.max_patients, "1 or more, or null")
        if self.threshold == "validation" and self.subset == "val":
            raise UserError(
                "evaluation.threshold=validation is chosen on the very patients that evaluation.subset=val measures; "
                "take evaluation.threshold=fixed or evaluation.subset=test."
            )
        if self.threshold == "validation" and self.postprocess != "none":
            raise UserError(
                "evaluation.threshold=validation is chosen on probabilities and knows nothing of post-processing; "
                "take evaluation.threshold=fixed or evaluation.postprocess=none."
            )


class Evaluation(ABC):
    """A subset as it was measured, patient by patient; `seconds` were spent in the network."""

    losses: Sequence[float]
    seconds: float
    metadata: Metadata

    @abstractmethod
    def numbers(self, n_bootstrap: int) -> Content:
        """The task's own part of `metrics.json`: `metrics` above all."""

    @abstractmethod
    def patient_rows(self) -> list[Row]:
        """The rows of `per_patient.csv`."""

    @abstractmethod
    def slice_rows(self) -> list[Row]:
        """The rows of `per_slice.csv`."""

    @abstractmethod
    def best_threshold(self) -> float:
        """The threshold that suits these patients best."""

    def result(
        self, subset: Subset, protocol: str, threshold: Content, settings: EvaluationSettings, cost: Content
    ) -> Content:
        """The content of `metrics.json`."""
        numbers, slices = self.numbers(settings.n_bootstrap), len(self.slice_rows())
        return {
            "split": subset,
            "patients": len(self.patient_rows()),
            "slices": slices,
            "protocol": protocol,
            "truncated": settings.max_patients is not None,
            "threshold": threshold,
            "postprocess": settings.postprocess,
            "tta": settings.tta,
            "metric_version": METRIC_VERSION,
            **numbers,
            "metrics": {**numbers["metrics"], "loss": float(np.mean(self.losses))},
            "cost": {**cost, "slices_per_second": slices / self.seconds},
        }

    def write(self, folder: AtomicFolder, content: Content) -> None:
        """Write `metrics.json`, `per_patient.csv` and `per_slice.csv`."""
        protocol = {"protocol": content["protocol"]}
        folder.write_table("per_patient.csv", [row | protocol for row in self.patient_rows()])
        folder.write_table("per_slice.csv", [row | protocol for row in self.slice_rows()])
        folder.write_json("metrics.json", content)
