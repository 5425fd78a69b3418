"""What shape and clinical data say of an outcome, each beside what is known without them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import mannwhitneyu

from lgg_seg.metrics.arrays import Bools, Floats
from lgg_seg.radiomics.clinical import AGE, MOLECULAR, Question, clinical_predictors, encode, molecular_predictors
from lgg_seg.radiomics.nested import out_of_fold, shuffled_aucs
from lgg_seg.statistics.auroc import SUSPICIOUS, auc, auc_interval, expected_half_width, permutation_p
from lgg_seg.statistics.paired import holm

FEW_EVENTS = 30
"""Below this many patients of the rarer outcome, a table says how wide an interval must be expected."""


@dataclass(frozen=True)
class Result:
    """One question answered from one set of predictors, out of fold.

    Attributes:
        question: what is asked.
        predictors: the set's name.
        columns: how many numbers a patient it is.
        patients: whose outcome is known, by name.
        truth: (N,), the outcome.
        scores: (R, N), probabilities of R repetitions with other folds.
        chosen: models the inner folds chose, and how often.
        shuffled: AUC of one repetition after each shuffle of the outcomes.
        seed: of the bootstrap.
    """

    question: Question
    predictors: str
    columns: int
    patients: tuple[str, ...]
    truth: Bools
    scores: Floats
    chosen: Counter[str]
    shuffled: list[float]
    seed: int

    @property
    def auc(self) -> float:
        """The mean over the repetitions."""
        return auc(self.scores, self.truth)

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % bootstrap interval over patients."""
        return auc_interval(self.scores, self.truth, seed=self.seed)

    @property
    def p_value(self) -> float | None:
        """Of shuffled outcomes; the mean of repetitions is held against single ones, which vary more: conservative."""
        return permutation_p(self.auc, self.shuffled)

    @property
    def suspicious(self) -> bool:
        """So good that a leak must be looked for."""
        return max(self.auc, 1 - self.auc) > SUSPICIOUS

    def as_dict(self) -> dict[str, object]:
        """As it stands in `outcome.json`, but for the correction of p over the table."""
        positives = int(self.truth.sum())
        interval = self.interval
        return {
            "question": self.question.name,
            "meaning": self.question.meaning,
            "predictors": self.predictors,
            "columns": self.columns,
            "patients": self.truth.size,
            "positives": positives,
            "auc": self.auc,
            "ci95": None if interval is None else list(interval),
            "half_width_expected": expected_half_width(self.auc, positives, self.truth.size - positives),
            "p_permutation": self.p_value,
            "permutations": len(self.shuffled),
            "repetitions": [auc(one, self.truth) for one in self.scores],
            "shuffled_mean": float(np.mean(self.shuffled)) if self.shuffled else None,
            "chosen": dict(self.chosen),
            "suspicious": self.suspicious,
        }


def shape_predictors(per_patient: pd.DataFrame) -> pd.DataFrame:
    """What of `Features.per_patient` a model is given, by patient: ten numbers, for there are few outcomes.

    The volume by its logarithm, BEVR inverted as Buda 2019 has it, the centroid's slice as a share of the volume.
    """
    table = per_patient.set_index("patient")
    plain = table[["spread_px", "spread_slices", "centroid_row", "centroid_column", "asd", "mf", "complexity"]]
    made = {
        "log_volume": np.log1p(table["volume_voxels"]),
        "centroid_depth": (table["centroid_slice"] + 0.5) / table["slices"],
        "inverse_bevr": 1 / table["bevr"],
    }
    return plain.assign(**made)


def predictor_sets(question: Question, clinical: pd.DataFrame, shape: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What a question is answered from, by name: age alone, shape, clinical data, both, and the molecular clusters.

    Sets without a column that varies are left out; so are the molecular ones where a molecular cluster is asked for.
    """
    known = clinical_predictors(clinical, question)
    sets = {
        "age": encode(clinical[[AGE]]),
        "shape": shape,
        "clinical": known,
        "shape + clinical": pd.concat([shape, known], axis=1),
    }
    if question.column not in MOLECULAR:
        sets["shape + clinical + molecular"] = pd.concat([shape, known, molecular_predictors(clinical)], axis=1)
    return {name: table for name, table in sets.items() if table.shape[1]}


def answer(
    question: Question,
    clinical: pd.DataFrame,
    name: str,
    predictors: pd.DataFrame,
    *,
    repeats: int,
    permutations: int,
    seed: int,
    done: Callable[[], None] = lambda: None,
) -> Result:
    """Answer one question from one set of predictors (a row a patient), nested and by patient.

    `done` is called after each of the `repeats` + `permutations` cross-validations.
    """
    labels = question.labels(clinical)
    truth = np.asarray(labels.to_numpy() == 1)
    table = predictors.loc[labels.index].to_numpy(dtype=np.float64)
    scores, chosen = [], Counter[str]()
    for k in range(repeats):
        predicted = out_of_fold(table, truth, 1000 * seed + k)
        scores.append(predicted.scores)
        chosen += predicted.chosen
        done()
    shuffled = shuffled_aucs(table, truth, permutations, 1000 * seed + repeats, done)
    return Result(question, name, table.shape[1], tuple(labels.index), truth, np.array(scores), chosen, shuffled, seed)


def corrected(results: list[Result]) -> list[dict[str, object]]:
    """The results as rows, with `p_holm` over all of them that have a p."""
    rows = [result.as_dict() for result in results]
    tested = [k for k, result in enumerate(results) if result.shuffled]
    p_holm = holm([p for result in results if (p := result.p_value) is not None])
    by_row = dict(zip(tested, p_holm, strict=True))
    return [row | {"p_holm": by_row.get(k)} for k, row in enumerate(rows)]


def single_features(
    question: Question, clinical: pd.DataFrame, shape: pd.DataFrame, seed: int
) -> list[dict[str, object]]:
    """The published features one by one, without any model: no fold is needed, for nothing is learned.

    An AUC below 0.5 says that the feature is lower with the outcome. p is the two-sided Mann-Whitney one, uncorrected.
    """
    rows: list[dict[str, object]] = []
    for name in ("inverse_bevr", "asd", "mf", "log_volume"):
        labels = question.labels(clinical)
        values = shape.loc[labels.index, name].dropna()
        truth = np.asarray(labels[values.index].to_numpy() == 1)
        if not truth.any() or truth.all():
            continue
        scores = values.to_numpy()
        interval = auc_interval(scores, truth, seed=seed)
        rows.append(
            {
                "question": question.name,
                "feature": name,
                "patients": truth.size,
                "positives": int(truth.sum()),
                "auc": auc(scores, truth),
                "ci95": None if interval is None else list(interval),
                "p_mann_whitney": float(mannwhitneyu(scores[truth], scores[~truth]).pvalue),
            }
        )
    return rows
