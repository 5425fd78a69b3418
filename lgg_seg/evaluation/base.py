"""What either task's evaluation gives: `metrics.json` and its tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from lgg_seg.evaluation.settings import EvaluationSettings
from lgg_seg.evaluation.tables import Row
from lgg_seg.metrics import METRIC_VERSION
from lgg_seg.runs.folder import RunFolder

Subset = Literal["train", "val", "test", "all"]
Metadata = Mapping[str, Mapping[str, str]]
"""What is known of each patient beside their pixels; see `DataModule.patient_metadata`."""


class Evaluation(ABC):
    """A subset as it was measured, patient by patient; `seconds` were spent in the network."""

    losses: Sequence[float]
    seconds: float

    @property
    @abstractmethod
    def patients(self) -> int:
        """How many patients were measured."""

    @property
    @abstractmethod
    def slice_count(self) -> int:
        """How many slices were measured."""

    @abstractmethod
    def numbers(self, n_bootstrap: int, metadata: Metadata) -> dict[str, Any]:
        """The task's own part of `metrics.json`: `metrics` above all."""

    @abstractmethod
    def patient_rows(self, metadata: Metadata) -> list[Row]:
        """The rows of `per_patient.csv`."""

    @abstractmethod
    def slice_rows(self) -> list[Row]:
        """The rows of `per_slice.csv`."""

    @abstractmethod
    def best_threshold(self) -> float:
        """The threshold that suits these patients best."""

    def result(
        self,
        subset: Subset,
        protocol: str,
        threshold: dict[str, Any],
        settings: EvaluationSettings,
        metadata: Metadata,
        cost: dict[str, Any],
    ) -> dict[str, Any]:
        """The content of `metrics.json`."""
        numbers = self.numbers(settings.n_bootstrap, metadata)
        return {
            "split": subset,
            "patients": self.patients,
            "slices": self.slice_count,
            "protocol": protocol,
            "truncated": settings.max_patients is not None,
            "threshold": threshold,
            "postprocess": settings.postprocess,
            "metric_version": METRIC_VERSION,
            **numbers,
            "metrics": {**numbers["metrics"], "loss": float(np.mean(self.losses))},
            "cost": {**cost, "slices_per_second": self.slice_count / self.seconds},
        }

    def write(self, folder: RunFolder, place: str, content: dict[str, Any], metadata: Metadata) -> None:
        """Write `metrics.json`, `per_patient.csv` and `per_slice.csv` into the folder's `place`."""
        protocol = {"protocol": content["protocol"]}
        folder.write_table(f"{place}/per_patient.csv", [row | protocol for row in self.patient_rows(metadata)])
        folder.write_table(f"{place}/per_slice.csv", [row | protocol for row in self.slice_rows()])
        folder.write_json(f"{place}/metrics.json", content)
