"""A comparison of many runs is linear in their number: counted in calls and files, since clocks vary."""

from __future__ import annotations

import cProfile
import pstats
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lgg_seg.comparison.leakage import leakage_tables
from lgg_seg.comparison.runs import find_runs
from lgg_seg.comparison.tables import build_leaderboard
from lgg_seg.data.splits.split import LEAKY
from lgg_seg.reporting.leaderboard import markdown, rows
from tests.comparison.run_folders import volumes, write_run

RUNS = 16
opened: list[str] | None = None


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Runs that differ in their rates, every second one beside its like with a leak."""
    root = tmp_path_factory.mktemp("runs")
    leaky = {"truths": volumes(2), "protocol": LEAKY}
    return [
        write_run(root / f"{k:02}", [f"optimizer.lr={1 + k // 2}e-4", *(["split=slice_random"] if k % 2 else [])],
                  dice=0.5 + k / 100, **(leaky if k % 2 else {"truths": volumes(2)}))
        for k in range(RUNS)
    ]  # fmt: skip


def compare(folders: list[Path]) -> None:
    board = build_leaderboard(find_runs(folders))
    assert len(leakage_tables(board)[0].rows) == len(folders) // 2
    markdown(board)
    rows(board)


def test_the_work_grows_with_the_number_of_runs_and_not_with_its_square(folders: list[Path]) -> None:
    calls = []
    for count in (2, RUNS // 4, RUNS // 2, RUNS):  # the first call of all imports and fills caches
        with cProfile.Profile() as profile:
            compare(folders[:count])
        calls.append(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]  # not in typeshed
    _, quarter, half, whole = calls
    assert whole - half < 1.01 * 2 * (half - quarter)


def test_every_file_is_read_once(folders: list[Path]) -> None:
    global opened
    sys.addaudithook(_note)
    opened = []
    try:
        compare(folders)
    finally:
        found, opened = opened, None
    counts = Counter(name for name in found if Path(name).parent in folders)
    assert len(counts) >= 5 * RUNS
    assert set(counts.values()) == {1}


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    """A hook for good: Python has no way to remove one."""
    if event == "open" and opened is not None and isinstance(arguments[0], str | Path):
        opened.append(str(arguments[0]))
