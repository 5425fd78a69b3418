"""Testing a classifier: every slice of a subset answered, then measured slice by slice and patient by patient."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from lgg_seg.cli.progress import tracked
from lgg_seg.data.datamodule import PatientVolume
from lgg_seg.evaluation.segmentation import EvaluationSettings, Facts, Subset
from lgg_seg.evaluation.tables import Row
from lgg_seg.inference.classifier import Classifier
from lgg_seg.inference.segmenter import slice_losses
from lgg_seg.metrics import METRIC_VERSION
from lgg_seg.metrics.arrays import Bools, Floats32
from lgg_seg.metrics.binary import Answers, best_f1_threshold, patient_counts
from lgg_seg.metrics.calibration import calibration_bins, expected_calibration_error
from lgg_seg.networks.classifier import Target
from lgg_seg.runs.folder import RunFolder
from lgg_seg.statistics.classification import Estimate, estimates, own_measures, patient_means


@dataclass(frozen=True)
class PatientAnswers:
    """One patient's slices by number: probability of yes float32 and truth bool, each (D,)."""

    patient: str
    numbers: tuple[int, ...]
    probability: Floats32
    truth: Bools


@dataclass(frozen=True)
class ClassifierEvaluation:
    """What was answered, patients by name; `seconds` in the network."""

    target: Target
    threshold: float
    each: tuple[PatientAnswers, ...]
    losses: tuple[float, ...]
    seconds: float

    @property
    def slices(self) -> Answers:
        """Every slice's answer."""
        sizes = [len(one.truth) for one in self.each]
        return Answers(
            np.concatenate([one.probability for one in self.each]),
            np.concatenate([one.truth for one in self.each]),
            np.repeat(np.arange(len(sizes)), sizes),
        )

    @property
    def grades(self) -> Answers | None:
        """Every patient's answer: the mean probability over all his slices; None for `tumour`, which each of them has.

        All slices, because on a new scan nobody knows which show tumour; the mean of probabilities and not of logits,
        so that no single overconfident slice outvotes the others.
        """
        if self.target != "grade":
            return None
        return Answers(
            np.array([one.probability.mean(dtype=np.float64) for one in self.each], dtype=np.float32),
            np.array([one.truth[0] for one in self.each]),
            np.arange(len(self.each)),
        )


def evaluate(
    classifier: Classifier,
    volumes: Iterable[PatientVolume],
    patients: int,
    loss: nn.Module,
    threshold: float,
    settings: EvaluationSettings,
) -> ClassifierEvaluation:
    """Answer for the volumes of `patients` patients, one after the other."""
    each: list[PatientAnswers] = []
    losses: list[float] = []
    seconds = 0.0
    limit = min(patients, settings.max_patients or patients)
    for _, volume in zip(tracked(range(limit), "testing"), volumes, strict=False):
        started = time.perf_counter()
        logits = classifier.logits(volume)
        probability = classifier.probabilities(volume, logits)
        seconds += time.perf_counter() - started
        truth = classifier.truth(volume)
        each.append(PatientAnswers(volume.patient, volume.numbers, probability, truth))
        losses.extend(slice_losses(logits[:, :, None, None], torch.from_numpy(truth)[:, None, None, None], loss))
    each.sort(key=lambda one: one.patient)
    return ClassifierEvaluation(classifier.target, threshold, tuple(each), tuple(losses), seconds)


def choose_threshold(
    classifier: Classifier,
    volumes: Iterable[PatientVolume],
    patients: int,
    loss: nn.Module,
    settings: EvaluationSettings,
) -> dict[str, Any]:
    """The threshold to test with, and where it comes from; `volumes` are the validation patients.

    `validation` is the one with the best F1 of their slices.
    """
    if settings.threshold == "fixed":
        return {"value": settings.fixed_threshold, "from": "fixed"}
    validation = evaluate(classifier, volumes, patients, loss, settings.fixed_threshold, settings)
    return {"value": best_f1_threshold(validation.slices), "from": "validation"}


