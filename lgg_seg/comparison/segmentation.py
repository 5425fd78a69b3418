"""Segmentation results: folds merged by their raw counts, ranked by mean patient Dice, tested patient by patient."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from operator import add
from typing import Any, Self

import numpy as np
import pandas as pd

from lgg_seg.comparison.comparability import EvaluationProtocol
from lgg_seg.comparison.results import ComparisonTable, ConfigurationResult, Seeds
from lgg_seg.comparison.runs import Run
from lgg_seg.metrics.arrays import Floats
from lgg_seg.metrics.calibration import CalibrationBins, expected_calibration_error
from lgg_seg.metrics.overlap import COUNTS, Counts, dice, pooled
from lgg_seg.metrics.registry import PATIENT_METRICS
from lgg_seg.metrics.slices import slice_metrics
from lgg_seg.statistics.bootstrap import summarise
from lgg_seg.statistics.paired import Comparison, Difference, differences
from lgg_seg.statistics.ranks import MIN_RANKED, rank_distribution
from lgg_seg.statistics.verdict import too_few, verdict

Metrics = dict[str, Any]
SUMMED = (*COUNTS, "slices", "voxels")
OF_VOLUMES = ("lesion_tp", "lesion_fp", "lesion_fn", "boundary_complexity")


@dataclass(frozen=True, kw_only=True)
class SegmentationResult(ConfigurationResult):
    """One configuration of a segmentation network.

    `patients` has a row a patient, by name, every number averaged over the seeds. `metrics` are as in `metrics.json`,
    None where folds of slices leave them unknown or a run is older than the metric. In a table, `difference` is that to
    the best, and `ranked_first` the share of resamples in which it is best.
    """

    patients: pd.DataFrame = field(repr=False, compare=False)
    metrics: Metrics = field(repr=False)
    difference: Difference | None = None
    ranked_first: float | None = 1.0

    @property
    def score(self) -> float:
        return float(self.metrics["patient/dice"]["mean"])

    @classmethod
    def numbers(cls, seeds: Seeds, protocol: EvaluationProtocol) -> dict[str, Any]:  # noqa: ARG003  # for classifiers
        tables = [whole_patients(folds) for folds in seeds.values()]
        patients = _averaged_patients([table.sort_index() for table in tables])
        summaries = {
            f"patient/{key}": summarise(patients[key].to_numpy()).as_dict() if key in patients else None
            for key in PATIENT_METRICS
        }
        return {
            "seed_scores": {seed: float(table["dice"].mean()) for seed, table in zip(seeds, tables, strict=True)},
            "patients": patients,
            "metrics": _averaged([measures(folds) for folds in seeds.values()]) | summaries,
        }


@dataclass(frozen=True)
class SegmentationTable(ComparisonTable[SegmentationResult]):
    """Segmentation results; `ranks[k, r]` is the share of resamples of the patients in which entry k comes r-th.

    Where `chosen_by_validation`, as in a search, the entries are in the order of their validation score, and none is
    compared with another: there are no differences, and no ranks.
    """

    statistics: Comparison
    ranks: Floats = field(repr=False, compare=False)
    chosen_by_validation: bool = False

    @classmethod
    def ranked(cls, results: Sequence[SegmentationResult], reason: str) -> Self:
        """A table of comparable results, which come in the order of their ranks."""
        values, names = _dice(results), [result.label for result in results]
        statistics, ranks = differences(values, names), rank_distribution(values, names)
        to_best = {difference.name: difference for difference in statistics.differences}
        entries = tuple(
            replace(result, difference=to_best.get(result.label), ranked_first=float(share))
            for result, share in zip(results, ranks[:, 0], strict=True)
        )
        return cls(results[0].comparability, reason, entries, statistics, ranks)

    @classmethod
    def by_validation(cls, results: Sequence[SegmentationResult], reason: str) -> Self:
        """A table of the trials of a search, which come in the order of their validation scores."""
        entries = tuple(replace(result, ranked_first=None) for result in results)
        alone = Comparison(results[0].label, results[0].score, len(results[0].patients), ())
        return cls(results[0].comparability, reason, entries, alone, np.eye(len(results)), chosen_by_validation=True)

    @cached_property
    def dice(self) -> Floats:
        """Patient Dice (N, K): patients as `patients`, entries in their order."""
        return _dice(self.entries)

    @property
    def tells_ranks(self) -> bool:
        """Whether `ranks` say anything: several entries are compared, on at least `MIN_RANKED` patients."""
        return len(self.entries) > 1 and len(self.patients) >= MIN_RANKED and not self.chosen_by_validation

    @property
    def verdict(self) -> str:
        """What the data show, in at most three sentences."""
        best = self.entries[0]
        if self.chosen_by_validation and len(self.entries) > 1:
            return (
                f"{best.label} is chosen: it has the best validation score ({best.validation_score:.3f}) of these "
                f"{len(self.entries)} trials. Its mean patient Dice on the {len(self.patients)} patients of this table "
                f"is {best.score:.3f}."
            )
        return verdict(self.statistics, self.single_seeded)

    @property
    def caveats(self) -> str:
        """What the data cannot show: too few patients for a test, and single seeds. Empty where neither is so."""
        if self.chosen_by_validation and len(self.entries) > 1:
            return "A trial whose row here is better was not chosen: to take it for that would be to tune on the test."
        return " ".join(filter(None, (too_few(self.statistics), super().caveats)))


def _dice(results: Sequence[SegmentationResult]) -> Floats:
    patients = sorted(results[0].comparability.patients)
    return np.stack([result.patients.loc[patients, "dice"].to_numpy(dtype=np.float64) for result in results], axis=1)


def measures(folds: Sequence[Run]) -> Metrics:
    """The single numbers of `metrics.json` over the slices of all folds together, of which no two share any."""
    patients = whole_patients(folds)
    slices = pd.concat([run.slices for run in folds])
    results = [run.result for run in folds]
    total = {name: int(patients[name].sum()) for name in patients.columns if name.endswith(COUNTS)}
    lesions = {name: total[f"lesion_{name}"] for name in ("tp", "fp", "fn") if f"lesion_{name}" in total}
    columns = ("truth_pixels", "predicted_pixels", "dice", "max_probability")
    truth, predicted, slice_dice, peaks = (slices[name].to_numpy() for name in columns)
    weights = [result["slices"] for result in results]
    return {
        **pooled(Counts(*(total[name] for name in COUNTS))),
        "slice/dice": float(slice_dice.mean()),
        **slice_metrics(truth > 0, predicted > 0, slice_dice, peaks),
        "lesion/f1": float(dice(Counts(**lesions, tn=0))) if lesions else None,
        "calibration/ece": _calibration(results),
        "loss": float(np.average([result["metrics"]["loss"] for result in results], weights=weights)),
        "patients/missed": int(((patients["truth_voxels"] > 0) & (patients["tp"] == 0)).sum()),
    }


def whole_patients(folds: Sequence[Run]) -> pd.DataFrame:
    """The rows of the folds' `per_patient.csv`, by patient, with the columns that all have: a metric may be newer.

    Where a leaky split gives slices of one patient to several folds, their counts are summed, and the metrics of counts
    are those of the sums. Distances, lesions and boundaries are not there then: they are of whole volumes.
    """
    rows = pd.concat([run.patients for run in folds], join="inner")
    if rows["patient"].is_unique:
        return rows.set_index("patient")
    of_volumes = [*OF_VOLUMES, *(key for key, metric in PATIENT_METRICS.items() if metric.of_counts is None)]
    patients = rows.drop(columns=of_volumes, errors="ignore").groupby("patient")
    whole = patients.first()
    summed = [name for name in whole.columns if name.endswith(SUMMED)]
    whole[summed] = patients[summed].sum()
    whole["prediction_empty"] = whole["predicted_voxels"] == 0
    counts = Counts(*(whole[name].to_numpy() for name in COUNTS))
    return whole.assign(
        **{key: metric.of_counts(counts) for key, metric in PATIENT_METRICS.items() if metric.of_counts}
    )


def _calibration(results: Sequence[dict[str, Any]]) -> float | None:
    """ECE of the folds' bins together; runs measured before bins were recorded only have a number of their own."""
    if all("calibration_bins" in result for result in results):
        bins = [CalibrationBins.of(result["calibration_bins"]) for result in results]
        return expected_calibration_error(reduce(add, bins))
    return results[0]["metrics"]["calibration/ece"] if len(results) == 1 else None


def _averaged(seeds: Sequence[Metrics]) -> Metrics:
    """The mean over seeds of each number; None where a seed has none."""
    return {
        name: None if any(seed[name] is None for seed in seeds) else float(np.mean([seed[name] for seed in seeds]))
        for name in seeds[0]
    }


def _averaged_patients(seeds: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Numbers that all seeds have, averaged over them patient by patient; texts are the same for all."""
    first = seeds[0][[name for name in seeds[0] if all(name in frame for frame in seeds)]]
    numeric = first.select_dtypes("number").columns
    mean = pd.concat([frame[numeric] for frame in seeds]).groupby(level=0).mean()
    return pd.concat([mean, first.drop(columns=numeric)], axis=1)
