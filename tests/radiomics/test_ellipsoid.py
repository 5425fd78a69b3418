"""The smallest enclosing ellipsoid against known ones, against another optimiser, and under affine maps."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from lgg_seg.radiomics.ellipsoid import TOLERANCE, ellipsoid_volume_ratio, enclosing_ellipsoid

BOX = 2 / (pi * sqrt(3))  # 8 / (4/3 π 3^(3/2)): the cube of side 2 in the ball of radius √3


def cloud(seed: int, count: int, dimensions: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, dimensions))


def ball(radius: float, size: int = 64) -> np.ndarray:
    z, y, x = np.mgrid[:size, :size, :size] - (size - 1) / 2
    return x**2 + y**2 + z**2 <= radius**2


def by_another_optimiser(points: np.ndarray) -> float:
    """The volume by SLSQP on max log det A, |A x - b| ≤ 1: no dual, no Khachiyan."""
    d = points.shape[1]
    rows, columns = np.tril_indices(d)

    def unpack(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a = np.zeros((d, d))
        a[rows, columns] = v[: rows.size]
        return a, v[rows.size :]

    def slack(v: np.ndarray) -> np.ndarray:
        a, b = unpack(v)
        return 1 - ((points @ a.T - b) ** 2).sum(axis=1)

    reach = np.linalg.norm(points, axis=1).max()
    start = np.concatenate([(np.eye(d) / reach)[rows, columns], np.zeros(d)])
    constraint = {"type": "ineq", "fun": slack}
    found = minimize(
        lambda v: -np.log(np.abs(np.diag(unpack(v)[0]))).sum(),
        start,
        method="SLSQP",
        constraints=constraint,
        options={"maxiter": 1000, "ftol": 1e-12},
    )
    assert found.success
    return float({2: pi, 3: 4 / 3 * pi}[d] * np.exp(found.fun))


@pytest.mark.parametrize(("dimensions", "volume"), [(2, pi * 2), (3, 4 / 3 * pi * 3**1.5), (4, pi**2 / 2 * 16)])
def test_around_a_cubes_corners_is_the_ball_through_them(dimensions: int, volume: float) -> None:
    corners = np.array(np.meshgrid(*[[-1.0, 1.0]] * dimensions)).reshape(dimensions, -1).T
    found = enclosing_ellipsoid(corners + 5)
    assert found.volume == pytest.approx(volume)
    assert found.centre == pytest.approx(np.full(dimensions, 5.0))


def test_around_a_triangle_is_steiners_ellipse() -> None:
    """Its area is 4π / (3√3) times the triangle's, whatever the triangle."""
    triangle = np.array([[0.0, 0.0], [7.0, 1.0], [2.0, 3.0]])
    area = abs(np.linalg.det(triangle[1:] - triangle[0])) / 2
    found = enclosing_ellipsoid(triangle, 1e-8)
    assert found.volume == pytest.approx(4 * pi / (3 * sqrt(3)) * area)
    assert found.centre == pytest.approx(triangle.mean(axis=0))


def test_points_of_an_ellipsoid_give_it_back() -> None:
    rotation = np.linalg.qr(cloud(0, 3))[0]
    sphere = cloud(1, 4000)
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    points = sphere * [9.0, 4.0, 1.0] @ rotation.T + [100.0, -50.0, 3.0]
    found = enclosing_ellipsoid(points)
    assert found.volume == pytest.approx(4 / 3 * pi * 36, rel=0.01)
    axes = 1 / np.sqrt(np.linalg.eigvalsh(found.shape))
    assert sorted(axes) == pytest.approx([1, 4, 9], rel=0.01)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_volume_equals_another_optimisers(dimensions: int, seed: int) -> None:
    points = cloud(seed, 25, dimensions)
    assert enclosing_ellipsoid(points).volume == pytest.approx(by_another_optimiser(points), rel=2 * TOLERANCE)


