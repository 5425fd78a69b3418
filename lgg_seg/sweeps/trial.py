"""A job that is a trial of a study: it reports its epochs there, and what became of it."""

from __future__ import annotations

import logging
from pathlib import Path

import optuna
from omegaconf import DictConfig
from optuna.trial import TrialState

from lgg_seg.sweeps.outcome import Outcome
from lgg_seg.sweeps.study import end, open_study, study_settings

log = logging.getLogger(__name__)
STATES = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


class TrialOfJob:
    """The trial whose number the sweep has put into the job's own config, reached through the study's storage."""

    def __init__(self, hydra_config: DictConfig) -> None:
        self.study = open_study(study_settings(hydra_config.sweeper, Path(hydra_config.sweep.dir)))
        self.number = int(hydra_config.sweeper.trial)
        self._trial = optuna.Trial(self.study, self.study.get_trials(deepcopy=False)[self.number]._trial_id)

    def report(self, value: float, step: int) -> None:
        """Tell the study one epoch's score."""
        self._trial.report(value, step)

    def should_prune(self) -> bool:
        """Whether the other trials were better by then."""
        return self._trial.should_prune()

    def tell(self, outcome: Outcome) -> None:
        """Tell the study the end of the trial. The job does, not the sweep, whose process may be gone by then."""
        state = STATES.get(outcome.state, TrialState.FAIL)
        if not end(self.study, self.number, state, outcome.score if state == TrialState.COMPLETE else None):
            log.info("trial %d was queued again in the meantime; its result will be found there", self.number)
