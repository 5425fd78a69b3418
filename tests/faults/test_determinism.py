"""One config, one result: on one machine, whatever the number of workers."""

from __future__ import annotations

from pathlib import Path

from lgg_seg.runs.folder import RunFolder
from tests.faults.killed import lasting
from tests.workplace import Workplace, lgg


def test_the_same_seed_gives_the_same_metrics_with_any_number_of_workers(
    trained_run: Path, workplace: Workplace
) -> None:
    """`trained_run` has none; that a run without any repeats itself follows, and test_train compares two of them."""
    _, words = RunFolder(trained_run).read_config()
    done = lgg(workplace, *words, "data.workers=2", "hydra.run.dir=workers")
    assert done.returncode == 0, done.stderr
    assert lasting(workplace[0] / "workers") == lasting(trained_run)
