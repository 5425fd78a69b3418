"""Sweeps through the command line: each launcher, failed jobs, the same command again, a killed search."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import optuna
import pandas as pd
import pytest
import yaml

from tests.workplace import Command

TINY = ("model.alpha=0.0625", "preprocess.size=32", "trainer=debug", "trainer.enable_progress_bar=false", "logger=csv")
FAST = ("model=unet_slim", *TINY, "debug=fast", "callbacks.validation_images=null")


@pytest.fixture
def workplace(phantom_root: Path, tmp_path: Path) -> Path:
    """A working directory away from the checkout, with the phantom tree in it."""
    (tmp_path / "tree").symlink_to(phantom_root)
    return tmp_path


def environment(workplace: Path) -> dict[str, str]:
    return os.environ | {"LGG_DATA_ROOT": str(workplace / "tree"), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}


def start(workplace: Path, *overrides: str) -> Command:
    return Command((workplace, environment(workplace)), "-m", *overrides)


def finish(command: Command) -> tuple[int, str]:
    done = command.wait()
    return done.returncode, done.stdout + done.stderr


def job_states(sweep: Path) -> dict[str, str]:
    """The state of every attempt, by the name of its folder without its digest."""
    found = {}
    for path in sweep.glob("*/status.json"):
        name, _, rest = path.parent.name.rpartition("_")
        found[name + "".join(rest.partition("-")[1:])] = json.loads(path.read_text(encoding="utf-8"))["state"]
    return found


def test_a_failed_job_is_a_row_and_two_terminals_share_what_is_missing(
    workplace: Path,
) -> None:
    overrides = (*FAST, "data.root=tree,later")
    code, output = finish(start(workplace, *overrides))
    assert code == 1, output
    assert "Traceback" not in output
    assert "failed: " in output
    assert "validated against" not in output, "Hydra's announcement about schemas of the same name"
    (sweep,) = (workplace / "runs" / "sweeps").iterdir()
    assert job_states(sweep) == {"root-tree": "finished", "root-later": "failed"}
    (failed,) = sweep.glob("root-later_*")
    assert "data=phantom" in json.loads((failed / "status.json").read_text(encoding="utf-8"))["reason"]
    assert "data=phantom" in (failed / "run.log").read_text(encoding="utf-8")
    assert {"config.yaml", "overrides.yaml"} <= {path.name for path in failed.iterdir()}
    assert (sweep / "leaderboard.html").exists()

    (done,) = sweep.glob("root-tree_*")
    before = {path: path.stat().st_mtime_ns for path in done.rglob("*")}
    shutil.copytree(workplace / "tree", workplace / "later")
    terminals = [start(workplace, *overrides) for _ in range(2)]
    ends = [finish(command) for command in terminals]
    assert [code for code, _ in ends] == [0, 0], ends
    assert job_states(sweep) == {"root-tree": "finished", "root-later": "failed", "root-later-2": "finished"}
    results = [line for _, output in ends for line in output.splitlines() if line.startswith("  patient Dice")]
    assert len(results) == 1, f"the missing job was run once: {ends}"
    assert all("has already finished" in output for _, output in ends)
    assert {path: path.stat().st_mtime_ns for path in done.rglob("*")} == before


def test_only_the_job_that_cannot_be_composed_fails_with_submitit_local(workplace: Path) -> None:
    overrides = (*FAST, "seed=0", 'hydra.sweeper.variants=["seed=1","model=unet_bn seed=1","model=nonsense"]')
    command = start(workplace, *overrides, "hydra.sweep.dir=named", "hydra/launcher=submitit_local")
    code, output = finish(command)
    assert code == 1, output
    assert job_states(workplace / "named") == {"seed-1": "finished", "unet_bn_seed-1": "failed", "nonsense": "failed"}
    rows = pd.read_csv(workplace / "named" / "leaderboard.csv")
    assert sorted(rows["status"]) == ["failed", "failed", "finished"]
    (failed,) = (workplace / "named").glob("unet_bn_*")
    assert "model.alpha" in json.loads((failed / "status.json").read_text(encoding="utf-8"))["reason"]
    assert "model=unet_bn" in yaml.safe_load((failed / "overrides.yaml").read_text(encoding="utf-8"))
    (done,) = (workplace / "named").glob("seed-1_*")
    assert json.loads((done / "provenance.json").read_text(encoding="utf-8"))["seed"] == 1
    assert json.loads((done / "provenance.json").read_text(encoding="utf-8"))["hardware"]["threads"] == 1


def test_a_killed_search_is_resumed_and_hopeless_trials_are_pruned(workplace: Path) -> None:
    """Four trials; killed in the second, whose rate is the best one, which is resumed from its last epoch."""
    overrides = (
        "model=unet_slim", *TINY, "trainer.max_epochs=4", "data.batch_size=4", "callbacks=none",
        "evaluation.n_bootstrap=100", "hydra/sweeper=optuna", "optimizer.lr=tag(log,interval(1e-9,1e-3))",
        "hydra.sweeper.n_trials=4", "hydra.sweeper.pruner.startup_trials=1", "hydra.sweeper.pruner.warmup_epochs=0",
        "hydra.sweep.dir=search",
    )  # fmt: skip
    sweep = workplace / "search"
    command = start(workplace, *overrides)
    while len(list(sweep.glob("*/checkpoints/last.ckpt"))) < 2:
        assert command.is_running(), finish(command)
        time.sleep(0.01)
    command.send_signal(signal.SIGKILL)
    command.wait()
    killed = max(sweep.glob("*/history.csv"), key=os.path.getmtime).parent
    assert json.loads((killed / "status.json").read_text(encoding="utf-8"))["state"] == "running"
    assert len(pd.read_csv(killed / "history.csv")) < 4

    code, output = finish(start(workplace, *overrides))
    assert code == 0, output
    assert "goes on where it stopped" in output
    assert pd.read_csv(killed / "history.csv")["epoch"].tolist() == [0, 1, 2, 3]
    study = optuna.load_study(study_name="search", storage=f"sqlite:///{sweep / 'study.db'}")
    trials = study.trials
    assert [trial.state.name for trial in trials] == ["COMPLETE", "FAIL", "COMPLETE", "PRUNED", "PRUNED"]
    assert trials[2].params == trials[1].params, "the killed one, again"
    assert list(trials[2].intermediate_values) == [0, 1, 2, 3]

    states = [json.loads(path.read_text(encoding="utf-8"))["state"] for path in sweep.glob("*/status.json")]
    assert sorted(states) == ["finished", "finished", "pruned", "pruned"]
    for path in sweep.glob("*/status.json"):
        status = json.loads(path.read_text(encoding="utf-8"))
        assert (path.parent / "metrics.json").exists() == (status["state"] == "finished"), "a pruned one is not tested"
        assert status["state"] != "pruned" or "half of the other trials" in status["reason"]
    assert sorted(pd.read_csv(sweep / "leaderboard.csv")["status"]) == sorted(states)

    results = yaml.safe_load((sweep / "optimization_results.yaml").read_text(encoding="utf-8"))
    assert results["trials"] == {"finished": 2, "pruned": 2, "failed": 0, "running": 0, "waiting": 0}
    assert results["best"]["parameters"] == study.best_params
    assert results["best"]["score"] == max(trials[0].values + trials[2].values)
    best = pd.read_csv(killed / "history.csv")["val/dice"].max()
    assert trials[2].value == pytest.approx(best)
    assert "best of 4 trials" in output
