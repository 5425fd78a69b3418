"""Tables of scores, patients by configurations, drawn for the property tests of comparisons."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from lgg_seg.metrics.arrays import Floats


@st.composite
def score_tables(draw: st.DrawFn, most_patients: int, levels: int) -> tuple[Floats, list[int], list[int]]:
    """Scores on a coarse grid of `levels` steps, so that ties abound, with an order of the rows and of the columns."""
    patients, configurations = draw(st.integers(1, most_patients)), draw(st.integers(1, 5))
    cells = st.integers(0, levels).map(lambda k: k / levels)
    row = st.lists(cells, min_size=configurations, max_size=configurations)
    rows = draw(st.lists(row, min_size=patients, max_size=patients))
    return np.array(rows), draw(st.permutations(range(patients))), draw(st.permutations(range(configurations)))
