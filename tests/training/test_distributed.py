"""Processes train together: they measure what one does, end together, and go on where they were stopped."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
from pytorch_lightning.utilities import rank_zero_only

from lgg_seg.config.overrides import compose_config
from lgg_seg.config.validation import check_config
from lgg_seg.errors import UserError
from lgg_seg.runs.checkpoint import read_newest
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.status import read_status
from lgg_seg.training.experiment import Experiment
from tests.workplace import Command, Workplace, lgg, metrics

TWO = (
    # Its encoder has two levels that the decoder does not use.
    "model=smp", "model.architecture=PSPNet", "model.encoder=resnet18", "model.weights=null", "loss=bce",
    "preprocess.size=32", "split.val=4", "split.test=2", "trainer=debug", "trainer.max_epochs=5",
    "trainer.strategy=ddp", "trainer.devices=2", "data.batch_size=4", "trainer.enable_progress_bar=true",
    "callbacks=ema", "callbacks.ema.decay=0.5", "callbacks.early_stopping.patience=4",
)  # fmt: skip
CLASSIFIER = (
    "model=classifier_resnet50", "model.target=tumour", "model.weights=null", "model.hidden=8",
    "model.freeze_encoder=true", "loss=bce", "preprocess.size=32", "split.val=4", "split.test=2", "trainer=debug",
    "trainer.max_epochs=5", "trainer.devices=3", "data.batch_size=2", "logger=none",
)  # fmt: skip


def stopped_after_two_epochs(workplace: Workplace, folder: Path, number: signal.Signals, *words: str) -> int:
    """The exit code of a run that gets a signal after its second epoch; none of its processes is left soon after."""
    run = Command(workplace, *words, f"hydra.run.dir={folder.name}")
    history = folder / "history.csv"  # its second row is written after the first epoch's checkpoint
    while not (history.exists() and len(history.read_text(encoding="utf-8").splitlines()) > 2):
        assert run.is_running(), run.wait().stderr
        time.sleep(0.01)
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
    best = history.loc[history["val/dice"].idxmax()]
    assert alone["patient/dice"]["mean"] == pytest.approx(best["val/dice"], abs=1e-6)
    assert alone["loss"] == pytest.approx(best["val/loss"], rel=1e-4)


def test_two_processes_stopped_by_sigterm_reach_the_same_numbers(workplace: Workplace, two: Path) -> None:
    folder = workplace[0] / "two_stopped"
    assert stopped_after_two_epochs(workplace, folder, signal.SIGTERM, *TWO, "logger=none") == 143
    done = lgg(workplace, f"resume={folder.name}")
    assert done.returncode == 0, done.stderr
    whole, resumed = (pd.read_csv(path / "history.csv") for path in (two, folder))
    timings = ["seconds", "train_slices_per_second"]
    pd.testing.assert_frame_equal(resumed.drop(columns=timings), whole.drop(columns=timings), check_exact=True)
    assert metrics(folder)["metrics"] == metrics(two)["metrics"]


def test_no_process_outlives_a_killed_main_one_and_one_alone_goes_on(workplace: Workplace) -> None:
    """A run of three GPUs is recorded as this one but for the accelerator; on a CPU one process takes their steps."""
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
    assert "the run trained on 3 GPUs; 1 process(es) here add up 3 batches a step" in done.stderr
    history = pd.read_csv(folder / "history.csv")
    assert history["epoch"].tolist() == list(range(5))
    assert steps_of_an_epoch(folder) == steps


@pytest.mark.soak
def test_none_of_four_processes_outlives_a_killed_main_one(workplace: Workplace) -> None:
    words = (*CLASSIFIER, "trainer.devices=5", "trainer.max_epochs=50")
    assert stopped_after_two_epochs(workplace, workplace[0] / "five", signal.SIGKILL, *words) == -signal.SIGKILL


def test_an_error_that_all_processes_meet_is_said_once(workplace: Workplace) -> None:
    done = lgg(workplace, *TWO, "logger=none", "optimizer.lr=1e30", "scheduler=none", "hydra.run.dir=diverged")
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("The training loss became") == 1
    assert re.search(r"in epoch 1, step \d, on TCGA\S+/\d", done.stderr), "of whichever process"


def rank(*overrides: str) -> int:
    config = compose_config(["trainer=debug", "trainer.enable_progress_bar=false", *overrides])
    check_config(config)
    settings = Experiment.of(config).trainer
    return settings.rank(settings.prepare())


SLURM = {
    "SLURM_JOB_NAME": "train", "SLURM_NNODES": "2", "SLURM_NTASKS": "4", "SLURM_NTASKS_PER_NODE": "2",
    "SLURM_PROCID": "3", "SLURM_LOCALID": "1", "SLURM_NODEID": "1",
}  # fmt: skip


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, 0), ({"LOCAL_RANK": "1"}, 1), ({"NODE_RANK": "1"}, 2), (SLURM, 3), ({**SLURM, "SLURM_PROCID": "0"}, 0)],
)
def test_the_rank_counts_over_all_machines(
    environment: dict[str, str], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 0)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for devices in ("2", "[0,1]"):
        assert rank(f"trainer.devices={devices}", "+trainer.num_nodes=2") == expected


def test_another_number_of_tasks_than_slurms_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 0)
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=r"devices=3.*Set `devices=2`"):
        rank("trainer.devices=3", "+trainer.num_nodes=2")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.devices=[]", r"trainer\.devices is \[\]; it must be 1 or more"),
        ("+trainer.num_nodes=0", r"trainer\.num_nodes is 0; it must be 1 or more"),
        ("+trainer.sync_batchnorm=true", r"trainer\.sync_batchnorm=true works on GPUs alone"),
    ],
)
def test_devices_that_cannot_be_are_one_sentence(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        rank(override)
