"""Processes train together: they measure what one does, end together, and go on where they were stopped."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
import pytest

from lgg_seg.errors import UserError
from lgg_seg.runs.checkpoint import read_newest
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.status import read_status
from lgg_seg.sweeps.command import run_sweep
from tests.small_classifier import WORDS as SMALL_CLASSIFIER
from tests.small_classifier import with_small_classifier
from tests.training.slurm import slurm
from tests.workplace import Command, Workplace, lgg, metrics

TWO = (
    # Its encoder has two levels that the decoder does not use.
    "model=smp", "model.architecture=PSPNet", "model.encoder=resnet18", "model.weights=null", "loss=bce",
    "preprocess.size=32", "split.val=4", "split.test=2", "trainer=debug", "trainer.max_epochs=5",
    "trainer.strategy=ddp", "trainer.devices=2", "data.batch_size=4", "trainer.enable_progress_bar=true",
    "callbacks=ema", "callbacks.ema.decay=0.5", "callbacks.early_stopping.patience=4",
)  # fmt: skip
CLASSIFIER = (
    *SMALL_CLASSIFIER, "model.freeze_encoder=true", "loss=bce", "preprocess.size=32", "split.val=4", "split.test=2",
    "trainer=debug", "trainer.max_epochs=5", "trainer.devices=3", "data.batch_size=2", "logger=none",
)  # fmt: skip


def wait_for_two_epochs(folder: Path, run: Command) -> None:
    history = folder / "history.csv"  # its second row is written after the first epoch's checkpoint
    while not (history.exists() and len(history.read_text(encoding="utf-8").splitlines()) > 2):
        assert run.is_running(), run.wait().stderr
        time.sleep(0.01)


def stopped_after_two_epochs(workplace: Workplace, folder: Path, number: signal.Signals, *words: str) -> int:
    """The exit code of a run that gets a signal after its second epoch; none of its processes is left soon after."""
    run = Command(workplace, *words, f"hydra.run.dir={folder.name}")
    wait_for_two_epochs(folder, run)
    others = psutil.Process(run.pid).children(recursive=True)
    assert others
    run.send_signal(number)
    code = run.wait().returncode
    left = psutil.wait_procs(others, timeout=60)[1]
    assert all(process.status() == psutil.STATUS_ZOMBIE for process in left), "ended, but nobody has asked how"
    assert read_status(RunFolder(folder))["state"] == "interrupted"
    return code


def steps_of_an_epoch(folder: Path) -> float:
    """The optimizer's, averaged over the epochs so far."""
    _, content = read_newest(RunFolder(folder))
    return float(content["global_step"] / (content["epoch"] + 1))


@pytest.fixture(scope="module")
def two(workplace: Workplace) -> Path:
    """A run of two processes with early stopping, EMA and W&B."""
    folder = workplace[0] / "two"
    done = lgg(workplace, *TWO, "logger=wandb", f"hydra.run.dir={folder.name}")
    assert done.returncode == 0, done.stderr
    assert "sync_dist" not in done.stderr, "Lightning's advice, which is what the bar waited for"
    assert len(list(folder.rglob("run-*.wandb"))) == 1, "the main process's run alone"
    return folder


def test_two_processes_end_and_measure_what_one_does(workplace: Workplace, two: Path) -> None:
    """The bar of the first one reads the numbers of an epoch, which must not wait for the other."""
    history = pd.read_csv(two / "history.csv")
    assert history["epoch"].tolist() == list(range(len(history)))
    assert lgg(workplace, f"run={two}", "split=val", module="lgg_seg.evaluate").returncode == 0
    alone = metrics(next((two / "evaluations").glob("*_val")))["metrics"]
    _, content = read_newest(RunFolder(two))
    assert content["callbacks"]["History"]["slices"] == 2 * 16, "of both processes: each has four batches of four"
    best = history.loc[history["val/dice"].idxmax()]
    assert alone["patient/dice"]["mean"] == pytest.approx(best["val/dice"], abs=1e-6)
    assert alone["loss"] == pytest.approx(best["val/loss"], rel=1e-4)


