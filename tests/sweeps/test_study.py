"""A study is resumed where it was left, by one sweep or by several machines."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import optuna
import psutil
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from lgg_seg.errors import UserError
from lgg_seg.sweeps import study as studies
from lgg_seg.sweeps.study import (
    HEARTBEAT,
    HEARTBEAT_TIMEOUT,
    OWNER,
    StudySettings,
    best_trial,
    end_trial,
    open_study,
    sampler,
    study_settings,
)

SPACE = {"lr": FloatDistribution(1e-5, 1e-1, log=True)}
SWEEPER = {"n_trials": 4, "n_jobs": 1, "seed": 0, "storage": None, "study_name": None, "startup_trials": 2}


def settings(sweep: Path, **changes: object) -> StudySettings:
    return study_settings({**SWEEPER, "pruner": None, **changes}, sweep)


@pytest.fixture
def study(tmp_path: Path) -> optuna.Study:
    return open_study(settings(tmp_path))


def taken(study: optuna.Study, owner: list | None = None, alive: float | None = None) -> optuna.Trial:
    trial = study.ask(SPACE)
    studies.claim_trial(study, trial)
    if owner is not None:
        trial.set_user_attr(OWNER, owner)
    if alive is not None:
        trial.set_user_attr(HEARTBEAT, alive)
    return trial


def killed_process() -> list:
    """The owner that a sweep recorded which was killed since."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    owner = [studies._this_process()[0], process.pid, round(psutil.Process(process.pid).create_time(), 2)]
    process.kill()
    process.wait()
    return owner


def test_a_study_is_stored_in_the_sweeps_folder_under_its_name(tmp_path: Path) -> None:
    open_study(settings(tmp_path)).ask(SPACE)
    assert (tmp_path / "study.db").exists()
    again = open_study(settings(tmp_path))
    assert (again.study_name, len(again.trials)) == (tmp_path.name, 1)
    assert len(open_study(settings(tmp_path, study_name="another")).trials) == 0


def test_a_killed_sweeps_trial_is_queued_again_with_the_same_values_once(study: optuna.Study) -> None:
    trial = taken(study, owner=killed_process())
    assert studies.requeue_abandoned(study) == 1
    assert studies.requeue_abandoned(study) == 0
    assert study.ask(SPACE).params == trial.params
    assert study.trials[0].state == TrialState.FAIL
    assert studies.trial_counts(study) == {"finished": 0, "pruned": 0, "failed": 0, "running": 1, "waiting": 0}


@pytest.mark.parametrize("reused", [False, True])
def test_the_trial_of_a_live_process_is_not_requeued(study: optuna.Study, reused: bool) -> None:
    """A number that has gone to another process since is no sign of life."""
    started = round(psutil.Process().create_time(), 2)
    taken(study, owner=[studies._this_process()[0], os.getpid(), started - 100 if reused else started])
    assert studies.requeue_abandoned(study) == int(reused)


@pytest.mark.parametrize(("silence", "abandoned"), [(HEARTBEAT_TIMEOUT / 2, 0), (HEARTBEAT_TIMEOUT * 2, 1)])
def test_another_machines_trial_is_requeued_without_a_heartbeat(
    study: optuna.Study, silence: float, abandoned: int
) -> None:
    taken(study, owner=["another machine", 1, 0.0], alive=time.time() - silence)
    assert studies.requeue_abandoned(study) == abandoned


def test_a_sign_of_life_is_put_down(study: optuna.Study) -> None:
    trial = taken(study, owner=["another machine", 1, 0.0], alive=0.0)
    studies.heartbeat(study, [trial.number])
    assert studies.requeue_abandoned(study) == 0


def test_a_trial_is_ended_once(study: optuna.Study) -> None:
    number = study.ask(SPACE).number
    assert end_trial(study, number, TrialState.COMPLETE, 0.7)
    assert not end_trial(study, number, TrialState.FAIL)
    assert study.trials[0].value == 0.7


def test_the_best_trial_is_a_finished_one(study: optuna.Study) -> None:
    assert best_trial(study) is None
    for value in (0.1, 0.3, 0.2):
        end_trial(study, study.ask(SPACE).number, TrialState.COMPLETE, value)
    pruned = study.ask(SPACE)
    pruned.report(0.9, 0)
    end_trial(study, pruned.number, TrialState.PRUNED)
    found = best_trial(study)
    assert found is not None
    assert found.number == 1


def test_an_interrupted_study_proposes_the_same_values(tmp_path: Path) -> None:
    def propose(sweep: Path, sessions: list[int]) -> list[float]:
        values: list[float] = []
        for count in sessions:
            study = open_study(settings(sweep))  # a new process
            for _ in range(count):
                study.sampler = sampler(settings(sweep), len(study.trials))
                trial = study.ask(SPACE)
                values.append(trial.params["lr"])
                end_trial(study, trial.number, TrialState.COMPLETE, -abs(trial.params["lr"] - 0.01))
        return values

    unbroken, broken = propose(tmp_path / "a", [6]), propose(tmp_path / "b", [1, 3, 2])
    assert unbroken == broken
    assert len(set(unbroken)) == 6


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_trials": 0}, "hydra.sweeper.n_trials"),
        ({"n_trials": None}, "hydra.sweeper.n_trials is null"),
        ({"n_jobs": "many"}, "hydra.sweeper.n_jobs"),
        ({"pruner": {"startup_trials": 5}}, "hydra.sweeper.pruner.warmup_epochs"),
        ({"pruner": {"startup_trials": 5, "warmup_epochs": 5, "percentile": 3}}, "hydra.sweeper.pruner.percentile"),
        ({"storage": 3}, "hydra.sweeper.storage"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        settings(tmp_path, **changes)


@pytest.mark.parametrize("address", ["sqlite:///{}/nowhere/study.db", "nonsense", "nosuch://user:secret@host/db"])
def test_a_storage_that_cannot_be_opened_is_refused_without_its_password(tmp_path: Path, address: str) -> None:
    with pytest.raises(UserError, match=r"hydra\.sweeper\.storage") as refused:
        open_study(settings(tmp_path, storage=address.format(tmp_path)))
    assert "secret" not in str(refused.value)


def test_the_pruner_is_the_median_after_its_warm_up(tmp_path: Path) -> None:
    study = open_study(settings(tmp_path, pruner={"startup_trials": 2, "warmup_epochs": 1}))
    for value in (0.5, 0.6):
        good = study.ask(SPACE)
        for epoch in range(3):
            good.report(value, epoch)
        end_trial(study, good.number, TrialState.COMPLETE, value)
    bad = study.ask(SPACE)
    bad.report(0.1, 0)
    assert not bad.should_prune(), "the warm-up"
    bad.report(0.1, 1)
    assert bad.should_prune()
