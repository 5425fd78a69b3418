from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from lgg_seg.metrics.arrays import Floats, Ints
from lgg_seg.statistics.bootstrap import RESAMPLES, bootstrap_weights, percentile_interval
from lgg_seg.statistics.pooled import PatientSums, pooled_dice, tumour_slice_dice


def sums(rows: list[tuple[int, int, int, float, int]]) -> PatientSums:
    tp, fp, fn, scored, tumour = (np.array(column) for column in zip(*rows, strict=True))
    return PatientSums(tp, fp, fn, scored.astype(np.float64), tumour)


def all_weights(patients: int, resamples: int = RESAMPLES, seed: int = 0) -> Ints:
    return np.concatenate(list(bootstrap_weights(patients, resamples, seed)))


def test_by_hand() -> None:
    two = sums([(30, 10, 0, 1.7, 2), (10, 0, 50, 0.3, 2)])
    weights = np.array([[1, 1], [2, 0], [0, 2]])
    # 2·40 / (80 + 10 + 50); twice the first patient, 60 / 70; twice the second, 20 / 70
    assert pooled_dice(two, weights) == pytest.approx([80 / 140, 60 / 70, 20 / 70])
    assert tumour_slice_dice(two, weights) == pytest.approx([2.0 / 4, 0.85, 0.15])


def test_without_tumour_pooled_dice_keeps_the_empty_mask_policy() -> None:
    empty = sums([(0, 0, 0, 0.0, 0), (0, 5, 0, 0.0, 0)])
    weights = np.array([[2, 0], [1, 1]])
    assert pooled_dice(empty, weights).tolist() == [1.0, 0.0]
    assert np.isnan(tumour_slice_dice(empty, weights)).all()


def test_weights_of_a_resample_sum_to_the_patients_and_depend_on_the_seed() -> None:
    weights = all_weights(7, seed=3, resamples=500)
    assert weights.shape == (500, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert (weights == all_weights(7, seed=3, resamples=500)).all()
    assert (weights != all_weights(7, seed=4, resamples=500)).any()
    assert weights.mean() == 1
    assert (weights == 0).mean() == pytest.approx((6 / 7) ** 7, abs=0.02)  # a patient is left out that often


def test_the_interval_is_that_of_scipy() -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(200, 4000, 30)
    tp = (truth * generator.uniform(0.4, 0.95, 30)).astype(int)
    fp = generator.integers(0, 900, 30)
    ours = sums([(int(t), int(f), int(n - t), 0.0, 1) for t, f, n in zip(tp, fp, truth, strict=True)])
    resampled = pooled_dice(ours, all_weights(30))

    def statistic(tp: Ints, fp: Ints, fn: Ints, axis: int) -> Floats:
        dice: Floats = 2 * tp.sum(axis) / (2 * tp.sum(axis) + fp.sum(axis) + fn.sum(axis))
        return dice

    theirs = bootstrap(
        (tp, fp, truth - tp), statistic, paired=True, vectorized=True, n_resamples=10_000, method="percentile", rng=1
    ).confidence_interval
    assert percentile_interval(resampled) == pytest.approx(list(theirs), abs=0.004)