def result(
    evaluation: ClassifierEvaluation,
    subset: Subset,
    protocol: str,
    threshold: dict[str, Any],
    settings: EvaluationSettings,
    facts: Facts,  # noqa: ARG001  # the interface's; see lgg_seg.tasks
    cost: dict[str, Any],
) -> dict[str, Any]:
    """The content of `metrics.json`.

    `undefined_resamples` counts those that an interval leaves out, because no patient drawn had one of the classes.
    """
    slices = evaluation.slices
    bins = calibration_bins(slices.probability, slices.truth)
    of_slices = estimates(slices, threshold["value"], settings.resamples)
    measured = {f"slice/{name}": one for name, one in of_slices.items()} | _of_patients(evaluation, settings.resamples)
    return {
        "task": "classification",
        "target": evaluation.target,
        "split": subset,
        "patients": len(evaluation.each),
        "slices": slices.truth.size,
        "positive_slices": int(slices.truth.sum()),
        "protocol": protocol,
        "truncated": settings.max_patients is not None,
        "threshold": threshold,
        "postprocess": settings.postprocess,
        "metric_version": METRIC_VERSION,
        "metrics": {
            **{name: one.as_dict() for name, one in measured.items()},
            "slice/ece": expected_calibration_error(bins),
            "loss": float(np.mean(evaluation.losses)),
        },
        "undefined_resamples": {name: one.undefined for name, one in measured.items() if one.undefined},
        "calibration_bins": bins.as_dict(),
        "cost": {**cost, "slices_per_second": slices.truth.size / evaluation.seconds},
    }


def _of_patients(evaluation: ClassifierEvaluation, resamples: int) -> dict[str, Estimate]:
    """`patient/accuracy`, `patient/f1` and `patient/auroc` of the patients' grades; or for `tumour`, which every
    patient has, the means over patients of the accuracy and the ROC area within each."""
    grades = evaluation.grades
    if grades is None:
        found = patient_means(evaluation.slices, evaluation.threshold, resamples)
    else:
        found = estimates(grades, evaluation.threshold, resamples)
    return {f"patient/{name}": found[name] for name in ("accuracy", "f1", "auroc") if name in found}


def patient_rows(evaluation: ClassifierEvaluation, facts: Facts) -> list[Row]:
    """The rows of `per_patient.csv`."""
    slices, grades = evaluation.slices, evaluation.grades
    counts = patient_counts(slices, evaluation.threshold).tolist()
    own = own_measures(slices, evaluation.threshold)
    rows: list[Row] = []
    for place, one in enumerate(evaluation.each):
        row: Row = {"patient": one.patient}
        if grades is not None:
            probability, label = grades.probability[place], grades.truth[place]
            said = probability >= np.float32(evaluation.threshold)
            row |= {"label": int(label), "probability": float(probability), "correct": int(said == label)}
        row |= {"slices": len(one.truth), "positive_slices": int(one.truth.sum())}
        row |= dict(zip(("tp", "fp", "fn", "tn"), counts[place], strict=True))
        row |= {f"slice_{name}": _or_none(values[place]) for name, values in own.items()}
        rows.append(row | dict(facts.get(one.patient, {})))
    return rows


def slice_rows(evaluation: ClassifierEvaluation) -> list[Row]:
    """The rows of `per_slice.csv`."""
    return [
        {
            "patient": one.patient,
            "slice": number,
            "label": int(truth),
            "probability": float(probability),
            "correct": int((probability >= np.float32(evaluation.threshold)) == truth),
        }
        for one in evaluation.each
        for number, probability, truth in zip(one.numbers, one.probability, one.truth, strict=True)
    ]


def write_evaluation(
    folder: RunFolder, place: str, content: dict[str, Any], evaluation: ClassifierEvaluation, facts: Facts
) -> None:
    """Write `metrics.json`, `per_patient.csv` and `per_slice.csv` into the folder's `place`."""
    protocol = {"protocol": content["protocol"]}
    folder.write_table(f"{place}/per_patient.csv", [row | protocol for row in patient_rows(evaluation, facts)])
    folder.write_table(f"{place}/per_slice.csv", [row | protocol for row in slice_rows(evaluation)])
    folder.write_json(f"{place}/metrics.json", content)


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
