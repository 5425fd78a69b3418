"""Testing a classifier: every slice of a subset answered, then measured slice by slice and patient by patient."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from lgg_seg.data.datamodule import PatientVolume
from lgg_seg.evaluation.base import Evaluation, Metadata
from lgg_seg.evaluation.tables import Row
from lgg_seg.inference.classifier import Classifier
from lgg_seg.inference.runner import slice_losses
from lgg_seg.metrics.arrays import Bools, Floats32
from lgg_seg.metrics.binary import BinaryPredictions, best_f1_threshold, patient_counts
from lgg_seg.metrics.calibration import calibration_bins, expected_calibration_error
from lgg_seg.networks.classifier import Target
from lgg_seg.statistics.classification import Estimate, estimates, measures_by_patient, within_patient_means


@dataclass(frozen=True)
class PatientPredictions:
    """One patient's slices by number: probability of yes float32 and truth bool, each (D,)."""

    patient: str
    numbers: tuple[int, ...]
    probability: Floats32
    truth: Bools


@dataclass(frozen=True)
class ClassifierEvaluation(Evaluation):
    """Predictions for slices that were measured, patients by name."""

    target: Target
    threshold: float
    each: tuple[PatientPredictions, ...]
    losses: tuple[float, ...]
    seconds: float

    @property
    def slices(self) -> BinaryPredictions:
        """Every slice's answer."""
        sizes = [len(one.truth) for one in self.each]
        return BinaryPredictions(
            np.concatenate([one.probability for one in self.each]),
            np.concatenate([one.truth for one in self.each]),
            np.repeat(np.arange(len(sizes)), sizes),
        )

    @property
    def grades(self) -> BinaryPredictions | None:
        """Every patient's answer: the mean probability over all his slices; None for `tumour`, which each of them has.

        All slices, because on a new scan nobody knows which show tumour; the mean of probabilities and not of logits,
        so that no single overconfident slice outvotes the others.
        """
        if self.target != "grade":
            return None
        return BinaryPredictions(
            np.array([one.probability.mean(dtype=np.float64) for one in self.each], dtype=np.float32),
            np.array([one.truth[0] for one in self.each]),
            np.arange(len(self.each)),
        )

    @property
    def patients(self) -> int:
        return len(self.each)

    @property
    def slice_count(self) -> int:
        return sum(len(one.truth) for one in self.each)

    def numbers(self, n_bootstrap: int, metadata: Metadata) -> dict[str, Any]:  # noqa: ARG002  # the base's signature
        """The metrics, and the calibration's bins.

        `undefined_resamples` counts those that an interval leaves out, because no patient drawn had one of the classes.
        """
        slices = self.slices
        bins = calibration_bins(slices.probability, slices.truth)
        measured = {f"slice/{name}": one for name, one in estimates(slices, self.threshold, n_bootstrap).items()}
        measured |= self._patient_estimates(n_bootstrap)
        return {
            "task": "classification",
            "target": self.target,
            "positive_slices": int(slices.truth.sum()),
            "metrics": {
                **{name: one.as_dict() for name, one in measured.items()},
                "slice/ece": expected_calibration_error(bins),
            },
            "undefined_resamples": {name: one.undefined for name, one in measured.items() if one.undefined},
            "calibration_bins": bins.as_dict(),
        }

    def _patient_estimates(self, n_bootstrap: int) -> dict[str, Estimate]:
        """`patient/accuracy`, `patient/f1` and `patient/auroc` of the patients' grades; or for `tumour`, which every
        patient has, the means over patients of the accuracy and the ROC area within each."""
        if self.grades is None:
            found = within_patient_means(self.slices, self.threshold, n_bootstrap)
        else:
            found = estimates(self.grades, self.threshold, n_bootstrap)
        return {f"patient/{name}": found[name] for name in ("accuracy", "f1", "auroc") if name in found}

    def patient_rows(self, metadata: Metadata) -> list[Row]:
        slices, grades = self.slices, self.grades
        counts = patient_counts(slices, self.threshold).tolist()
        own = measures_by_patient(slices, self.threshold)
        rows: list[Row] = []
        for place, one in enumerate(self.each):
            row: Row = {"patient": one.patient}
            if grades is not None:
                probability, label = grades.probability[place], grades.truth[place]
                said = probability >= np.float32(self.threshold)
                row |= {"label": int(label), "probability": float(probability), "correct": int(said == label)}
            row |= {"slices": len(one.truth), "positive_slices": int(one.truth.sum())}
            row |= dict(zip(("tp", "fp", "fn", "tn"), counts[place], strict=True))
            row |= {f"slice_{name}": _or_none(values[place]) for name, values in own.items()}
            rows.append(row | dict(metadata.get(one.patient, {})))
        return rows

    def slice_rows(self) -> list[Row]:
        return [
            {
                "patient": one.patient,
                "slice": number,
                "label": int(truth),
                "probability": float(probability),
                "correct": int((probability >= np.float32(self.threshold)) == truth),
            }
            for one in self.each
            for number, probability, truth in zip(one.numbers, one.probability, one.truth, strict=True)
        ]

    def best_threshold(self) -> float:
        """The threshold with the best F1 of the slices."""
        return best_f1_threshold(self.slices)


def evaluate_classifier(
    classifier: Classifier, volumes: Iterable[PatientVolume], loss: nn.Module, threshold: float
) -> ClassifierEvaluation:
    """Classify and measure the slices of the volumes, one volume after the other."""
    each: list[PatientPredictions] = []
    losses: list[float] = []
    seconds = 0.0
    for volume in volumes:
        started = time.perf_counter()
        logits = classifier.logits(volume)
        probability = classifier.probabilities(volume, logits)
        seconds += time.perf_counter() - started
        truth = classifier.truth(volume)
        each.append(PatientPredictions(volume.patient, volume.numbers, probability, truth))
        losses.extend(slice_losses(logits[:, :, None, None], torch.from_numpy(truth)[:, None, None, None], loss))
    each.sort(key=lambda one: one.patient)
    return ClassifierEvaluation(classifier.target, threshold, tuple(each), tuple(losses), seconds)


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
