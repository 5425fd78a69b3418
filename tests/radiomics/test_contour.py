"""Angular standard deviation and margin fluctuation on outlines whose values follow from a formula."""

from __future__ import annotations

from itertools import pairwise
from math import asinh, cos, pi, sin, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from lgg_seg.metrics.morphology import largest_component
from lgg_seg.radiomics.contour import angular_standard_deviation, margin_fluctuation, outline

ORIGIN = np.zeros(2)
ROWS, COLUMNS = np.mgrid[:256, :256]


def polar(radius: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Points (n, 2) as row and column."""
    return np.column_stack([radius * np.sin(angle), radius * np.cos(angle)])


def star(arms: int, depth: float, points: int = 5000) -> np.ndarray:
    angle = np.arange(points) / points * 2 * pi
    return polar(1 + depth * np.cos(arms * angle), angle)


def star_fluctuation(arms: int, depth: float, points: int) -> float:
    """A moving average of w points scales cos(kθ) by sin(kπw/n) / (w sin(kπ/n)); what is left has the SD a/√2 of it."""
    window = 2 * int(points / 20) + 1
    kept = sin(arms * pi * window / points) / (window * sin(arms * pi / points))
    return depth * abs(1 - kept) / sqrt(2)


def raster(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The outline and centroid of a drawn shape."""
    part = largest_component(inside)
    return outline(part), np.argwhere(part).mean(axis=0)


def turned(points: np.ndarray, angle: float) -> np.ndarray:
    return points @ np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])


def test_a_circle_has_neither() -> None:
    circle = star(1, 0)
    assert angular_standard_deviation(circle, ORIGIN) == pytest.approx(0, abs=1e-12)
    assert margin_fluctuation(circle, ORIGIN) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("radius", "most"), [(10, 0.04), (40, 0.01), (100, 0.004)])
def test_a_drawn_disc_has_only_what_its_pixels_bring(radius: int, most: float) -> None:
    border, centre = raster(radius**2 >= (ROWS - 127) ** 2 + (COLUMNS - 127) ** 2)
    assert 0 < (angular_standard_deviation(border, centre) or 0) < most
    assert 0 < (margin_fluctuation(border, centre) or 0) < most


@pytest.mark.parametrize(("arms", "depth", "points"), [(3, 0.2, 5000), (7, 0.1, 1999), (12, 0.3, 640), (10, 0.1, 990)])
def test_the_fluctuation_of_a_star_is_in_closed_form(arms: int, depth: float, points: int) -> None:
    found = margin_fluctuation(star(arms, depth, points), ORIGIN)
    assert found == pytest.approx(star_fluctuation(arms, depth, points), rel=1e-9)


@pytest.mark.parametrize(("arms", "depth"), [(6, 0.15), (9, 0.12), (12, 0.1)])
def test_a_drawn_stars_fluctuation_is_near_the_formula(arms: int, depth: float) -> None:
    """Pixels follow the outline's length, the formula its angle: shallow stars, where both nearly agree."""
    angle, distance = np.arctan2(ROWS - 127.0, COLUMNS - 127.0), np.hypot(ROWS - 127.0, COLUMNS - 127.0)
    border, centre = raster(distance <= 90 * (1 + depth * np.cos(arms * angle)))
    expected = star_fluctuation(arms, depth, len(border))
    assert margin_fluctuation(border, centre) == pytest.approx(expected, rel=0.2)


def test_the_angular_deviation_of_a_star_is_in_closed_form() -> None:
    """With ten arms every bin holds one period of a cosine, whose SD is a/√2."""
    assert angular_standard_deviation(star(10, 0.2), ORIGIN) == pytest.approx(0.2 / sqrt(2), rel=1e-3)