@pytest.mark.soak  # two machines, below, reach them as well
def test_two_processes_stopped_by_sigterm_reach_the_same_numbers(workplace: Workplace, two: Path) -> None:
    folder = workplace[0] / "two_stopped"
    assert stopped_after_two_epochs(workplace, folder, signal.SIGTERM, *TWO, "logger=none") == 143
    done = lgg(workplace, f"resume={folder.name}")
    assert done.returncode == 0, done.stderr
    assert_same(folder, two)


def assert_same(folder: Path, other: Path) -> None:
    histories = (pd.read_csv(path / "history.csv") for path in (folder, other))
    timings = ["seconds", "train_slices_per_second"]
    pd.testing.assert_frame_equal(*(history.drop(columns=timings) for history in histories), check_exact=True)
    assert metrics(folder)["metrics"] == metrics(other)["metrics"]


def side_by_side(workplace: Workplace, environments: list[dict[str, str]], *words: str) -> list[Command]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    return [Command((workplace[0], workplace[1] | meeting | one), *words) for one in environments]


@pytest.fixture
def elsewhere(workplace: Workplace, tmp_path: Path) -> Workplace:
    """A working directory of its own: what lies below `runs` is one test's."""
    return tmp_path, workplace[1]


def only_run(workplace: Workplace) -> Path:
    (folder,) = (workplace[0] / "runs").glob("*/*")
    return folder


def test_two_machines_make_one_run_which_sigterm_stops_and_others_go_on_with(elsewhere: Workplace, two: Path) -> None:
    """Started by Slurm, gone on with by hand: each process has a folder of its own by Hydra, of which one is kept."""
    words = (*TWO, "logger=none", "trainer.devices=1", "+trainer.num_nodes=2")
    first, second = side_by_side(elsewhere, [slurm(rank) for rank in (0, 1)], *words)
    while not list((elsewhere[0] / "runs").glob("*/*/history.csv")):
        assert first.is_running(), first.wait().stderr
        time.sleep(0.01)
    folder = only_run(elsewhere)
    wait_for_two_epochs(folder, first)
    for run in (first, second):
        run.send_signal(signal.SIGTERM)
    done = first.wait(60), second.wait(60)
    assert [one.returncode for one in done] == [143, 0]
    assert f"interrupted; python -m lgg_seg resume={folder.relative_to(elsewhere[0])} goes on" in done[0].stderr
    assert not done[1].stderr
    runs = side_by_side(elsewhere, [{"NODE_RANK": rank} for rank in "01"], f"resume={folder}")
    assert [run.wait().returncode for run in runs] == [0, 0]
    assert_same(folder, two)


def test_a_process_that_waits_for_others_in_vain_ends_by_sigterm(elsewhere: Workplace) -> None:
    (run,) = side_by_side(elsewhere, [slurm(0)], *TWO, "logger=none", "trainer.devices=1", "+trainer.num_nodes=2")
    while not any(one.status == "LISTEN" for one in psutil.Process(run.pid).net_connections()):
        assert run.is_running(), run.wait().stderr
        time.sleep(0.01)
    run.send_signal(signal.SIGTERM)
    done = run.wait(20)
    assert done.returncode == 143
    assert done.stderr.endswith("interrupted; no epoch is finished, so start it anew\n")
    status = read_status(RunFolder(only_run(elsewhere)))
    assert (status["state"], status["reason"]) == ("interrupted", "SIGTERM")


def test_a_refused_process_removes_nothing_from_the_main_ones_folder(elsewhere: Workplace) -> None:
    shared = elsewhere[0] / "shared"
    shared.mkdir()
    words = (*TWO, "logger=none", "trainer.devices=1", "+trainer.num_nodes=2", "weights=nothing")
    (run,) = side_by_side(elsewhere, [slurm(1)], *words, f"hydra.run.dir={shared}")
    while shared.exists():  # empty, it is what Hydra would have made for a process that writes nothing
        assert run.is_running(), run.wait().stderr
        time.sleep(0.01)
    shared.mkdir()
    (shared / "run.log").write_text("the main process's", encoding="utf-8")
    done = run.wait()
    assert done.returncode == 2
    assert "model.weights=nothing is neither a file nor" in done.stderr
    assert (shared / "run.log").exists()


