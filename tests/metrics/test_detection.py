"""Slice-level detection against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from lgg_seg.metrics.detection import Detection, detection


@pytest.mark.parametrize("seed", range(5))
def test_detection_equals_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    truth = generator.random(60) < 0.4
    score = np.round(generator.random(60) + 0.3 * truth, 1)
    predicted = score >= 0.7
    found = detection(score, predicted, truth)
    assert found.recall == pytest.approx(sk.recall_score(truth, predicted))
    assert found.specificity == pytest.approx(sk.recall_score(truth, predicted, pos_label=False))
    assert found.auroc == pytest.approx(sk.roc_auc_score(truth, score))


def test_detection_worked_by_hand() -> None:
    # Tumour slices score 0.9 and 0.4, empty ones 0.6, 0.4 and 0.1: of six pairs four are in order and one is a tie.
    score = np.array([0.9, 0.4, 0.6, 0.4, 0.1])
    truth = np.array([True, True, False, False, False])
    assert detection(score, score >= 0.5, truth) == Detection(1 / 2, 2 / 3, pytest.approx(4.5 / 6))


@pytest.mark.parametrize(("tumour", "expected"), [(True, (0.5, None, None)), (False, (None, 0.5, None))])
def test_what_has_no_slices_is_none(tumour: bool, expected: tuple[float | None, ...]) -> None:
    found = detection(np.array([0.9, 0.1]), np.array([True, False]), np.array([tumour, tumour]))
    assert (found.recall, found.specificity, found.auroc) == expected
