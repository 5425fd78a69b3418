"""The search: its space in Hydra's sweep syntax; Optuna proposes, the launcher runs, each job tells its result."""

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
import yaml
from hydra.core.override_parser.types import IntervalSweep, Override, Transformer
from hydra.core.utils import JobReturn
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from lgg_seg.comparison.search import RESULTS
from lgg_seg.errors import UserError
from lgg_seg.runs.folder import RunFolder
from lgg_seg.sweeps import study as studies
from lgg_seg.sweeps.study import StudySettings, study_settings, trial_counts
from lgg_seg.sweeps.sweeper import JobSweeper, fixed, varies

log = logging.getLogger(__name__)


def search(sweeper: JobSweeper, overrides: Sequence[Override]) -> list[Sequence[JobReturn]]:
    """Trials in batches until the study has `n_trials` of them, in this sweep and all before it.

    A trial that fails is not replaced at once, for it may fail for ever: the same command, given again, does that.
    """
    settings = study_settings(sweeper.config.hydra.sweeper, sweeper.folder)
    space = search_space(override for override in overrides if varies(override))
    if not space:
        raise UserError(
            "The search has nothing to vary; give a key several values or an interval, or choose a space: "
            "sweep=learning_rate."
        )
    constants = [fixed(override) for override in overrides if not varies(override)]
    sweeper.folder.mkdir(parents=True, exist_ok=True)
    study = studies.open_study(settings)
    if requeued := studies.requeue_abandoned(study):
        log.info("%d interrupted trials of this study are taken up again", requeued)
    returned = []
    left = settings.n_trials - _done(study)
    while (batch := min(left, settings.n_jobs, settings.n_trials - _done(study))) > 0:
        trials = [_ask(study, settings, space) for _ in range(batch)]
        left -= batch
        returned.append(_launch(sweeper, study, trials, constants))
    write_results(study, RunFolder(sweeper.folder))
    return returned


def write_results(study: optuna.Study, folder: RunFolder) -> None:
    """Write `optimization_results.yaml` and print the best trial."""
    counts, best = trial_counts(study), studies.best_trial(study)
    content: dict[str, Any] = {"study": study.study_name, "trials": counts, "best": None}
    content |= {"history": studies.trial_history(study), "importance": studies.importance(study)}
    if best is not None:
        # The score is the validation patient Dice of its best epoch.
        content["best"] = {"trial": best.number, "score": best.value, "parameters": studies.parameters(best)}
        print(
            f"best of {sum(counts.values())} trials: trial {best.number}, validation score {best.value:.3f}, "
            f"{' '.join(as_overrides(best.params))}"
        )
    folder.write_text(RESULTS, yaml.safe_dump(content, sort_keys=False))


def distribution(override: Override) -> BaseDistribution:
    """The distribution of one key's values: of whole numbers with `int(…)` or `tag(int,…)`, of choices as typed."""
    value = override.value()
    try:
        if isinstance(value, IntervalSweep):
            return _interval(value)
        if override.is_range_sweep():
            return _range([float(v) for v in override.sweep_string_iterator()])
        return CategoricalDistribution(list(dict.fromkeys(map(str, override.sweep_iterator(Transformer.str)))))
    except (ValueError, TypeError) as error:
        raise UserError(f"{override.input_line} is no search space ({' '.join(str(error).split())}).") from error


def search_space(overrides: Iterable[Override]) -> dict[str, BaseDistribution]:
    """The keys that are searched, each with its distribution."""
    overrides = list(overrides)
    if idle := next((o.get_key_element() for o in overrides if o.get_key_element().startswith("evaluation.")), None):
        raise UserError(f"A search scores the epochs of a training, and {idle} comes after it; compare runs with it.")
    return {override.get_key_element(): distribution(override) for override in overrides}


def as_overrides(parameters: dict[str, Any]) -> list[str]:
    """A trial's values as overrides of one run."""
    return [f"{key}={value}" for key, value in parameters.items()]


def _done(study: optuna.Study) -> int:
    """Trials that need not be run by this process: at their end, or running elsewhere."""
    counts = trial_counts(study)
    return counts["finished"] + counts["pruned"] + counts["running"]


def _ask(study: optuna.Study, settings: StudySettings, space: dict[str, BaseDistribution]) -> optuna.Trial:
    study.sampler = studies.sampler(settings, len(study.get_trials(deepcopy=False)))
    try:
        trial = study.ask(fixed_distributions=space)
    except ValueError as error:
        raise UserError(
            f"The study {settings.study_name} is of another search ({' '.join(str(error).split())}); choose another "
            "hydra.sweep.dir or hydra.sweeper.study_name."
        ) from error
    studies.claim_trial(study, trial)
    return trial


def _launch(
    sweeper: JobSweeper, study: optuna.Study, trials: list[optuna.Trial], constants: list[str]
) -> Sequence[JobReturn]:
    jobs = []
    for trial in trials:
        overrides = [*constants, *as_overrides(trial.params), f"hydra.sweeper.trial={trial.number}"]
        job = sweeper.job(overrides, trial.params.keys())
        if job is None:
            studies.end_trial(study, trial.number, TrialState.FAIL)
        else:
            jobs.append(job)
    numbers = [trial.number for trial in trials]
    with _heartbeats(study, numbers):
        returned = sweeper.launch(jobs, first=numbers[0])
    for number in numbers:  # a killed job has not told its trial's end
        studies.end_trial(study, number, TrialState.FAIL)
    return returned


@contextmanager
def _heartbeats(study: optuna.Study, numbers: list[int]) -> Iterator[None]:
    """A heartbeat of these trials once a minute, beside the block."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(studies.HEARTBEAT_SECONDS):
            studies.heartbeat(study, numbers)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _interval(value: IntervalSweep) -> BaseDistribution:
    log = "log" in value.tags
    unknown = value.tags - {"log", "int"}
    if unknown:
        raise ValueError(f"the tag {', '.join(sorted(unknown))} means nothing here; there are log and int")
    low, high = value.start, value.end
    if low is None or high is None:
        raise ValueError("it has no ends")
    if "int" in value.tags or (isinstance(low, int) and isinstance(high, int)):
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(float(low), float(high), log=log)


def _range(values: list[float]) -> BaseDistribution:
    if not values:
        raise ValueError("it is empty")
    low, high = min(values), max(values)
    step = abs(values[1] - values[0]) if len(values) > 1 else 1.0
    if all(v.is_integer() for v in values):
        return IntDistribution(int(low), int(high), step=int(step))
    return FloatDistribution(low, high, step=step)
