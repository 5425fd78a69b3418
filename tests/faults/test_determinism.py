"""One config, one result: on one machine, whatever the number of workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from lgg_seg.runs.folder import RunFolder
from tests.faults.killed import lasting
from tests.workplace import Workplace, lgg


@pytest.mark.parametrize("workers", [0, 2])
def test_the_same_seed_gives_the_same_metrics(trained_run: Path, workplace: Workplace, workers: int) -> None:
    _, words = RunFolder(trained_run).read_config()
    done = lgg(workplace, *words, f"data.workers={workers}", f"hydra.run.dir=workers-{workers}")
    assert done.returncode == 0, done.stderr
    assert lasting(workplace[0] / f"workers-{workers}") == lasting(trained_run)
