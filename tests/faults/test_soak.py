"""A hundred runs in one sweep that is killed again and again: nothing is lost, nothing is wrong, nothing piles up."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest

from tests.faults.killed import lasting
from tests.workplace import TINY, Command, Workplace, lgg

RUNS, KILLS, CHECKED = 100, 6, 3
RECIPE = (*TINY, "logger=none", "data.batch_size=4", "split.val=2", "split.test=2", "trainer.max_epochs=2",
          "trainer.limit_train_batches=3", "callbacks.validation_images=null", "evaluation.n_bootstrap=50")  # fmt: skip
RATES = [f"{0.001 * (1 + number):.3f}" for number in range(RUNS)]
ENOUGH = 900  # seconds
MB = 2**20
MOMENTARY = 8  # files


def states(sweep: Path) -> list[str]:
    return [json.loads(path.read_text(encoding="utf-8"))["state"] for path in sweep.glob("*/status.json")]


def samples(command: Command, sweep: Path) -> Iterator[tuple[int, int]]:
    """Open files and resident memory of a sweep's process, after each run that it finishes."""
    process, before = psutil.Process(command.pid), states(sweep).count("finished")
    while command.is_running():
        time.sleep(0.2)
        if (now := states(sweep).count("finished")) > before:
            before = now
            try:
                yield process.num_fds(), process.memory_info().rss
            except psutil.NoSuchProcess:
                return


@pytest.mark.soak
def test_a_hundred_runs_of_a_sweep_that_is_killed_six_times(workplace: Workplace) -> None:
    folder, draw = workplace[0], random.Random("soak")
    sweep, words = folder / "soak", ["-m", *RECIPE, f"optimizer.lr={','.join(RATES)}", "hydra.sweep.dir=soak"]
    interrupted: set[str] = set()
    for _ in range(KILLS):
        command, target = Command(workplace, *words), states(sweep).count("finished") + draw.randint(1, 4)
        end = time.monotonic() + ENOUGH
        while time.monotonic() < end:
            now = states(sweep)
            if now.count("finished") >= target and "running" in now:  # it must hit a run, also on a busy machine
                break
            time.sleep(0.1)
        time.sleep(draw.uniform(0, 1))
        command.send_signal(9)
        assert command.wait().returncode == -9
        interrupted |= {
            path.parent.name for path in sweep.glob("*/status.json") if "running" in path.read_text(encoding="utf-8")
        }
    last = Command(workplace, *words)
    seen = list(samples(last, sweep))
    done = last.wait(ENOUGH)
    assert done.returncode == 0, done.stderr

    assert len(seen) > 30, "the last process must run many"
    print(
        f"{len(interrupted)} runs killed; open files and resident MB: {[(files, size // MB) for files, size in seen]}"
    )
    early, late = seen[5:15], seen[-10:]
    # Samples differ by the files being written at their moment; a run that left one open would add seventy.
    assert max(files for files, _ in late) <= max(files for files, _ in early) + MOMENTARY, seen
    assert max(size for _, size in late) <= max(size for _, size in early) + 60 * MB, seen

    board = pd.read_csv(sweep / "leaderboard.csv")
    assert len(board) == RUNS
    assert set(states(sweep)) <= {"finished", "interrupted"}
    assert states(sweep).count("finished") == RUNS
    assert len(interrupted) >= KILLS // 2, "most kills must hit a run"
    for number, name in enumerate(sorted(interrupted)[:CHECKED]):
        killed = max((path for path in sweep.glob(f"{name}*") if (path / "metrics.json").exists()), key=str)
        rate = next(
            word for word in (killed / "overrides.yaml").read_text(encoding="utf-8").split() if "optimizer.lr=" in word
        )
        assert lgg(workplace, *RECIPE, rate, f"hydra.run.dir=whole-{number}").returncode == 0
        assert lasting(killed) == lasting(folder / f"whole-{number}")
    assert not list(sweep.rglob(".partial*"))
