"""Classification: every slice of a subset predicted, then measured slice by slice and patient by patient."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from lgg_seg.data.datamodule import PatientVolume
from lgg_seg.evaluation.base import Evaluation, Metadata, Row
from lgg_seg.inference.runner import TorchRunner, slice_losses, slice_probabilities
from lgg_seg.metrics.arrays import Bools, Floats32, check_range
from lgg_seg.metrics.binary import BinaryPredictions, best_f1_threshold, patient_counts
from lgg_seg.metrics.calibration import calibration_bins, expected_calibration_error
from lgg_seg.metrics.overlap import COUNTS
from lgg_seg.networks.classifier import Target
from lgg_seg.statistics.bootstrap import Estimate
from lgg_seg.statistics.classification import bootstrap_measures, mean_estimate, measures_by_patient


@dataclass(frozen=True)
class PatientPredictions:
    """One patient's slices by number: probability of the positive class float32 and truth bool, each (D,)."""

    patient: str
    numbers: tuple[int, ...]
    probability: Floats32
    truth: Bools


@dataclass(frozen=True)
class ClassifierEvaluation(Evaluation):
    """Predictions for the measured slices, patients by name; a loss per slice."""

    target: Target
    threshold: float
    each: tuple[PatientPredictions, ...]
    losses: tuple[float, ...]
    seconds: float
    metadata: Metadata = field(default_factory=dict)

    @property
    def slices(self) -> BinaryPredictions:
        sizes = [len(one.truth) for one in self.each]
        return BinaryPredictions(
            np.concatenate([one.probability for one in self.each]),
            np.concatenate([one.truth for one in self.each]),
            np.repeat(np.arange(len(sizes)), sizes),
        )

    @property
    def grades(self) -> BinaryPredictions | None:
        """Predictions for the patients: mean probability over all slices; None for `tumour`, which every patient has.

        Of probabilities and not of logits, so that no single overconfident slice outvotes the others.
        """
        if self.target != "grade":
            return None
        return BinaryPredictions(
            np.array([one.probability.mean(dtype=np.float64) for one in self.each], dtype=np.float32),
            np.array([one.truth[0] for one in self.each]),
            np.arange(len(self.each)),
        )

    def numbers(self, n_bootstrap: int) -> dict[str, Any]:
        """The metrics, the calibration's bins, and how many resamples an interval leaves out for want of a class."""
        slices = self.slices
        bins = calibration_bins(slices.probability, slices.truth)
        by_name = bootstrap_measures(slices, self.threshold, n_bootstrap)
        measured = {f"slice/{name}": one.estimate for name, one in by_name.items()}
        measured |= self._patient_estimates(n_bootstrap)
        metrics = {name: one.as_dict() for name, one in measured.items()}
        return {
            "task": "classification",
            "target": self.target,
            "positive_slices": int(slices.truth.sum()),
            "metrics": {**metrics, "slice/ece": expected_calibration_error(bins)},
            "undefined_resamples": {name: one.undefined for name, one in measured.items() if one.undefined},
            "calibration_bins": bins.as_dict(),
        }

    def _patient_estimates(self, n_bootstrap: int) -> dict[str, Estimate]:
        """Accuracy, F1 and ROC area of the patients' grades; or for `tumour` means of those within each patient."""
        if self.grades is None:
            by_patient = measures_by_patient(self.slices, self.threshold)
            measured = {name: mean_estimate(values, n_bootstrap) for name, values in by_patient.items()}
        else:
            by_name = bootstrap_measures(self.grades, self.threshold, n_bootstrap)
            measured = {name: one.estimate for name, one in by_name.items()}
        return {f"patient/{name}": measured[name] for name in ("accuracy", "f1", "auroc") if name in measured}

    def patient_rows(self) -> list[Row]:
        slices, grades = self.slices, self.grades
        counts = patient_counts(slices, self.threshold).tolist()
        by_patient = measures_by_patient(slices, self.threshold)
        rows: list[Row] = []
        for k, one in enumerate(self.each):
            row: Row = {"patient": one.patient}
            if grades is not None:
                row |= self._prediction_columns(grades.probability[k], grades.truth[k])
            row |= {"slices": len(one.truth), "positive_slices": int(one.truth.sum())}
            row |= dict(zip(COUNTS, counts[k], strict=True))
            for name, values in by_patient.items():
                row[f"slice_{name}"] = float(values[k]) if np.isfinite(values[k]) else None
            rows.append(row | dict(self.metadata.get(one.patient, {})))
        return rows

    def slice_rows(self) -> list[Row]:
        return [
            {"patient": one.patient, "slice": number, **self._prediction_columns(probability, truth)}
            for one in self.each
            for number, probability, truth in zip(one.numbers, one.probability, one.truth, strict=True)
        ]

    def _prediction_columns(self, probability: np.float32, truth: np.bool_) -> Row:
        predicted = probability >= np.float32(self.threshold)
        return {"label": int(truth), "probability": float(probability), "correct": int(predicted == truth)}

    def best_threshold(self) -> float:
        """The threshold with the best F1 of the slices."""
        return best_f1_threshold(self.slices)


def evaluate_classifier(
    runner: TorchRunner,
    target: Target,
    labels: Sequence[bool | None],
    volumes: Iterable[PatientVolume],
    loss: nn.Module,
    threshold: float,
) -> ClassifierEvaluation:
    """Classify and measure the slices of the volumes, one volume after the other; `labels` are the index's."""
    each: list[PatientPredictions] = []
    losses: list[float] = []
    seconds = 0.0
    for volume in volumes:
        started = time.perf_counter()
        logits = runner.volume_logits(volume.images, volume.statistics)
        probability = slice_probabilities(logits)
        seconds += time.perf_counter() - started
        check_range(probability, f"Patient {volume.patient}")
        truth = np.array([labels[i] for i in volume.slices], dtype=np.bool_)
        each.append(PatientPredictions(volume.patient, volume.numbers, probability, truth))
        losses.extend(slice_losses(logits[:, :, None, None], torch.from_numpy(truth)[:, None, None, None], loss))
    each.sort(key=lambda one: one.patient)
    return ClassifierEvaluation(target, threshold, tuple(each), tuple(losses), seconds)
