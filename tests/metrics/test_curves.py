"""Histograms and their curves against direct counting and scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from lgg_seg.metrics.curves import (
    THRESHOLDS,
    best_dice_threshold,
    counts_at_thresholds,
    operating_curves,
    probability_histogram,
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


def test_curves_pass_through_scikit_learns() -> None:
    truth = blobs(3)
    probability = (np.rint(probabilities(3, truth) * 200) / 200).astype(np.float32)
    false_positive_rate, recall, precision, _ = operating_curves([probability_histogram(probability, truth)])
    area = sk.auc(np.r_[false_positive_rate, 0], np.r_[recall, 0])
    assert area == pytest.approx(sk.roc_auc_score(truth.ravel(), probability.ravel()))
    reference = sk.precision_recall_curve(truth.ravel(), probability.ravel())
    for p, r, threshold in zip(*reference, strict=False):
        k = round(float(threshold) * 200)
        assert (precision[k], recall[k]) == (pytest.approx(p), pytest.approx(r))


def test_best_threshold_has_the_highest_mean_patient_dice() -> None:
    patients = [(blobs(seed, share=0.05 * seed + 0.05), seed) for seed in range(4)]
    pairs = [(probabilities(seed, truth), truth) for truth, seed in patients]
    threshold = best_dice_threshold([probability_histogram(p, t) for p, t in pairs])
    direct = [float(np.mean([dice(confusion(p >= each, t).sum()) for p, t in pairs])) for each in THRESHOLDS]
    assert direct[THRESHOLDS.index(threshold)] == pytest.approx(max(direct))


def test_of_equally_good_thresholds_the_one_nearest_a_half_is_taken() -> None:
    truth = np.array([True, False])
    assert best_dice_threshold([probability_histogram(np.array([0.9, 0.1], np.float32), truth)]) == 0.5
    assert best_dice_threshold([probability_histogram(np.array([0.3, 0.1], np.float32), truth)]) == 0.3


def test_double_precision_is_refused() -> None:
    double: Any = np.zeros(3)
    with pytest.raises(TypeError, match="float32"):
        probability_histogram(double, np.zeros(3, dtype=bool))
