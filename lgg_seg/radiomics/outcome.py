"""Outcome models: what shape and clinical data predict, each set beside what is known without it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import mannwhitneyu

from lgg_seg.metrics.arrays import Bools, Floats
from lgg_seg.radiomics import Imputation
from lgg_seg.radiomics.clinical import AGE, MOLECULAR, Endpoint, clinical_predictors, encode
from lgg_seg.radiomics.nested import out_of_fold, shuffled_aucs
from lgg_seg.statistics.auroc import SUSPICIOUS, auc, auc_interval, expected_half_width, permutation_p
from lgg_seg.statistics.paired import holm

SHAPE = "shape"  # the set of predictors that a mask alone gives


@dataclass(frozen=True)
class Result:
    """Out-of-fold predictions of one endpoint from one set of predictors, over the patients whose outcome is known."""

    endpoint: Endpoint
    predictors: str  # name of the set
    columns: int  # number of predictors
    patients: tuple[str, ...]
    truth: Bools  # (N,), the outcome
    scores: Floats  # (R, N), probabilities of R repetitions with other folds
    chosen: Counter[str]  # models the inner folds chose, and how often
    shuffled: list[float]  # AUROC of one repetition for each shuffle of the outcomes
    seed: int  # of the bootstrap

    @property
    def auc(self) -> float:
        """AUROC, mean of the repetitions."""
        return auc(self.scores, self.truth)

    @property
    def p_value(self) -> float | None:
        """Permutation p; conservative, since a mean of repetitions is compared with single ones, which vary more."""
        return permutation_p(self.auc, self.shuffled)

    def as_dict(self) -> dict[str, object]:
        """Row of `outcome.json`, without the correction of p over the table."""
        positives, area = int(self.truth.sum()), self.auc
        interval = auc_interval(self.scores, self.truth, seed=self.seed)
        return {
            "question": self.endpoint.name,
            "meaning": self.endpoint.meaning,
            "predictors": self.predictors,
            "columns": self.columns,
            "patients": self.truth.size,
            "positives": positives,
            "auc": area,
            "ci95": None if interval is None else list(interval),
            "half_width_expected": expected_half_width(area, positives, self.truth.size - positives),
            "p_permutation": self.p_value,
            "permutations": len(self.shuffled),
            "repetitions": [auc(one, self.truth) for one in self.scores],
            "shuffled_mean": float(np.mean(self.shuffled)) if self.shuffled else None,
            "chosen": dict(self.chosen),
            "suspicious": max(area, 1 - area) > SUSPICIOUS,
        }


def shape_predictors(per_patient: pd.DataFrame) -> pd.DataFrame:
    """Shape predictors by patient, from `Features.per_patient`: ten numbers, since there are few outcomes.

    The volume as its logarithm, BEVR inverted as in Buda 2019, the centroid's slice as a share of the volume.
    """
    table = per_patient.set_index("patient")
    return table[["spread_px", "spread_slices", "centroid_row", "centroid_column", "asd", "mf", "complexity"]].assign(
        log_volume=np.log1p(table["volume_voxels"]),
        centroid_depth=(table["centroid_slice"] + 0.5) / table["slices"],
        inverse_bevr=1 / table["bevr"],
    )


def predictor_sets(endpoint: Endpoint, clinical: pd.DataFrame, shape: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Sets of predictors by name: age alone, shape, clinical data, both, and with molecular clusters.

    Sets without a column that varies are left out; so are molecular ones for a molecular endpoint.
    """
    known = clinical_predictors(clinical, endpoint)
    sets = {
        "age": encode(clinical[[AGE]]),
        SHAPE: shape,
        "clinical": known,
        "shape + clinical": pd.concat([shape, known], axis=1),
    }
    if endpoint.column not in MOLECULAR:
        sets["shape + clinical + molecular"] = pd.concat([shape, known, encode(clinical[list(MOLECULAR)])], axis=1)
    return {name: table for name, table in sets.items() if table.shape[1]}


def evaluate_endpoint(
    endpoint: Endpoint,
    clinical: pd.DataFrame,
    name: str,
    predictors: pd.DataFrame,
    *,
    repeats: int,
    permutations: int,
    seed: int,
    imputation: Imputation = "scaled",
    done: Callable[[], None] = lambda: None,
) -> Result:
    """Cross-validations of one endpoint from one set of predictors, a row per patient; `done` is called after each."""
    labels = endpoint.labels(clinical)
    truth = np.asarray(labels.to_numpy() == 1)
    table = predictors.loc[labels.index].to_numpy(dtype=np.float64)
    scores, chosen = [], Counter[str]()
    for k in range(repeats):
        predicted = out_of_fold(table, truth, 1000 * seed + k, imputation)
        scores.append(predicted.scores)
        chosen += predicted.chosen
        done()
    shuffled = shuffled_aucs(table, truth, permutations, 1000 * seed + repeats, done, imputation)
    return Result(endpoint, name, table.shape[1], tuple(labels.index), truth, np.array(scores), chosen, shuffled, seed)


def corrected(results: list[Result]) -> list[dict[str, object]]:
    """Rows of `outcome.json` with `p_holm`, Holm's correction over all results that have a p."""
    p_holm = iter(holm([p for result in results if (p := result.p_value) is not None]))
    return [result.as_dict() | {"p_holm": next(p_holm) if result.shuffled else None} for result in results]


def single_features(
    endpoint: Endpoint, clinical: pd.DataFrame, shape: pd.DataFrame, seed: int
) -> list[dict[str, object]]:
    """Published shape features one by one, without a model or folds, since nothing is learned.

    AUROC below 0.5: the feature is lower with the outcome. p is that of the two-sided Mann-Whitney test, uncorrected.
    """
    labels = endpoint.labels(clinical)
    rows: list[dict[str, object]] = []
    for name in ("inverse_bevr", "asd", "mf", "log_volume"):
        values = shape.loc[labels.index, name].dropna()
        scores, truth = values.to_numpy(), np.asarray(labels[values.index].to_numpy() == 1)
        if not truth.any() or truth.all():
            continue
        interval = auc_interval(scores, truth, seed=seed)
        rows.append(
            {
                "question": endpoint.name,
                "feature": name,
                "patients": truth.size,
                "positives": int(truth.sum()),
                "auc": auc(scores, truth),
                "ci95": None if interval is None else list(interval),
                "p_mann_whitney": float(mannwhitneyu(scores[truth], scores[~truth]).pvalue),
            }
        )
    return rows
