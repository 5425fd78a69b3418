"""Which of several processes one is, and devices that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytorch_lightning.utilities import rank_zero_only

from lgg_seg.__main__ import RANKS, remove_refused
from lgg_seg.config.validation import check_config
from lgg_seg.errors import UserError
from lgg_seg.training.experiment import Experiment
from lgg_seg.training.processes import started_together
from tests.configs import composed
from tests.training.slurm import slurm


def test_srun_says_how_many_processes_a_step_has_and_where(monkeypatch: pytest.MonkeyPatch) -> None:
    assert started_together() == (1, 1)
    for name, value in {"STEP_NUM_TASKS": "4", "STEP_NUM_NODES": "2", "NTASKS_PER_NODE": "8"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    assert started_together() == (4, 2)


@pytest.mark.parametrize("name", RANKS)
def test_no_process_but_the_main_one_removes_what_a_refused_run_has_made(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.log").write_text("the main process's", encoding="utf-8")
    monkeypatch.setenv(name, "1")
    remove_refused(run)
    assert (run / "run.log").exists()
    monkeypatch.setenv(name, "0")
    remove_refused(run)
    assert not list(run.iterdir())


def rank(*overrides: str) -> int:
    config = composed("trainer=debug", "trainer.enable_progress_bar=false", *overrides)
    check_config(config)
    settings = Experiment.of(config).trainer
    return settings.rank(settings.prepare())


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, 0), ({"LOCAL_RANK": "1"}, 1), ({"NODE_RANK": "1"}, 2), (slurm(3, tasks=4), 3), (slurm(0, tasks=4), 0)],
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
    for name, value in slurm(3, tasks=4).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=r"devices=3.*Set `devices=2`"):
        rank("trainer.devices=3", "+trainer.num_nodes=2")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.devices=[]", r"trainer\.devices is \[\]; it must be 1 or more"),
        ("+trainer.num_nodes=0", r"trainer\.num_nodes is 0; it must be 1 or more"),
        ("trainer.devices=4000", r"trainer\.devices=4000, but this machine has \d+ cores; take"),
        ("+trainer.sync_batchnorm=true", r"trainer\.sync_batchnorm=true works on GPUs alone"),
    ],
)
def test_devices_that_cannot_be_are_one_sentence(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        rank(override)
