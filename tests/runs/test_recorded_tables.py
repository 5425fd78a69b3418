"""`compare` on every folder of experiments/ gives the numbers that it gave before any name in it changed.

Beside this file, tables/FOLDER holds what `python -m lgg_seg.compare experiments/FOLDER` wrote then.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from lgg_seg.compare import write_tables
from lgg_seg.comparison.leakage import leakage_tables
from lgg_seg.comparison.runs import find_runs
from lgg_seg.comparison.tables import build_leaderboard
from lgg_seg.runs.folder import RunFolder

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
TABLES = Path(__file__).with_name("tables")
FOLDERS = sorted(path.name for path in TABLES.iterdir())


@pytest.mark.parametrize("name", FOLDERS)
def test_compare_gives_the_numbers_it_gave_before(name: str, tmp_path: Path) -> None:
    board = build_leaderboard(find_runs([EXPERIMENTS / name]))
    write_tables(board, leakage_tables(board), RunFolder(tmp_path))
    written = sorted(path.name for path in tmp_path.glob("*.csv"))
    assert written == sorted(path.name for path in (TABLES / name).glob("*.csv"))
    for table in written:
        new, old = pd.read_csv(tmp_path / table), pd.read_csv(TABLES / name / table)
        numbers, labels = old.select_dtypes("number").columns, old.select_dtypes(exclude="number").columns
        assert_frame_equal(new[numbers], old[numbers], rtol=1e-9, atol=0)
        assert_frame_equal(new[labels], old[labels])
