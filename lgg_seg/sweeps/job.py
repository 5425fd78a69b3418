"""One job of a sweep, from the question whether there is anything to do to the answer that its sweeper gets."""

from __future__ import annotations

import gc
import logging
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import pandas as pd
import torch
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lgg_seg.cli.logs import configure_logs
from lgg_seg.config.validation import check_config
from lgg_seg.data.kaggle.index import build_index
from lgg_seg.errors import Busy, Pruned, UserError
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.monitor import monitor_of
from lgg_seg.sweeps.failures import record_failure
from lgg_seg.sweeps.identity import identity
from lgg_seg.sweeps.outcome import Outcome
from lgg_seg.sweeps.retries import Attempt, claimed, next_attempt
from lgg_seg.train import resume, run
from lgg_seg.training.callbacks import Trial

log = logging.getLogger(__name__)


def run_job(config: DictConfig, hydra_config: DictConfig) -> float | None:
    """The cell that Hydra's config describes: run, gone on with, or taken as it is.

    Returns:
        the score of its best epoch (validation patient Dice), None where there is none. A failure is not raised: it is
        recorded in the cell's folder and must not end the sweep. Only an interruption does.
    """
    configure_logs()
    base = Path(hydra_config.runtime.output_dir)
    # `sweep=` says which cells there are, which is no part of a single one: without it, its command can be repeated.
    words = [word for word in hydra_config.overrides.task if not word.startswith("sweep=")]
    if OmegaConf.select(hydra_config, "sweeper.trial") is None:
        return run_cell(config, base, words).score

    from lgg_seg.sweeps.trial import TrialOfJob  # Optuna is heavy, and a grid needs none

    trial = TrialOfJob(hydra_config)
    outcome = run_cell(config, base, words, trial)
    trial.tell(outcome)
    return outcome.score


def run_cell(config: DictConfig, base: Path, words: Sequence[str], trial: Trial | None = None) -> Outcome:
    """Do what is left to do of the cell at `base`; a trial waits for another process that is at it, others do not."""
    data = partial(_data_fingerprint, config)
    left = partial(next_attempt, base, identity(config), pruned_counts=trial is not None, data=data)
    found = left()
    if found.todo == "nothing":  # known without a claim, which another process may hold to find out the same
        return _take_over(found.folder, trial)
    with claimed(base, wait=trial is not None) as ours:
        if not ours:
            log.info("%s is being run by another process", base.name)
            return Outcome("elsewhere")
        found = left()  # what another did before the claim was ours
        return _take_over(found.folder, trial) if found.todo == "nothing" else _try(found, config, words, trial)


def _data_fingerprint(config: DictConfig) -> str | None:
    try:
        cache_dir = config.data.cache_dir
        return build_index(Path(config.data.root), cache_dir=Path(cache_dir) if cache_dir else None).fingerprint
    except (UserError, OmegaConfBaseException):  # no tree yet, or a faulty one or config: the run itself will say so
        return None


def best_score(folder: RunFolder) -> float | None:
    """The best of a run's epochs by the number that its checkpoint is chosen by, larger being better."""
    rows = _history(folder)
    return max(map(monitor_of(rows).score, rows)) if rows else None


def _take_over(folder: RunFolder, trial: Trial | None) -> Outcome:
    """A result that is there; a study is told its epochs, with which its pruner compares later trials."""
    pruned = folder.read_json("status.json")["state"] == "pruned"
    log.info("%s has already %s", folder.path.name, "been pruned" if pruned else "finished")
    if trial is not None:
        rows = _history(folder)
        for row in rows:
            trial.report(monitor_of(rows).score(row), int(row["epoch"]))
    return Outcome("pruned" if pruned else "finished", best_score(folder))


def _try(attempt: Attempt, config: DictConfig, words: Sequence[str], trial: Trial | None) -> Outcome:
    """Run it or go on with it; a failure is put down in its folder."""
    try:
        _train(attempt, config, words, trial)
        return Outcome("finished", best_score(attempt.folder))
    except Busy as error:  # somebody resumes it without the sweep
        log.info("%s", error)
        return Outcome("elsewhere")
    except Pruned as end:
        log.info("%s: %s", attempt.folder.path.name, end)
        return Outcome("pruned", best_score(attempt.folder))
    except Exception as error:
        reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        details = None if isinstance(error, UserError) else traceback.format_exc()
    finally:
        configure_logs()  # lets go of the run's own log
        _release_memory()
    record_failure(attempt.folder, reason, words, config, details)
    return Outcome("failed")


def _train(attempt: Attempt, config: DictConfig, words: Sequence[str], trial: Trial | None) -> None:
    check_config(config)
    if config.trainer.devices > 1:
        raise UserError(
            "A job of a sweep runs on one device, because Lightning would start the whole sweep again on the others; "
            "take trainer.devices=1, or train this one without -m."
        )
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()  # the peak of the job before is none of this one's
    if attempt.todo == "resume":
        log.info("%s goes on where it stopped", attempt.folder.path.name)
        resume(attempt.folder.path, trial=trial)
    else:
        run(config, attempt.folder.path, words, trial=trial)


def _history(folder: RunFolder) -> list[dict[str, Any]]:
    path = folder.path / "history.csv"
    return cast(list[dict[str, Any]], pd.read_csv(path).to_dict("records")) if path.exists() else []


def _release_memory() -> None:
    """What a failed job held must not starve the next one in the same process."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
