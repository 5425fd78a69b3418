"""Nested cross-validation finds a signal, finds none in noise, and learns nothing from those it predicts."""

from __future__ import annotations

import numpy as np
import pytest

from lgg_seg.radiomics.nested import CANDIDATES, OUTER, RoundedImputer, out_of_fold, shuffled_aucs
from lgg_seg.statistics.auroc import auc


def patients(seed: int, signal: float, count: int = 60, columns: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Predictors with gaps, the first of which knows of the outcome."""
    generator = np.random.default_rng(seed)
    truth = generator.permutation(np.arange(count) < count // 3)
    predictors = generator.standard_normal((count, columns))
    predictors[:, 0] += signal * truth
    predictors[generator.random(predictors.shape) < 0.08] = np.nan
    return predictors, truth


def test_a_strong_predictor_among_others_gives_a_high_auroc() -> None:
    predictors, truth = patients(0, signal=4)
    found = out_of_fold(predictors, truth, seed=0)
    assert auc(found.scores, truth) > 0.9
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert found.chosen.total() == OUTER
    assert set(found.chosen) <= set(CANDIDATES)


def test_noise_is_worth_nothing_however_many_columns_there_are() -> None:
    areas = []
    for seed in range(3):
        predictors, truth = patients(seed, signal=0, columns=30)
        areas.append(auc(out_of_fold(predictors, truth, seed=seed).scores, truth))
    assert 0.3 < float(np.mean(areas)) < 0.65


def test_the_same_seed_gives_the_same_scores_and_another_others() -> None:
    predictors, truth = patients(1, signal=1)
    one = out_of_fold(predictors, truth, seed=3).scores
    assert (one == out_of_fold(predictors, truth, seed=3).scores).all()
    assert (one != out_of_fold(predictors, truth, seed=4).scores).any()


def test_a_patients_data_change_no_score_of_those_tested_with_them() -> None:
    """Scale, gaps, model: were one of them learned from the whole table, an outlier would move the others' scores."""
    predictors, truth = patients(2, signal=1)
    before = out_of_fold(predictors, truth, seed=0).scores
    changed = predictors.copy()
    changed[7] = 1e6
    after = out_of_fold(changed, truth, seed=0).scores
    unmoved = before == after
    assert unmoved.sum() >= len(truth) // OUTER - 1  # all who share the outlier's fold, but themselves
    assert not unmoved.all()
    assert not unmoved[7]


def test_a_column_without_any_value_is_borne() -> None:
    predictors, truth = patients(3, signal=4)
    predictors[:, 5] = np.nan
    assert auc(out_of_fold(predictors, truth, seed=0).scores, truth) > 0.85


def test_a_single_predictor_is_modelled_without_choosing() -> None:
    predictors, truth = patients(4, signal=4, columns=1)
    found = out_of_fold(predictors, truth, seed=0)
    assert set(found.chosen) == {"logistic, C 1"}
    assert auc(found.scores, truth) > 0.85


def test_shuffled_outcomes_give_an_auroc_near_a_half() -> None:
    predictors, truth = patients(5, signal=4, columns=1)
    calls: list[int] = []
    areas = shuffled_aucs(predictors, truth, 10, seed=0, done=lambda: calls.append(1))
    assert len(areas) == len(calls) == 10
    assert float(np.mean(areas)) == pytest.approx(0.48, abs=0.12)
    assert max(areas) < auc(out_of_fold(predictors, truth, seed=0).scores, truth)
    assert areas[:2] == shuffled_aucs(predictors, truth, 2, seed=0)


def test_study_004_fills_a_gap_with_the_rounded_mean_of_four_patients() -> None:
    nearest = [[1.0, 30, 0.5], [1, 31, 0.25], [2, 32, 0.5], [2, 33, 0.25]]
    table = np.array([*nearest, [9, 80, 0.125], [9, 81, 0.125], [np.nan, 31, np.nan]])
    filled = RoundedImputer().fit(table).transform(table)
    assert filled[:6] == pytest.approx(table[:6])
    assert filled[6] == pytest.approx([2, 31, 0.375]), "1.5 is rounded to even, a share is not"


def test_the_imputation_of_study_004_is_learned_from_training_patients_too() -> None:
    predictors, truth = patients(0, signal=4)
    assert auc(out_of_fold(predictors.round(), truth, 0, "study_004").scores, truth) > 0.85