@pytest.mark.parametrize("ratio", [1.2, 2.0, 3.0])
def test_the_angular_deviation_of_an_ellipse_is_its_integral(ratio: float) -> None:
    def radius(angle: float) -> float:
        return 1 / sqrt((cos(angle) / ratio) ** 2 + sin(angle) ** 2)

    def mean(power: int, low: float, high: float) -> float:
        return quad(lambda angle: radius(angle) ** power, low, high)[0] / (high - low)

    edges = [k * pi / 5 for k in range(11)]
    bins = list(pairwise(edges))
    expected = np.mean([sqrt(mean(2, *b) - mean(1, *b) ** 2) for b in bins]) / mean(1, 0, 2 * pi)
    angle = (np.arange(50_000) + 0.5) / 50_000 * 2 * pi
    border = polar(np.array([radius(a) for a in angle]), angle)
    assert angular_standard_deviation(border, ORIGIN) == pytest.approx(expected, rel=1e-3)


def test_the_angular_deviation_of_a_drawn_square_is_its_integral() -> None:
    """Along a side of half length 1 the distance is √(1 + t²), t from -1 to 1; its mean (√2 + asinh 1) / 2."""
    mean = (sqrt(2) + asinh(1)) / 2
    places = (np.arange(400_000) + 0.5) / 400_000 * 8  # around the four sides, 2 each, from the corner (1, -1) on
    side, t = (places // 2).astype(int), places % 2 - 1
    angle = (np.arctan(t) + side * pi / 2) % (2 * pi)
    distance = np.sqrt(1 + t**2) / mean
    expected = np.mean([distance[(angle // (pi / 5)) == k].std() for k in range(10)])
    border, centre = raster((abs(ROWS - 127) <= 100) & (abs(COLUMNS - 127) <= 100))
    assert angular_standard_deviation(border, centre) == pytest.approx(expected, rel=0.01)


@given(
    scale=st.floats(0.01, 1000),
    shift=st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
    angle=st.floats(0, 2 * pi),
    start=st.integers(0, 4999),
)
def test_size_place_rotation_and_starting_point_change_no_fluctuation(
    scale: float, shift: tuple[float, float], angle: float, start: int
) -> None:
    border = star(5, 0.2)
    other = np.roll(turned(border, angle) * scale, start, axis=0) + shift
    assert margin_fluctuation(other, np.array(shift)) == pytest.approx(margin_fluctuation(border, ORIGIN), rel=1e-6)


@given(scale=st.floats(0.01, 1000), turns=st.integers(0, 9), start=st.integers(0, 4999))
def test_size_and_rotation_by_whole_bins_change_no_angular_deviation(scale: float, turns: int, start: int) -> None:
    border = star(3, 0.3)
    other = np.roll(turned(border, turns * pi / 5) * scale, start, axis=0)
    assert angular_standard_deviation(other, ORIGIN) == pytest.approx(
        angular_standard_deviation(border, ORIGIN), rel=1e-2
    )


def test_the_outline_is_that_of_the_largest_component_without_holes() -> None:
    plain = np.zeros((40, 40), bool)
    plain[5:25, 5:25] = True
    other = plain.copy()
    other[10:15, 10:15] = False
    other[30:35, 30:38] = True
    border = outline(largest_component(other))
    assert border.tolist() == outline(plain).tolist()
    assert len(border) == 4 * 19
    steps = np.abs(np.diff(border, axis=0, append=border[:1])).max(axis=1)
    assert (steps == 1).all()


def test_one_pixel_has_neither_and_a_short_outline_no_fluctuation() -> None:
    point = np.zeros((1, 2))
    assert (angular_standard_deviation(point, ORIGIN), margin_fluctuation(point, ORIGIN)) == (None, None)
    small = star(3, 0.3, 19)
    assert angular_standard_deviation(small, ORIGIN) is not None
    assert margin_fluctuation(small, ORIGIN) is None


def test_a_line_deviates_within_the_two_bins_it_passes() -> None:
    """Its outline runs there and back over 0 … 10 to either side: each bin has the deviation of 0 … 10 over 5."""
    mask = np.zeros((3, 23), bool)
    mask[1, 1:22] = True
    border, centre = raster(mask)
    distances = np.abs(border[:, 1] - centre[1]) / np.abs(border[:, 1] - centre[1]).mean()
    right = border[:, 1] >= centre[1]
    expected = (distances[right].std() + distances[~right].std()) / 2
    assert angular_standard_deviation(border, centre) == pytest.approx(expected)
