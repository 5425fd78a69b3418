"""Boundary complexity on shapes whose perimeter and area are known."""

from __future__ import annotations

import numpy as np
import pytest

from lgg_seg.metrics.boundary import boundary_irregularity

ROWS, COLUMNS = np.mgrid[:160, :160]


def disc(row: float, column: float, radius: float) -> np.ndarray:
    return (ROWS - row) ** 2 + (COLUMNS - column) ** 2 <= radius**2


@pytest.mark.parametrize("radius", [8, 15, 40, 70])
def test_a_disc_is_1_whatever_its_size(radius: int) -> None:
    assert boundary_irregularity(disc(80, 80, radius)[None]) == pytest.approx(1, abs=0.06 if radius < 10 else 0.03)


def test_two_discs_are_the_square_root_of_2() -> None:
    assert boundary_irregularity((disc(40, 40, 30) | disc(110, 110, 30))[None]) == pytest.approx(2**0.5, abs=0.04)


def test_a_rectangle_of_ten_to_one() -> None:
    """Perimeter 22 a, area 10 a²: 22 / (2 √(10 π)) = 1.963, estimated within 5 %."""
    bar = (abs(ROWS - 80) < 7.5) & (abs(COLUMNS - 80) < 75)
    assert boundary_irregularity(bar[None]) == pytest.approx(1.963, rel=0.06)


def test_slices_weigh_their_area_and_empty_ones_nothing() -> None:
    one, two = disc(40, 40, 30), disc(40, 40, 30) | disc(110, 110, 30)
    volume = np.stack([one, np.zeros_like(one), two])
    alone, both = boundary_irregularity(one[None]), boundary_irregularity(two[None])
    expected = (alone * one.sum() + both * two.sum()) / (one.sum() + two.sum())
    assert boundary_irregularity(volume) == pytest.approx(expected)


def test_no_tumour_has_no_outline_and_one_that_fills_the_slice_has() -> None:
    assert boundary_irregularity(np.zeros((2, 8, 8), bool)) is None
    assert boundary_irregularity(np.ones((1, 8, 8), bool)) > 0.9
