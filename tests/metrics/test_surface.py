"""Surface distances against MONAI, a brute-force distance transform, by hand, and under their laws."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_hausdorff_distance, compute_surface_dice
from scipy.ndimage import binary_erosion, distance_transform_edt

from lgg_seg.metrics.arrays import Bools
from lgg_seg.metrics.surface import surface_distances
from tests.metrics.volumes import blobs, drawn

pairs = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from([0.003, 0.05, 0.3]))


def pair(mask_pair: tuple[int, int, float]) -> tuple[Bools, Bools]:
    first, second, share = mask_pair
    return blobs(first, share=share), blobs(second, share=0.1)


@settings(max_examples=25, deadline=None)
@given(pairs)
def test_hd95_and_nsd_equal_monai(mask_pair: tuple[int, int, float]) -> None:
    prediction, truth = pair(mask_pair)
    ours = surface_distances(prediction, truth)
    as_batch = [torch.from_numpy(mask)[None, None] for mask in (prediction, truth)]
    hd95 = compute_hausdorff_distance(*as_batch, include_background=True, percentile=95)
    assert ours.hd95() == pytest.approx(hd95.item(), abs=1e-5)
    for tolerance in (0.0, 1.0, 2.0):
        nsd = compute_surface_dice(*as_batch, class_thresholds=[tolerance], include_background=True)
        assert ours.nsd(tolerance) == pytest.approx(nsd.item(), abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(pairs)
def test_distances_equal_an_exact_distance_transform(mask_pair: tuple[int, int, float]) -> None:
    prediction, truth = pair(mask_pair)
    ours = surface_distances(prediction, truth)
    edges = [mask ^ binary_erosion(mask) for mask in (prediction, truth)]
    np.testing.assert_allclose(ours.from_prediction, distance_transform_edt(~edges[1])[edges[0]], atol=1e-12)
    np.testing.assert_allclose(ours.from_truth, distance_transform_edt(~edges[0])[edges[1]], atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(pairs)
def test_swapping_prediction_and_truth_changes_nothing(mask_pair: tuple[int, int, float]) -> None:
    prediction, truth = pair(mask_pair)
    there, back = surface_distances(prediction, truth), surface_distances(truth, prediction)
    assert (there.hd95(), there.nsd()) == (back.hd95(), back.nsd())


def test_perfect_prediction_has_no_distance() -> None:
    same = surface_distances(blobs(0), blobs(0))
    assert (same.hd95(), same.nsd(0.0)) == (0.0, 1.0)


def test_distances_worked_by_hand() -> None:
    # One voxel against two: 3 pixels away in its row, and one slice below it. The single voxel is 1 from the nearest;
    # the two are 3 and 1 away, whose 95th percentile is 1 + 0.95 * 2.
    distances = surface_distances(drawn("#...", "...."), drawn("...#", "#..."))
    assert distances.from_prediction.tolist() == [1.0]
    assert sorted(distances.from_truth.tolist()) == [1.0, 3.0]
    assert distances.hd95() == pytest.approx(2.9)
    assert distances.nsd(2.0) == pytest.approx(2 / 3)


def test_both_empty_is_perfect() -> None:
    empty = np.zeros((2, 4, 4), dtype=bool)
    assert (surface_distances(empty, empty).hd95(), surface_distances(empty, empty).nsd()) == (0.0, 1.0)


@pytest.mark.parametrize("prediction_is_empty", [True, False])
def test_one_empty_is_the_diagonal_of_the_whole_grid(prediction_is_empty: bool) -> None:
    masks = [np.zeros((2, 3, 6), dtype=bool), np.zeros((2, 3, 6), dtype=bool)]
    masks[prediction_is_empty][1, 1, 1] = True
    assert surface_distances(*masks).hd95() == 7.0  # sqrt(4 + 9 + 36)
    assert surface_distances(*masks).nsd() == 0.0


def test_a_stray_voxel_in_a_whole_volume_costs_little_time() -> None:
    grid = np.ogrid[:60, :256, :256]
    squares = [((a - c) / r) ** 2 for a, c, r in zip(grid, (30, 120, 130), (12, 40, 35), strict=True)]
    truth = np.asarray(sum(squares)) <= 1
    prediction = np.roll(truth, 3, axis=1)
    prediction[0, 0, 0] = prediction[-1, -1, -1] = True
    start = time.process_time()
    assert surface_distances(prediction, truth).hd95() <= 3
    assert time.process_time() - start < 1  # 0.07 s measured; a distance transform of the box takes 0.6 s
