"""An Optuna study: its settings, where it is stored, who is at which trial, what came of it."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import psutil
import pydantic
from omegaconf import DictConfig
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from lgg_seg.config.instantiate import to_plain
from lgg_seg.errors import UserError

OWNER, ALIVE, REQUEUED = "owner", "alive", "requeued"  # attributes of a trial
SILENT = 600  # seconds after which a sweep on another machine counts as dead; it gives a sign every minute
_LOCK_WAIT = 60  # seconds that jobs wait for one another at a SQLite file


class PrunerSettings(pydantic.BaseModel, extra="forbid", frozen=True):
    """Stop a trial whose best epoch is below the median of the others'; not before so many trials and epochs."""

    startup_trials: int = pydantic.Field(ge=1)
    warmup_epochs: int = pydantic.Field(ge=0)


class StudySettings(pydantic.BaseModel, extra="forbid", frozen=True):
    """What `hydra.sweeper` says of a study, in the sweep and in each of its jobs alike."""

    n_trials: int = pydantic.Field(ge=1)
    n_jobs: int = pydantic.Field(ge=1)
    seed: int = pydantic.Field(ge=0)
    storage: str
    study_name: str
    startup_trials: int = pydantic.Field(ge=1)
    pruner: PrunerSettings | None


def study_settings(sweeper: DictConfig | Mapping[str, Any], sweep: Path) -> StudySettings:
    """The settings of the study whose sweep has the folder `sweep`, which names it and holds it where nothing is said.

    Raises:
        UserError: a value of the wrong type or range.
    """
    given = {key: value for key, value in dict(to_plain(sweeper)).items() if key in StudySettings.model_fields}
    given["storage"] = given.get("storage") or f"sqlite:///{sweep.absolute() / 'study.db'}"
    given["study_name"] = given.get("study_name") or sweep.absolute().name
    try:
        return StudySettings(**given)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, ("hydra.sweeper", *first["loc"])))
        raise UserError(f"{key} is {first['input']!r}: {first['msg'].lower()}.") from error


def open_study(settings: StudySettings) -> optuna.Study:
    """The study, new or as it was left.

    Raises:
        UserError: its storage cannot be reached; the address, which may hold a password, is not repeated.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sqlite = settings.storage.startswith("sqlite:")
    options = {"connect_args": {"timeout": _LOCK_WAIT}} if sqlite else {"pool_pre_ping": True}
    pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
    if settings.pruner is not None:
        pruner = optuna.pruners.MedianPruner(settings.pruner.startup_trials, settings.pruner.warmup_epochs)
    try:
        storage = optuna.storages.RDBStorage(settings.storage, engine_kwargs=options)
        return optuna.create_study(
            study_name=settings.study_name, storage=storage, direction="maximize", pruner=pruner, load_if_exists=True
        )
    except ImportError as error:
        raise UserError("hydra.sweeper.storage needs its database's Python driver; install that first.") from error
    except (SQLAlchemyError, RuntimeError) as error:
        raise UserError(
            f"hydra.sweeper.storage cannot be opened ({type(error).__name__}); check its address, for example "
            "sqlite:////folder/study.db or postgresql://user:password@host/database."
        ) from error


def sampler(settings: StudySettings, number: int) -> optuna.samplers.BaseSampler:
    """TPE for the trial `number`, seeded by it: a study that was interrupted draws what it would have drawn, and two
    machines at one study draw differently."""
    seed = int(np.random.SeedSequence([settings.seed, number]).generate_state(1)[0])
    return optuna.samplers.TPESampler(n_startup_trials=settings.startup_trials, seed=seed, constant_liar=True)


def take(study: optuna.Study, trial: optuna.Trial) -> None:
    """Put down that this process is at the trial."""
    trial.set_user_attr(OWNER, _me())
    show_alive(study, [trial.number])


def show_alive(study: optuna.Study, numbers: list[int]) -> None:
    """Give the other machines a sign that these trials are being run."""
    by_number = {trial.number: trial for trial in study.get_trials(deepcopy=False)}
    for number in numbers:
        optuna.Trial(study, by_number[number]._trial_id).set_user_attr(ALIVE, time.time())


def requeue_abandoned(study: optuna.Study) -> int:
    """Queue the trials of killed sweeps again, with the same values, so that their runs go on where they stopped.

    Returns:
        how many there were.
    """
    count = 0
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if not _abandoned(trial):
            continue
        optuna.Trial(study, trial._trial_id).set_user_attr(REQUEUED, True)
        if end(study, trial.number, TrialState.FAIL):  # only one of several sweeps that see it can end it
            study.enqueue_trial(trial.params)
            count += 1
    return count


def end(study: optuna.Study, number: int, state: TrialState, value: float | None = None) -> bool:
    """Tell a trial's end; False where somebody else has."""
    try:
        study.tell(number, values=value, state=state)
    except (ValueError, optuna.exceptions.UpdateFinishedTrialError):
        return False
    return True


def tally(study: optuna.Study) -> dict[str, int]:
    """How many trials there are of each state; one that was queued again counts as what became of it then."""
    names = {
        TrialState.COMPLETE: "finished",
        TrialState.PRUNED: "pruned",
        TrialState.FAIL: "failed",
        TrialState.RUNNING: "running",
        TrialState.WAITING: "waiting",
    }
    trials = [trial for trial in study.get_trials(deepcopy=False) if not trial.user_attrs.get(REQUEUED)]
    counted = Counter(names[trial.state] for trial in trials)
    return {name: counted[name] for name in names.values()}


def best(study: optuna.Study) -> FrozenTrial | None:
    """The finished trial with the best value, if any has finished."""
    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return max(finished, key=lambda trial: (trial.value or 0.0, -trial.number), default=None)


def _me() -> list[Any]:
    """This machine (a digest: its name is nobody's business), this process, and when it began, for numbers recur."""
    host = hashlib.sha256(platform.node().encode()).hexdigest()[:16]
    return [host, os.getpid(), round(psutil.Process().create_time(), 2)]


def _abandoned(trial: FrozenTrial) -> bool:
    owner = trial.user_attrs.get(OWNER)
    if owner is None or owner[0] != _me()[0]:
        started = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
        return time.time() - float(trial.user_attrs.get(ALIVE, started)) > SILENT
    try:
        return bool(round(psutil.Process(owner[1]).create_time(), 2) != owner[2])
    except psutil.NoSuchProcess:
        return True
