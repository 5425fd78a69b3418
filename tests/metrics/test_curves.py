"""Histograms and their curves against direct counting and scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from lgg_seg.metrics.curves import (
    THRESHOLDS,
    best_threshold,
    counts_at_thresholds,
    dice_by_threshold,
    pixel_curves,
    probability_histogram,
    rank_histogram,
)
from lgg_seg.metrics.overlap import confusion, dice
from tests.metrics.volumes import blobs, probabilities


@pytest.mark.parametrize("seed", range(3))
def test_counts_at_every_threshold_equal_direct_counting(seed: int) -> None:
    truth = blobs(seed)
    probability = probabilities(seed, truth)
    counts = counts_at_thresholds(probability_histogram(probability, truth))
    parts = [np.asarray(part) for part in (counts.tp, counts.fp, counts.fn, counts.tn)]
    for k, threshold in enumerate(THRESHOLDS):
        direct = confusion(probability >= threshold, truth).sum()
        assert [part[k] for part in parts] == [direct.tp, direct.fp, direct.fn, direct.tn]


def test_a_probability_on_an_edge_passes_its_own_threshold_in_numpy_and_torch() -> None:
    on_edges = np.array(THRESHOLDS, dtype=np.float32)
    below = np.nextafter(on_edges, np.float32(-1))
    for probability, passes in ((on_edges, True), (below, False)):
        histogram = probability_histogram(np.clip(probability, 0, 1), np.ones_like(probability, dtype=bool))
        for k, threshold in enumerate(THRESHOLDS):
            assert (probability[k] >= threshold) == passes
            assert bool(torch.tensor(probability)[k] >= threshold) == passes
        expected = np.ones(201) if passes else np.r_[2, np.ones(199), 0]  # the value below 0 is clipped into bin 0
        np.testing.assert_array_equal(histogram[1], expected)


def test_histograms_of_parts_add_up() -> None:
    truth = blobs(0)
    probability = probabilities(0, truth)
    parts = sum(probability_histogram(p, t) for p, t in zip(probability, truth, strict=True))
    np.testing.assert_array_equal(parts, probability_histogram(probability, truth))


@pytest.mark.parametrize("steps", [7, 256])
def test_pixel_curves_equal_scikit_learns(steps: int) -> None:
    """`steps` of a power of two are values that a rank holds exactly; of 7, they are still apart from each other."""
    truth = blobs(3)
    probability = (np.rint(probabilities(3, truth) * steps) / steps).astype(np.float32)
    curves = pixel_curves(rank_histogram(probability, truth))
    assert curves is not None
    assert curves.auroc == pytest.approx(sk.roc_auc_score(truth.ravel(), probability.ravel()), abs=1e-12)
    area = sk.average_precision_score(truth.ravel(), probability.ravel())
    assert curves.average_precision == pytest.approx(area, abs=1e-12)
    precision, recall, thresholds = sk.precision_recall_curve(truth.ravel(), probability.ravel())
    np.testing.assert_allclose(curves.threshold[::-1], thresholds, rtol=2**-9)
    np.testing.assert_allclose(curves.recall[::-1], recall[:-1])
    np.testing.assert_allclose(curves.precision[::-1], precision[:-1])
    negatives = (~truth).sum()
    expected = [(probability[~truth] >= t).sum() / negatives for t in thresholds]
    np.testing.assert_allclose(curves.false_positive_rate[::-1], expected)


def test_pixel_curves_resolve_what_lies_near_0() -> None:
    """A network with a rare class puts nearly all pixels below the first of 201 uniform thresholds."""
    generator = np.random.default_rng(0)
    truth = generator.random(100_000) < 0.01
    probability = (10 ** generator.uniform(-7, -3, truth.size) * np.where(truth, 10, 1)).astype(np.float32)
    curves = pixel_curves(rank_histogram(probability, truth))
    assert curves is not None
    assert curves.auroc == pytest.approx(sk.roc_auc_score(truth, probability), abs=1e-4)
    assert curves.average_precision == pytest.approx(sk.average_precision_score(truth, probability), abs=1e-3)


def test_ranks_hold_zero_minus_zero_and_one_and_add_up() -> None:
    ends = np.array([0.0, -0.0, 1.0], np.float32)
    histogram = rank_histogram(ends, np.array([False, True, True]))
    assert (histogram[0, 0], histogram[1, 0], histogram[1, -1], histogram.sum()) == (1, 1, 1, 3)
    truth, probability = blobs(0), probabilities(0, blobs(0))
    parts = sum(rank_histogram(p, t) for p, t in zip(probability, truth, strict=True))
    np.testing.assert_array_equal(parts, rank_histogram(probability, truth))


def test_there_are_no_pixel_curves_of_one_class() -> None:
    assert pixel_curves(rank_histogram(np.zeros(3, np.float32), np.zeros(3, dtype=bool))) is None


def test_thinned_curves_keep_their_ends_and_their_shape() -> None:
    curves = pixel_curves(rank_histogram(probabilities(3, blobs(3)), blobs(3)))
    assert curves is not None
    thin = curves.thinned(200)
    assert 100 < len(thin.recall) <= 200 < len(curves.recall)
    assert [values[-1] for values in thin] == [values[-1] for values in curves]
    assert thin.auroc == pytest.approx(curves.auroc, abs=1e-3)


def test_best_threshold_has_the_highest_mean_patient_dice() -> None:
    patients = [(blobs(seed, share=0.05 * seed + 0.05), seed) for seed in range(4)]
    pairs = [(probabilities(seed, truth), truth) for truth, seed in patients]
    threshold = best_threshold(dice_by_threshold([probability_histogram(p, t) for p, t in pairs]))
    direct = [float(np.mean([dice(confusion(p >= each, t).sum()) for p, t in pairs])) for each in THRESHOLDS]
    assert direct[THRESHOLDS.index(threshold)] == pytest.approx(max(direct))


def test_of_equally_good_thresholds_the_one_nearest_a_half_is_taken() -> None:
    truth = np.array([True, False])
    for probability, best in (([0.9, 0.1], 0.5), ([0.3, 0.1], 0.3)):
        histogram = probability_histogram(np.array(probability, np.float32), truth)
        assert best_threshold(dice_by_threshold([histogram])) == best


def test_double_precision_is_refused() -> None:
    double: Any = np.zeros(3)
    with pytest.raises(TypeError, match="float32"):
        probability_histogram(double, np.zeros(3, dtype=bool))
