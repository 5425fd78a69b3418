"""Classifier results: out-of-fold slices of all folds, ranked by the area under the slices' ROC curve."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Self

import numpy as np
import pandas as pd

from lgg_seg.comparison.comparability import EvaluationProtocol
from lgg_seg.comparison.results import ComparisonTable, ConfigurationResult, Seeds
from lgg_seg.comparison.runs import Run
from lgg_seg.metrics.arrays import Floats, Floats32
from lgg_seg.metrics.binary import BinaryPredictions
from lgg_seg.statistics.bootstrap import RESAMPLES, Bootstrapped, Estimate, Interval, percentile_interval
from lgg_seg.statistics.classification import bootstrap_measures, mean_estimate
from lgg_seg.statistics.paired import ALPHA, holm
from lgg_seg.statistics.verdict import in_words, listed

HEADLINE: Final = "slice/auroc"
PATIENT_MEASURES: Final = ("accuracy", "f1", "auroc")
UNKNOWN: Final = Estimate(None, None)
METHOD: Final = (
    f"Classifiers are ranked by the area under the ROC curve of all slices together, which is no mean over patients: "
    f"its interval, and that of a difference to the best, is a percentile bootstrap over whole patients "
    f"({RESAMPLES:,} resamples, in each all classifiers on the same ones), and p is twice the smaller share of "
    f"resamples in which the difference has one sign, Holm-corrected over all comparisons with the best, which was "
    f"picked on these same patients, so that its lead is somewhat overstated."
)


@dataclass(frozen=True)
class AreaDifference:
    """A ROC area minus that of the best, with its 95 % interval; interval and p are None for one patient."""

    mean: float
    ci95: Interval
    p_value: float | None
    p_holm: float | None


@dataclass(frozen=True, kw_only=True)
class ClassifierResult(ConfigurationResult):
    """One configuration of a classifier.

    `estimates` are named as in `metrics.json`, each the mean over seeds. `areas` (R,) is the slices' ROC area in each
    resample of the patients, the same for all comparable results. `difference` is that to the best of a table.
    """

    estimates: dict[str, Estimate] = field(repr=False)
    areas: Floats = field(repr=False, compare=False)
    difference: AreaDifference | None = None

    @property
    def score(self) -> float:
        """ROC area of the slices; 0 where there is no ROC curve."""
        return self.estimates[HEADLINE].value or 0.0

    @property
    def worse(self) -> bool:
        """Whether it is significantly worse than the best of its table."""
        if self.difference is None or self.difference.p_holm is None or self.difference.ci95 is None:
            return False
        return self.difference.p_holm < ALPHA and self.difference.ci95[1] < 0

    @classmethod
    def numbers(cls, seeds: Seeds, protocol: EvaluationProtocol) -> dict[str, Any]:
        by_seed = {seed: bootstrap_measures(*_predictions(folds, "slices")) for seed, folds in seeds.items()}
        slices = _means(list(by_seed.values()))
        if protocol.target == "grade":
            grades = _means([bootstrap_measures(*_predictions(folds, "patients")) for folds in seeds.values()])
            patients = {name: one.estimate for name, one in grades.items()}
        else:
            patients = _within_patients([run for folds in seeds.values() for run in folds])
        estimates = {f"slice/{name}": one.estimate for name, one in slices.items()}
        estimates |= {f"patient/{name}": patients.get(name, UNKNOWN) for name in PATIENT_MEASURES}
        seed_scores = {seed: measures["auroc"].value for seed, measures in by_seed.items()}
        return {"seed_scores": seed_scores, "estimates": estimates, "areas": slices["auroc"].resamples}


@dataclass(frozen=True)
class ClassifierTable(ComparisonTable[ClassifierResult]):
    """Classifier results of one target."""

    @classmethod
    def ranked(cls, results: Sequence[ClassifierResult], reason: str) -> Self:
        """A table of comparable results, which come in the order of their ranks."""
        best, *others = results
        gaps = [gap[np.isfinite(gap)] for gap in (result.areas - best.areas for result in others)]
        p_values = [_p_value(gap) for gap in gaps]
        entries = [best]
        for result, gap, p, p_holm in zip(others, gaps, p_values, holm(p_values), strict=True):
            mean = result.score - best.score
            tested = (percentile_interval(gap), p, p_holm) if gap.size else (None, None, None)
            entries.append(replace(result, difference=AreaDifference(mean, *tested)))
        return cls(best.comparability, reason, tuple(entries))

    @property
    def verdict(self) -> str:
        """What the data show, and what they cannot show."""
        best, *others = self.entries
        patients, area = len(self.patients), best.estimates[HEADLINE].value
        if area is None:
            return f"The slices of these {patients} patients are of one class alone: there is no ROC curve."
        if not others:
            return f"{best.label} (AUROC {area:.3f}, {patients} patients) is the only classifier here."
        worse = [entry.label for entry in others if entry.worse]
        near = [entry.label for entry in others if not entry.worse]
        sentences = [f"{best.label} has the highest AUROC ({area:.3f}, {patients} patients)."]
        if near:
            sentences.append(f"These patients cannot separate it from {listed(near)}.")
        if worse:
            words = in_words(self.single_seeded, [best.label, *worse])
            sentences.append(f"{words.capitalize()}: {listed(worse)}.")
        return " ".join(sentences)


def _predictions(folds: Sequence[Run], rows: Literal["slices", "patients"]) -> tuple[BinaryPredictions, Floats32]:
    """Predictions of a table of the folds, patients in the order of their names, and the threshold of each."""
    parts = [getattr(run, rows).assign(threshold=run.result["threshold"]["value"]) for run in folds]
    table = pd.concat(parts).sort_values("patient", kind="stable")
    codes, _ = pd.factorize(table["patient"], sort=True)
    predictions = BinaryPredictions(
        table["probability"].to_numpy(dtype=np.float32), table["label"].to_numpy() == 1, codes.astype(np.int64)
    )
    return predictions, table["threshold"].to_numpy(dtype=np.float32)


def _means(seeds: Sequence[dict[str, Bootstrapped]]) -> dict[str, Bootstrapped]:
    return {name: Bootstrapped.mean([measures[name] for measures in seeds]) for name in seeds[0]}


def _within_patients(runs: Sequence[Run]) -> dict[str, Estimate]:
    """Means over patients of the measures within each patient's slices, averaged over the seeds first."""
    own = pd.concat([run.patients for run in runs]).groupby("patient")[["slice_accuracy", "slice_auroc"]].mean()
    return {name: mean_estimate(own[f"slice_{name}"].to_numpy(dtype=np.float64)) for name in ("accuracy", "auroc")}


def _p_value(differences: Floats) -> float:
    """Two-sided bootstrap p. It is never 0: one more resample, without a difference, counts on either side."""
    smaller = min(int((differences <= 0).sum()), int((differences >= 0).sum())) + 1
    return min(1.0, 2 * smaller / (differences.size + 1))
