"""Nested cross-validation by patient: everything that is learned is learned from the training patients of a fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lgg_seg.metrics.arrays import Bools, Floats, Ints
from lgg_seg.statistics.auroc import auc

OUTER, INNER = 5, 3
NEIGHBOURS = 5
"""Patients whose mean fills a gap, the nearest by what both have."""

CANDIDATES: dict[str, Any] = {
    "logistic, C 0.01": LogisticRegression(C=0.01, solver="newton-cholesky"),
    "logistic, C 0.1": LogisticRegression(C=0.1, solver="newton-cholesky"),
    "logistic, C 1": LogisticRegression(C=1.0, solver="newton-cholesky"),
    # Few and shallow trees: of a hundred patients more is not to be learned, and every shuffle pays for them.
    "boosted trees": HistGradientBoostingClassifier(
        max_iter=30, max_depth=2, min_samples_leaf=5, early_stopping=False, random_state=0
    ),
}
"""What the inner folds choose from, by name; of equals the first, the simplest."""


@dataclass(frozen=True)
class OutOfFold:
    """`scores` (N,): each patient's probability from the fold that did not know him; `chosen`: models and how often."""

    scores: Floats
    chosen: Counter[str]


def out_of_fold(predictors: Floats, truth: Bools, seed: int) -> OutOfFold:
    """Predict every patient from the others: 5 stratified outer folds, the model chosen in 3 inner ones by AUC.

    Args:
        predictors: `(N, F)`, NaN where unknown, a row a patient.
        truth: bool `(N,)`, at least `OUTER` of either value.
        seed: of the division into folds.
    """
    scores, chosen = np.full(truth.size, np.nan), Counter[str]()
    # A single predictor leaves nothing to choose: every logistic model orders the patients alike.
    names = list(CANDIDATES) if predictors.shape[1] > 1 else ["logistic, C 1"]
    with np.errstate(invalid="ignore"):  # of a column that no training patient has, the scale is 0 / 0
        for train, test in _folds(OUTER, seed).split(predictors, truth):
            name = _best(names, predictors[train], truth[train], seed) if len(names) > 1 else names[0]
            chosen[name] += 1
            prepared = _prepared(predictors, train)
            model = clone(CANDIDATES[name]).fit(prepared[train], truth[train])
            scores[test] = model.predict_proba(prepared[test])[:, 1]
    return OutOfFold(scores, chosen)


def shuffled_aucs(
    predictors: Floats, truth: Bools, permutations: int, seed: int, done: Callable[[], None] = lambda: None
) -> list[float]:
    """The AUC of the whole procedure, choice of the model included, after shuffling the outcomes among the patients.

    Args:
        predictors: as in `out_of_fold`.
        truth: as in `out_of_fold`.
        permutations: how many shuffles.
        seed: of the shuffles; each has folds of its own.
        done: called after each.
    """
    areas = []
    for k in range(permutations):
        shuffled = np.random.default_rng([seed, k]).permutation(truth)
        areas.append(auc(out_of_fold(predictors, shuffled, seed + 1 + k).scores, shuffled))
        done()
    return areas


def _best(names: list[str], predictors: Floats, truth: Bools, seed: int) -> str:
    """The candidate with the highest mean AUC over the inner folds."""
    areas = dict.fromkeys(names, 0.0)
    for train, test in _folds(INNER, seed).split(predictors, truth):
        prepared = _prepared(predictors, train)
        for name in names:
            model = clone(CANDIDATES[name]).fit(prepared[train], truth[train])
            areas[name] += auc(model.predict_proba(prepared[test])[:, 1], truth[test])
    return max(names, key=lambda name: round(areas[name], 9))


def _prepared(predictors: Floats, train: Ints) -> Floats:
    """All rows scaled and their gaps filled by what the training rows alone say; one call, for the filling is dear."""
    learned = make_pipeline(StandardScaler(), KNNImputer(n_neighbors=NEIGHBOURS, keep_empty_features=True))
    return np.asarray(learned.fit(predictors[train]).transform(predictors))


def _folds(count: int, seed: int) -> StratifiedKFold:
    return StratifiedKFold(count, shuffle=True, random_state=seed)
