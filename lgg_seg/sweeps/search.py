"""The search: Optuna proposes, the launcher runs, each job tells the study what came of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
import yaml
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn
from optuna.distributions import BaseDistribution
from optuna.trial import TrialState

from lgg_seg.errors import UserError
from lgg_seg.runs.folder import RunFolder
from lgg_seg.sweeps import study as studies
from lgg_seg.sweeps.space import search_space, typed, words_of
from lgg_seg.sweeps.study import StudySettings, end, open_study, sampler, study_settings, tally
from lgg_seg.sweeps.sweeper import CellSweeper, fixed_word, varies

log = logging.getLogger(__name__)
RESULTS = "optimization_results.yaml"
_SIGN_OF_LIFE = 60  # seconds


def search(sweeper: CellSweeper, settings: StudySettings, overrides: Sequence[Override]) -> list[Sequence[JobReturn]]:
    """Trials in batches until the study has `n_trials` of them, in this sweep and all before it.

    A trial that fails is not replaced at once, for it may fail for ever: the same command, given again, does that.

    Raises:
        UserError: no key is searched, the study's storage cannot be reached, or it holds another search.
    """
    space = search_space(override for override in overrides if varies(override))
    if not space:
        raise UserError(
            "The search has nothing to vary; give a key several values or an interval, or choose a space: "
            "sweep=learning_rate."
        )
    fixed = [fixed_word(override) for override in overrides if not varies(override)]
    sweeper.folder.mkdir(parents=True, exist_ok=True)
    study = open_study(settings)
    requeued = studies.requeue_abandoned(study)
    if requeued:
        log.info("%d interrupted trials of this study are taken up again", requeued)
    returned = []
    left = settings.n_trials - _done(study)
    while (batch := min(left, settings.n_jobs, settings.n_trials - _done(study))) > 0:
        trials = [_ask(study, settings, space) for _ in range(batch)]
        left -= batch
        returned.append(_launch(sweeper, study, trials, fixed, set(space)))
    write_results(study, RunFolder(sweeper.folder))
    return returned


def write_results(study: optuna.Study, folder: RunFolder) -> dict[str, Any]:
    """Write `optimization_results.yaml` and say which trial is the best.

    Returns:
        what was written.
    """
    best = studies.best(study)
    content: dict[str, Any] = {"study": study.study_name, "trials": tally(study), "best": None}
    if best is not None:
        parameters = {key: typed(value) for key, value in best.params.items()}
        content["best"] = {
            "trial": best.number,
            "score": best.value,  # validation patient Dice of its best epoch
            "parameters": parameters,
        }
        print(
            f"best of {sum(content['trials'].values())} trials: trial {best.number}, "
            f"validation score {best.value:.3f}, {' '.join(words_of(best.params))}"
        )
    with folder.writing(RESULTS) as path:
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return content


def _done(study: optuna.Study) -> int:
    """Trials that need not be run by this process: at their end, or at work elsewhere."""
    counted = tally(study)
    return counted["finished"] + counted["pruned"] + counted["running"]


def _ask(study: optuna.Study, settings: StudySettings, space: dict[str, BaseDistribution]) -> optuna.Trial:
    study.sampler = sampler(settings, len(study.get_trials(deepcopy=False)))
    try:
        trial = study.ask(fixed_distributions=space)
    except ValueError as error:
        raise UserError(
            f"The study {settings.study_name} is of another search ({' '.join(str(error).split())}); choose another "
            "hydra.sweep.dir or hydra.sweeper.study_name."
        ) from error
    studies.take(study, trial)
    return trial


def _launch(
    sweeper: CellSweeper, study: optuna.Study, trials: list[optuna.Trial], fixed: list[str], varying: set[str]
) -> Sequence[JobReturn]:
    jobs = []
    for trial in trials:
        words = [*fixed, *words_of(trial.params), f"hydra.sweeper.trial={trial.number}"]
        job = sweeper.cell(words, varying)
        if job is None:
            end(study, trial.number, TrialState.FAIL)
        else:
            jobs.append(job)
    numbers = [trial.number for trial in trials]
    with _signs_of_life(lambda: studies.show_alive(study, numbers)):
        returned = sweeper.launch(jobs, first=numbers[0])
    for number in numbers:  # a job that was killed has told nothing
        end(study, number, TrialState.FAIL)
    return returned


@contextmanager
def _signs_of_life(sign: Callable[[], None]) -> Iterator[None]:
    """Call `sign` once a minute, beside the block."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(_SIGN_OF_LIFE):
            sign()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def settings_of(sweeper: CellSweeper) -> StudySettings:
    """The study that the sweep's config describes."""
    return study_settings(sweeper.config.hydra.sweeper, sweeper.folder)
