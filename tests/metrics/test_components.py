"""The largest component of slices and volumes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lgg_seg.metrics.components import largest_component
from tests.metrics.volumes import drawn


def test_the_largest_component_holds_together_over_slices_and_corners() -> None:
    """Two pixels of the first slice touch one of the second at a corner alone: three against two beside each other."""
    mask = drawn("#..../#..../...../....#/....#", "...../...../.#.../...../.....")
    assert (
        largest_component(mask).tolist()
        == drawn("#..../#..../...../...../.....", "...../...../.#.../...../.....").tolist()
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**27 - 1))
def test_the_largest_component_is_part_of_the_mask_and_its_own_largest_component(bits: int) -> None:
    mask = np.array([bits >> i & 1 for i in range(27)], bool).reshape(3, 3, 3)
    kept = largest_component(mask)
    assert kept.dtype == np.bool_
    assert not (kept & ~mask).any()
    assert kept.any() == mask.any()
    assert np.array_equal(largest_component(kept), kept)


def test_of_equal_components_the_first_is_taken_in_a_slice_too() -> None:
    mask = np.zeros((5, 9), bool)
    mask[1:3, 1:3] = mask[1:3, 6:8] = True
    assert np.argwhere(largest_component(mask)).max(axis=0).tolist() == [2, 2]


def test_with_connectivity_1_corners_do_not_join() -> None:
    mask = drawn("##.../..#../...##")
    assert largest_component(mask).all() == mask.all()
    assert largest_component(mask, connectivity=1).tolist() == drawn("##.../...../.....").tolist()
