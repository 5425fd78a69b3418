"""Nested cross-validation over patients: a fold's model, scaling and imputation know its training patients alone."""

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer, roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from lgg_seg.metrics.arrays import Bools, Floats
from lgg_seg.radiomics import Imputation
from lgg_seg.statistics.auroc import auc

OUTER, INNER = 5, 3

CANDIDATES: dict[str, Any] = {
    "logistic, C 0.01": LogisticRegression(C=0.01, solver="newton-cholesky"),
    "logistic, C 0.1": LogisticRegression(C=0.1, solver="newton-cholesky"),
    "logistic, C 1": LogisticRegression(C=1.0, solver="newton-cholesky"),
    # Few and shallow trees: a hundred patients support no more, and every shuffle pays for them.
    "boosted trees": HistGradientBoostingClassifier(
        max_iter=30, max_depth=2, min_samples_leaf=5, early_stopping=False, random_state=0
    ),
}
"""Models that the inner folds choose from, by name, the simplest first."""


class RoundedImputer(KNNImputer):  # type: ignore[misc]  # scikit-learn has no types
    """Gaps filled in as study 004 (Nandwana 2022) does: the mean of the 4 nearest patients, rounded.

    The study fills in whole numbers alone; a column that holds others, as our shape features, is not rounded.
    """

    def __init__(self) -> None:
        super().__init__(n_neighbors=4, keep_empty_features=True)

    def fit(self, X: Floats, y: object = None) -> "RoundedImputer":  # noqa: N803  # scikit-learn's name
        """Remember the patients (N, F), and which columns hold whole numbers."""
        values = np.asarray(X, dtype=np.float64)
        self.whole_ = ((values % 1 == 0) | np.isnan(values)).all(axis=0)
        super().fit(values, y)
        return self

    def transform(self, X: Floats) -> Floats:  # noqa: N803  # scikit-learn's name
        values = np.asarray(X, dtype=np.float64)
        filled = super().transform(values)
        return np.asarray(np.where(np.isnan(values) & self.whole_, filled.round(), filled), dtype=np.float64)


def preparation(imputation: Imputation) -> list[tuple[str, Any]]:
    """The steps ahead of the model: gaps filled from 5 neighbours of scaled values, or as study 004 fills them."""
    if imputation == "study_004":
        return [("impute", RoundedImputer()), ("scale", StandardScaler())]
    return [("scale", StandardScaler()), ("impute", KNNImputer(keep_empty_features=True))]


class OutOfFold(NamedTuple):
    """Probabilities `scores` (N,) from the fold that did not train on the patient; `chosen`: models and how often."""

    scores: Floats
    chosen: Counter[str]


def out_of_fold(predictors: Floats, truth: Bools, seed: int, imputation: Imputation = "scaled") -> OutOfFold:
    """Out-of-fold probabilities: 5 stratified outer folds, the model chosen in 3 inner ones by AUROC.

    Of `predictors` (N, F), a row per patient, NaN where unknown, and `truth` (N,), at least `OUTER` of either value.
    """
    search = model_search(predictors.shape[1], seed, imputation)
    scores, chosen = np.full(truth.size, np.nan), Counter[str]()
    with np.errstate(invalid="ignore"):  # a column that no training patient has is scaled by 0 / 0
        # Not `cross_val_predict`, which does not return the chosen models.
        for train, test in _folds(OUTER, seed).split(predictors, truth):
            search.fit(predictors[train], truth[train])
            scores[test] = search.predict_proba(predictors[test])[:, 1]
            chosen[chosen_model(search)] += 1
    return OutOfFold(scores, chosen)


def model_search(columns: int, seed: int, imputation: Imputation = "scaled") -> GridSearchCV:
    """The choice of a model for so many predictors, by AUROC in 3 stratified folds; it is refitted on all of them."""
    # With a single predictor there is nothing to choose: every logistic model orders the patients alike.
    names = list(CANDIDATES) if columns > 1 else ["logistic, C 1"]
    return GridSearchCV(
        Pipeline([*preparation(imputation), ("model", None)]),
        {"model": [CANDIDATES[name] for name in names]},
        scoring=make_scorer(roc_auc_score, response_method="predict_proba"),
        cv=_folds(INNER, seed),
        refit=_simplest_best,
    )


def chosen_model(search: GridSearchCV) -> str:
    """The name of the model that a fitted search has chosen."""
    return next(name for name, model in CANDIDATES.items() if model is search.param_grid["model"][search.best_index_])


def shuffled_aucs(
    predictors: Floats,
    truth: Bools,
    permutations: int,
    seed: int,
    done: Callable[[], None] = lambda: None,
    imputation: Imputation = "scaled",
) -> list[float]:
    """AUROC of `out_of_fold`, model choice included, for each shuffle of the outcomes, which has folds of its own."""
    areas = []
    for k in range(permutations):
        shuffled = np.random.default_rng([seed, k]).permutation(truth)
        areas.append(auc(out_of_fold(predictors, shuffled, seed + 1 + k, imputation).scores, shuffled))
        done()
    return areas


def _simplest_best(results: dict[str, Any]) -> int:
    """Index of the best mean AUROC; rounded, so that of equal candidates the first is taken."""
    return int(results["mean_test_score"].round(9).argmax())


def _folds(count: int, seed: int) -> StratifiedKFold:
    return StratifiedKFold(count, shuffle=True, random_state=seed)