def test_a_signal_to_all_processes_that_still_start_ends_the_run(elsewhere: Workplace) -> None:
    """A process that dies while it starts has Lightning kill the main one."""
    run = Command(elsewhere, *TWO, "logger=none")
    other: psutil.Process | None = None
    while other is None:
        assert run.is_running(), run.wait().stderr
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(run.pid).children()
            other = next((one for one in children if "hydra.output_subdir=null" in one.cmdline()), None)
    other.send_signal(signal.SIGTERM)
    run.send_signal(signal.SIGTERM)
    assert run.wait(20).returncode == 143
    assert not psutil.wait_procs([other], timeout=60)[1]
    assert read_status(RunFolder(only_run(elsewhere)))["reason"] == "SIGTERM"


@pytest.mark.parametrize("forked", [True, pytest.param(False, marks=pytest.mark.soak)])
def test_torchrun_trains_a_classifier_that_measures_what_one_process_does(elsewhere: Workplace, forked: bool) -> None:
    elsewhere = with_small_classifier(elsewhere)
    words = (*CLASSIFIER, "trainer.max_epochs=3", "optimizer.lr=0.01")
    if forked:
        done = lgg(elsewhere, *words, module="tests.training.torchrun")
    else:
        start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=3", "-m", "lgg_seg"]
        done = subprocess.run(
            [*start, *words], cwd=elsewhere[0], env=elsewhere[1], capture_output=True, encoding="utf-8"
        )
    assert done.returncode == 0, done.stderr
    folder = only_run(elsewhere)
    history = pd.read_csv(folder / "history.csv")
    assert lgg(elsewhere, f"run={folder}", "split=val", module="lgg_seg.evaluate").returncode == 0
    alone = metrics(next((folder / "evaluations").glob("*_val")))["metrics"]
    best = history.loc[history["val/auroc"].idxmax()]
    assert alone["slice/auroc"]["value"] == pytest.approx(best["val/auroc"], abs=1e-6)
    assert alone["loss"] == pytest.approx(best["val/loss"], rel=1e-4)


def test_torchrun_with_one_device_is_one_sentence(elsewhere: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}
    done = lgg((elsewhere[0], elsewhere[1] | variables), "hydra.run.dir=refused")
    assert "4 processes were started" in done.stderr
    assert "take trainer=ddp trainer.devices=2 trainer.num_nodes=2." in done.stderr
    assert not (elsewhere[0] / "refused").exists()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=r"^4 processes were started, and each would run the whole sweep; start"):
        run_sweep(["seed=1,2"], lambda: pytest.fail("it was run"))


def test_no_process_outlives_a_killed_main_one_and_one_alone_goes_on(workplace: Workplace) -> None:
    """A run of three GPUs is recorded as this one but for the accelerator; on a CPU one process takes their steps."""
    workplace = with_small_classifier(workplace)
    folder = workplace[0] / "killed"
    assert stopped_after_two_epochs(workplace, folder, signal.SIGKILL, *CLASSIFIER) == -signal.SIGKILL
    steps = steps_of_an_epoch(folder)
    config = folder / "config.yaml"
    config.write_text(
        config.read_text(encoding="utf-8").replace("accelerator: cpu", "accelerator: gpu"), encoding="utf-8"
    )
    without_gpu = workplace[0], workplace[1] | {"CUDA_VISIBLE_DEVICES": ""}
    done = lgg(without_gpu, f"resume={folder.name}")
    assert done.returncode == 0, done.stderr
    assert "the run trained on 3 devices; 1 process(es) here add up 3 batches a step" in done.stderr
    history = pd.read_csv(folder / "history.csv")
    assert history["epoch"].tolist() == list(range(5))
    assert steps_of_an_epoch(folder) == steps


@pytest.mark.soak
def test_none_of_four_processes_outlives_a_killed_main_one(workplace: Workplace) -> None:
    words = (*CLASSIFIER, "trainer.devices=5", "trainer.max_epochs=50")
    workplace = with_small_classifier(workplace)
    assert stopped_after_two_epochs(workplace, workplace[0] / "five", signal.SIGKILL, *words) == -signal.SIGKILL


def test_an_error_that_all_processes_meet_is_said_once(workplace: Workplace) -> None:
    done = lgg(workplace, *TWO, "logger=none", "optimizer.lr=1e30", "scheduler=none", "hydra.run.dir=diverged")
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("The training loss became") == 1
    assert re.search(r"in epoch 1, step \d, on TCGA\S+/\d", done.stderr), "of whichever process"
