"""An Optuna study: its settings, its storage, which process runs which trial, and how the trials ended.

Optuna's own heartbeat runs within `optimize` alone, not with `ask` and `tell`; the bookkeeping of killed processes is
therefore here.
"""

import hashlib
import logging
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
import yaml
from omegaconf import DictConfig
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from lgg_seg.config.instantiate import to_plain
from lgg_seg.errors import UserError
from lgg_seg.messages import as_yaml

log = logging.getLogger(__name__)
OWNER, HEARTBEAT, REQUEUED = "owner", "alive", "requeued"  # attributes of a trial in the storage
HEARTBEAT_SECONDS = 60
HEARTBEAT_TIMEOUT = 600  # seconds after which a sweep on another machine counts as killed
MIN_IMPORTANCE = 5  # finished trials of different scores
_LOCK_WAIT = 60  # seconds that jobs wait for one another at a SQLite file
_STATES = {
    "finished": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
    "running": TrialState.RUNNING,
    "waiting": TrialState.WAITING,
}


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
    """The settings of the study in the sweep's folder, whose name and storage default to that folder's."""
    given = {key: value for key, value in dict(to_plain(sweeper)).items() if key in StudySettings.model_fields}
    given["storage"] = given.get("storage") or f"sqlite:///{sweep.absolute() / 'study.db'}"
    given["study_name"] = given.get("study_name") or sweep.absolute().name
    try:
        return StudySettings(**given)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, ("hydra.sweeper", *first["loc"])))
        raise UserError(f"{key} is {as_yaml(first['input'], quoted=True)}: {first['msg'].lower()}.") from error


def open_study(settings: StudySettings) -> optuna.Study:
    """The study, new or as it was left; no error repeats the storage's address, which may hold a password."""
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
    """TPE for the trial `number`, seeded by it: an interrupted study proposes what it would have proposed, and two
    machines at one study propose different values."""
    seed = int(np.random.SeedSequence([settings.seed, number]).generate_state(1)[0])
    return optuna.samplers.TPESampler(n_startup_trials=settings.startup_trials, seed=seed, constant_liar=True)


def claim_trial(study: optuna.Study, trial: optuna.Trial) -> None:
    """Record that this process runs the trial."""
    trial.set_user_attr(OWNER, _this_process())
    heartbeat(study, [trial.number])


def heartbeat(study: optuna.Study, numbers: list[int]) -> None:
    """Tell other machines that these trials are still being run."""
    by_number = {trial.number: trial for trial in study.get_trials(deepcopy=False)}
    for number in numbers:
        optuna.Trial(study, by_number[number]._trial_id).set_user_attr(HEARTBEAT, time.time())


def requeue_abandoned(study: optuna.Study) -> int:
    """Queue the trials of killed sweeps again, with the same values, and return how many: their runs go on where they
    stopped."""
    count = 0
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if not _is_abandoned(trial):
            continue
        optuna.Trial(study, trial._trial_id).set_user_attr(REQUEUED, True)
        if end_trial(study, trial.number, TrialState.FAIL):  # only one of several sweeps that see it can end it
            study.enqueue_trial(trial.params)
            count += 1
    return count


def end_trial(study: optuna.Study, number: int, state: TrialState, value: float | None = None) -> bool:
    """Tell the study how a trial ended; False where another process has already."""
    try:
        study.tell(number, values=value, state=state)
    except (ValueError, optuna.exceptions.UpdateFinishedTrialError):
        return False
    return True


def trial_counts(study: optuna.Study) -> dict[str, int]:
    """The number of trials in each state; a trial that was queued again counts as the new one."""
    trials = study.get_trials(deepcopy=False)
    counts = Counter(trial.state for trial in trials if not trial.user_attrs.get(REQUEUED))
    return {name: counts[state] for name, state in _STATES.items()}


def best_trial(study: optuna.Study) -> FrozenTrial | None:
    """The finished trial with the best value, the first of equals; None where none has finished."""
    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return max(finished, key=lambda trial: (trial.value or 0.0, -trial.number), default=None)


def parameters(trial: FrozenTrial) -> dict[str, Any]:
    return {key: parse_value(value) for key, value in trial.params.items()}


def parse_value(value: Any) -> Any:
    """The value of a choice that is kept as text."""
    return yaml.safe_load(value) if isinstance(value, str) else value


def trial_history(study: optuna.Study) -> list[dict[str, Any]]:
    """Every trial in its order: number, state, score (of a pruned one, of its best epoch), parameters."""
    states = {state: name for name, state in _STATES.items()}
    return [
        {
            "trial": trial.number,
            "state": states[trial.state],
            "score": trial.value if trial.value is not None else max(trial.intermediate_values.values(), default=None),
            "parameters": parameters(trial),
        }
        for trial in study.get_trials(deepcopy=False)
        if not trial.user_attrs.get(REQUEUED)
    ]


def importance(study: optuna.Study) -> dict[str, float]:
    """The share of the score's variance by parameter (fANOVA, Hutter 2014); empty below `MIN_IMPORTANCE` scores."""
    scores = {trial.value for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))}
    if len(scores) < MIN_IMPORTANCE:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {key: round(float(share), 3) for key, share in shares.items()}


def job_trial(hydra_config: DictConfig) -> optuna.Trial:
    """The trial of a job, whose number the sweep has put into the job's config."""
    study = open_study(study_settings(hydra_config.sweeper, Path(hydra_config.sweep.dir)))
    return optuna.Trial(study, study.get_trials(deepcopy=False)[int(hydra_config.sweeper.trial)]._trial_id)


def tell_outcome(trial: optuna.Trial, outcome: str, score: float | None) -> None:
    """Tell the study how a job ended. The job does, not the sweep, whose process may be gone by then."""
    state = _STATES.get(outcome, TrialState.FAIL)
    if not end_trial(trial.study, trial.number, state, score if state == TrialState.COMPLETE else None):
        log.info("trial %d was queued again in the meantime; its result is used there", trial.number)


def _this_process() -> list[Any]:
    """The machine (a digest: its name is nobody's business), the process, and its start, because numbers recur."""
    host = hashlib.sha256(platform.node().encode()).hexdigest()[:16]
    return [host, os.getpid(), round(psutil.Process().create_time(), 2)]


def _is_abandoned(trial: FrozenTrial) -> bool:
    owner = trial.user_attrs.get(OWNER)
    if owner is None or owner[0] != _this_process()[0]:
        started = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
        return time.time() - float(trial.user_attrs.get(HEARTBEAT, started)) > HEARTBEAT_TIMEOUT
    try:
        return bool(round(psutil.Process(owner[1]).create_time(), 2) != owner[2])
    except psutil.NoSuchProcess:
        return True
