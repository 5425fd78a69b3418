"""One job of a sweep: whether there is anything left to do, the run, and the score that its sweeper gets."""

from __future__ import annotations

import gc
import logging
import re
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import current_process
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lgg_seg.cli.logs import configure_logs
from lgg_seg.config.instantiate import instantiate
from lgg_seg.config.validation import check_config
from lgg_seg.data.kaggle.index import build_index
from lgg_seg.errors import Busy, Pruned, UserError, explained
from lgg_seg.hardware import take_gpu
from lgg_seg.runs.contents import read_table
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.identity import job_identity
from lgg_seg.runs.monitor import LAST, monitor_of, scores
from lgg_seg.sweeps.retries import Attempt, job_lock, next_attempt, record_failure
from lgg_seg.train import resume, run

if TYPE_CHECKING:
    from optuna import Trial

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How a job ended, and the score of its best epoch where it has any."""

    state: Literal["finished", "pruned", "failed", "elsewhere"]
    score: float | None = None


def hydra_job(config: DictConfig, hydra_config: DictConfig) -> float | None:
    """Complete the job that Hydra's config describes; the score of its best epoch (validation patient Dice), if any.

    A failure is not raised: it is recorded in the job's folder and must not end the sweep. Only an interruption does.
    """
    configure_logs()
    # A worker of joblib has a number; other launchers run one job at a time, or give each its GPU.
    if worker := re.fullmatch(r"LokyProcess-(\d+)", current_process().name):
        take_gpu(int(worker[1]))
    base = Path(hydra_config.runtime.output_dir)
    # `sweep=` says which jobs there are, which is no part of a single one: without it, its command can be repeated.
    overrides = [override for override in hydra_config.overrides.task if not override.startswith("sweep=")]
    number, count = hydra_config.job.num + 1, OmegaConf.select(hydra_config, "sweeper.jobs")
    trial_number = OmegaConf.select(hydra_config, "sweeper.trial")
    if trial_number is not None:
        number, count = int(trial_number) + 1, hydra_config.sweeper.n_trials
    print(f"job {number}{f' of {count}' if count else ''}: {base.name}", flush=True)
    if trial_number is None:
        return complete_job(config, base, overrides).score

    from lgg_seg.sweeps.study import job_trial, tell_outcome  # Optuna is heavy, and a grid needs none

    trial = job_trial(hydra_config)
    outcome = complete_job(config, base, overrides, trial)
    tell_outcome(trial, outcome.state, outcome.score)
    return outcome.score


def complete_job(config: DictConfig, base: Path, overrides: Sequence[str], trial: Trial | None = None) -> Outcome:
    """Run the job at `base`, resume it, or take the result that is there.

    Where another process is at it, a trial waits for that one; other jobs are left to it.
    """
    data = partial(_data_fingerprint, config)
    find = partial(next_attempt, base, job_identity(config), pruned_counts=trial is not None, data=data)
    attempt = find()
    if attempt.todo == "nothing":  # without the lock, which another process may hold to find out the same
        return _take_over(attempt.folder, trial)
    with job_lock(base, wait=trial is not None) as ours:
        if not ours:
            log.info("%s is being run by another process", base.name)
            return Outcome("elsewhere")
        attempt = find()  # what another did before the lock was ours
        if attempt.todo == "nothing":
            return _take_over(attempt.folder, trial)
        return _try(attempt, config, overrides, trial)


def _data_fingerprint(config: DictConfig) -> str | None:
    try:
        root, cache_dir = (path and Path(path).expanduser() for path in (config.data.root, config.data.cache_dir))
        return build_index(root, cache_dir=cache_dir, mask_threshold=config.data.get("mask_threshold")).fingerprint
    except (UserError, OmegaConfBaseException):  # no data yet, or faulty ones or config: the run itself will say so
        return None


def _best_score(folder: RunFolder) -> float | None:
    """The best of a run's epochs by Dice, or a classifier's AUROC, whatever chose its checkpoint."""
    rows = _history(folder)
    monitor = monitor_of(rows)
    return max(map(monitor.score, rows)) if rows and monitor != LAST else None


def _take_over(folder: RunFolder, trial: Trial | None) -> Outcome:
    """A result that is there; its epochs are reported to the study, whose pruner compares later trials with them."""
    pruned = folder.read_json("status.json")["state"] == "pruned"
    log.info("%s has already %s", folder.path.name, "been pruned" if pruned else "finished")
    if trial is not None:
        rows = _history(folder)
        for score, number in scores(rows, monitor_of(rows)):
            trial.report(score, number)
    return Outcome("pruned" if pruned else "finished", _best_score(folder))


def _try(attempt: Attempt, config: DictConfig, overrides: Sequence[str], trial: Trial | None) -> Outcome:
    """Run it or resume it; a failure is recorded in its folder."""
    try:
        with explained():
            _train(attempt, config, overrides, trial)
        return Outcome("finished", _best_score(attempt.folder))
    except Busy as error:  # somebody resumes it without the sweep
        log.info("%s", error)
        return Outcome("elsewhere")
    except Pruned as end:
        log.info("%s: %s", attempt.folder.path.name, end)
        return Outcome("pruned", _best_score(attempt.folder))
    except Exception as error:
        mendable = isinstance(error, UserError)
        reason = str(error) if mendable else f"{type(error).__name__}: {error}"
        details = None if mendable else traceback.format_exc()
    finally:
        configure_logs()  # lets go of the run's own log
        # What a failed job held must not starve the next one in the same process.
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    record_failure(attempt.folder, reason, overrides, config, details)
    return Outcome("failed")


def _train(attempt: Attempt, config: DictConfig, overrides: Sequence[str], trial: Trial | None) -> None:
    check_config(config)
    if instantiate(config.trainer, "trainer").processes > 1:
        raise UserError(
            "A job of a sweep runs on one device, because Lightning would start the whole sweep again on the others; "
            "take trainer.devices=1, or train this one without -m."
        )
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()  # the peak of the job before is none of this one's
    if attempt.todo == "resume":
        log.info("%s goes on where it stopped", attempt.folder.path.name)
        resume(attempt.folder.path, trial=trial, brief=True)
    else:
        run(config, attempt.folder.path, overrides, trial=trial, brief=True)


def _history(folder: RunFolder) -> list[dict[str, Any]]:
    path = folder.path / "history.csv"
    try:
        return cast(list[dict[str, Any]], read_table(path).to_dict("records")) if path.exists() else []
    except UserError as error:  # the result is there all the same
        log.warning("%s", error)
        return []
