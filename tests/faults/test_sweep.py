"""A sweep that loses a process or gets a signal loses nothing else, and the same command goes on with it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil

from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.status import read_status
from tests.faults.killed import CODES, SMALL
from tests.workplace import Command, Workplace

SWEEP = ("-m", *SMALL, "trainer.max_epochs=5", "callbacks=none", "seed=1,2,3", "hydra.sweep.dir=sweep")


def states(sweep: Path) -> list[str]:
    return sorted(str(read_status(RunFolder(path.parent))["state"]) for path in sweep.glob("*/status.json"))


def kill_a_worker(sweep: Path, process: psutil.Popen) -> None:
    """Kill one of joblib's two processes once both have trained an epoch."""
    while len(list(sweep.glob("*/checkpoints/last.ckpt"))) < 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    workers = [one for one in process.children(recursive=True) if "popen_loky_posix" in " ".join(one.cmdline())]
    workers[0].kill()


def test_a_killed_worker_and_signals_cost_no_other_job_and_the_same_command_goes_on(workplace: Workplace) -> None:
    folder, environment = workplace
    sweep = folder / "sweep"
    words = [sys.executable, "-m", "lgg_seg", *SWEEP, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    process = psutil.Popen(words, cwd=folder, env=environment, stdout=-1, stderr=subprocess.STDOUT, encoding="utf-8")
    kill_a_worker(sweep, process)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 2, output
    assert "The launcher lost a job (TerminatedWorkerError" in output
    assert "What had finished is kept; the same command runs what is missing." in output
    assert "Traceback" not in output
    assert states(sweep) == ["finished", "interrupted", "interrupted"]

    for name in ("SIGINT", "SIGTERM"):  # the second one where the first has left off
        dying = environment | {"DIE_AT": f"{name} training 2"}
        stopped = Command((folder, dying), *SWEEP, module="tests.faults.dying").wait()
        assert stopped.returncode == CODES[name], stopped.stderr
        assert "the sweep is interrupted; the same command goes on with what is missing" in stopped.stderr
        assert "Traceback" not in stopped.stderr

    done = Command(workplace, *SWEEP).wait()
    assert done.returncode == 0, done.stderr
    assert states(sweep) == ["finished"] * 3, "none was begun anew in another folder"
    histories = [pd.read_csv(path)["epoch"].tolist() for path in sweep.glob("*/history.csv")]
    assert histories == [list(range(5))] * 3
