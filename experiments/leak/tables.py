"""What the leak adds to each configuration that was trained under both splits."""

from functools import cache
from pathlib import Path

import matplotlib as mpl

from lgg_seg.comparison.leakage import LeakageTable, leakage_tables
from lgg_seg.comparison.runs import find_runs
from lgg_seg.comparison.tables import build_leaderboard
from lgg_seg.reporting.html.drawing import RC
from lgg_seg.reporting.html.forests import leakage_plot
from lgg_seg.reporting.leakage import leakage_markdown


@cache
def tables() -> list[LeakageTable]:
    """Those of the runs beside this file."""
    return leakage_tables(build_leaderboard(find_runs([Path(__file__).parent])))


def both_splits() -> str:
    """The tables and their method, without the heading."""
    return leakage_markdown(tables()).split("\n\n", 1)[1].strip()


def draw() -> None:
    """Write `leak.png`: every set of slices, the longest trainings first."""
    with mpl.rc_context(RC):
        leakage_plot(tables()).savefig(Path(__file__).with_name("leak.png"), dpi=110, facecolor="white")
