"""Calibration error against torchmetrics and by hand."""

from __future__ import annotations

from functools import reduce
from operator import add

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_calibration_error

from lgg_seg.metrics.calibration import calibration_bins, expected_calibration_error
from tests.metrics.volumes import blobs, probabilities


@pytest.mark.parametrize("seed", range(5))
def test_error_equals_torchmetrics(seed: int) -> None:
    truth = blobs(seed)
    probability = np.minimum(probabilities(seed, truth), np.float32(0.999))  # torchmetrics keeps a 16th bin for 1 alone
    oracle = binary_calibration_error(torch.from_numpy(probability), torch.from_numpy(truth), n_bins=15, norm="l1")
    assert expected_calibration_error(calibration_bins(probability, truth)) == pytest.approx(oracle.item(), abs=1e-5)


def test_error_worked_by_hand() -> None:
    # One bin holds 0.5 twice, one of them tumour: no error. The last holds 1 twice and 0.95, one of them tumour:
    # |2.95 - 1|. The first holds 0: no error. Over six pixels.
    probability = np.array([0.5, 0.5, 1.0, 1.0, 0.95, 0.0], dtype=np.float32)
    truth = np.array([True, False, True, False, False, False])
    bins = calibration_bins(probability, truth)
    assert bins.pixels.tolist() == [1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 3]
    assert expected_calibration_error(bins) == pytest.approx(1.95 / 6)


def test_bins_of_parts_add_up() -> None:
    truth = blobs(1)
    probability = probabilities(1, truth)
    parts = reduce(add, (calibration_bins(p, t) for p, t in zip(probability, truth, strict=True)))
    whole = calibration_bins(probability, truth)
    np.testing.assert_array_equal(parts.pixels, whole.pixels)
    assert expected_calibration_error(parts) == pytest.approx(expected_calibration_error(whole), abs=1e-12)
