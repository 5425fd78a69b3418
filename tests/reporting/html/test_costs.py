"""Dice against cost: what beats what, and what the axes say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgg_seg.reporting.html import costs


def test_the_pareto_front_by_hand() -> None:
    assert costs.pareto([1, 2, 3, 3, 4], [0.5, 0.4, 0.7, 0.8, 0.8]) == [0, 3]
    assert costs.pareto([2, 1], [0.9, 0.9]) == [1]


@given(st.lists(st.tuples(st.floats(1, 100), st.floats(0, 1)), min_size=1, max_size=12))
def test_nothing_beats_the_pareto_front_and_it_beats_all_else(points: list[tuple[float, float]]) -> None:
    front = costs.pareto([x for x, _ in points], [y for _, y in points])
    for i, (x, y) in enumerate(points):
        better = [j for j, (a, b) in enumerate(points) if a <= x and b >= y and (a, b) != (x, y)]
        assert (i in front) <= (not better)
        assert i in front or any(points[j][0] <= x and points[j][1] >= y for j in front)


@pytest.mark.parametrize(
    ("longest", "ticks", "texts"),
    [
        (80, [40, 60], ["40 s", "60 s"]),
        (150, [48, 60, 90, 120], ["0.8 min", "1 min", "1.5 min", "2 min"]),
        (9000, [5400, 7200], ["1.5 h", "2 h"]),
    ],
)
def test_no_two_ticks_of_a_time_axis_say_the_same(longest: float, ticks: list[float], texts: list[str]) -> None:
    _, text = costs._time_axis(longest)
    assert [text(tick) for tick in ticks] == texts