@pytest.mark.parametrize("tolerance", [0.3, 1e-2, 1e-4, 1e-6])
def test_all_points_are_inside_and_the_volume_is_within_the_tolerance(tolerance: float) -> None:
    points = cloud(4, 200)
    found = enclosing_ellipsoid(points, tolerance)
    assert found.distances(points).max() == pytest.approx(1, abs=1e-12)
    assert found.volume <= enclosing_ellipsoid(points, 1e-9).volume * (1 + tolerance)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), exponents=st.tuples(*[st.floats(-3, 3)] * 3), shift=st.floats(-1e3, 1e3))
def test_an_affine_map_takes_the_volume_along(seed: int, exponents: tuple[float, ...], shift: float) -> None:
    points, rotation = cloud(seed, 30), np.linalg.qr(cloud(seed + 1, 3))[0]
    matrix = rotation * 10.0 ** np.array(exponents)
    moved = enclosing_ellipsoid(points @ matrix.T + shift).volume
    expected = enclosing_ellipsoid(points).volume * abs(np.linalg.det(matrix))
    assert moved == pytest.approx(expected, rel=3 * TOLERANCE)


@pytest.mark.parametrize("points", [np.zeros((1, 3)), np.eye(3), np.ones((9, 3)), cloud(0, 20) * [1, 1, 0]])
def test_flat_points_have_no_ellipsoid(points: np.ndarray) -> None:
    with pytest.raises(ValueError, match="span fewer than 3 dimensions"):
        enclosing_ellipsoid(points)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 1), (2, 3, 20), (5, 5, 5)])
def test_a_box_fills_037_of_its_ellipsoid(shape: tuple[int, int, int]) -> None:
    mask = np.zeros((8, 12, 30), bool)
    mask[1 : 1 + shape[0], 2 : 2 + shape[1], 3 : 3 + shape[2]] = True
    assert ellipsoid_volume_ratio(mask) == pytest.approx(BOX, rel=TOLERANCE)


def test_a_ball_fills_its_ellipsoid_but_for_the_corners_of_its_voxels() -> None:
    ratios = [ellipsoid_volume_ratio(ball(radius)) or 0 for radius in (4, 8, 16, 30)]
    assert ratios == sorted(ratios)
    assert ratios[-1] == pytest.approx((30 / (30 + sqrt(3) / 2)) ** 3, abs=0.01)


def test_an_ellipsoid_fills_as_much_and_a_dumbbell_less() -> None:
    z, y, x = np.mgrid[:40, :80, :100] - np.array([20, 40, 50])[:, None, None, None]
    lens = (x / 48) ** 2 + (y / 36) ** 2 + (z / 18) ** 2 <= 1
    dumbbell = ((abs(x) - 30) ** 2 + y**2 + z**2 <= 18**2) | ((abs(x) < 30) & (y**2 + z**2 <= 9))
    assert ellipsoid_volume_ratio(lens) == pytest.approx(0.93, abs=0.03)
    assert (ellipsoid_volume_ratio(dumbbell) or 1) < 0.6


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), times=st.tuples(*[st.integers(1, 4)] * 3))
def test_thicker_slices_and_moving_and_turning_change_nothing(seed: int, times: tuple[int, int, int]) -> None:
    mask = np.random.default_rng(seed).random((4, 5, 6)) < 0.2
    mask[2, 2, 3] = True
    ratio = ellipsoid_volume_ratio(mask)
    assert ratio is not None
    assert 0 < ratio <= 1
    stretched = mask.repeat(times[0], axis=0).repeat(times[1], axis=1).repeat(times[2], axis=2)
    for other in (stretched, np.pad(mask, ((3, 0), (0, 2), (1, 1))), mask.transpose(2, 0, 1), mask[::-1, :, ::-1]):
        assert ellipsoid_volume_ratio(other) == pytest.approx(ratio, rel=3 * TOLERANCE)


def test_an_empty_mask_has_no_ratio() -> None:
    assert ellipsoid_volume_ratio(np.zeros((3, 4, 5), bool)) is None
