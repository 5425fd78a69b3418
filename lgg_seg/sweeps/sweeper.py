"""What every sweep does with a job before it is launched, and the grid: every value with every other.

Hydra imports this at every start: nothing heavy stands at the top.
"""

import logging
import shlex
from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from lgg_seg.config.groups import groups
from lgg_seg.config.overrides import without_hydra
from lgg_seg.errors import UserError
from lgg_seg.runs.identity import job_identity
from lgg_seg.sweeps.naming import job_name

log = logging.getLogger(__name__)
SUBDIR = "hydra.sweep.subdir"


class JobSweeper(Sweeper):
    """A sweeper that names each job's folder by the job's config; a job that cannot run does not stop the others."""

    def __init__(self, params: Mapping[str, Any] | None) -> None:
        self.params = dict(params or {})
        self.launcher_errors: list[str] = []

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context: HydraContext = hydra_context
        self.config: DictConfig = config
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    @property
    def folder(self) -> Path:
        return Path(str(self.config.hydra.sweep.dir))

    def sweep(self, arguments: list[str]) -> Any:
        """Launch all jobs; one sentence in place of a traceback where the user can mend it."""
        try:
            returned = self.launch_all(self.overrides(arguments))
        except UserError as error:
            raise SystemExit(str(error)) from error  # past Hydra's traceback, to `command`
        if self.launcher_errors:
            raise SystemExit(
                f"{'; '.join(self.launcher_errors)}. What had finished is kept; the same command runs what is missing."
            )
        return returned

    @abstractmethod
    def launch_all(self, overrides: Sequence[Override]) -> list[Sequence[JobReturn]]:
        """Every job of the sweep, in batches."""

    def overrides(self, arguments: Sequence[str]) -> list[Override]:
        """The overrides in `hydra.sweeper.params` and those of the command line, which win."""
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = [f"{key}={value}" for key, value in self.params.items()] + list(arguments)
        return list({override.get_key_element(): override for override in parser.parse_overrides(overrides)}.values())

    def job(self, overrides: Sequence[str], varying: Collection[str]) -> list[str] | None:
        """The overrides of a job with its folder among them; None for one that cannot be composed: it has failed."""
        try:
            config = self._compose(overrides)
        except (HydraException, OmegaConfBaseException) as error:
            self._record(overrides, varying, error)
            return None
        if any(override.startswith(f"{SUBDIR}=") for override in self.config.hydra.overrides.hydra):
            return list(overrides)  # the user has named the folders
        return [*overrides, f"{SUBDIR}='{job_name(overrides, varying, str(config.name), job_identity(config))}'"]

    def launch(self, jobs: Sequence[Sequence[str]], first: int) -> Sequence[JobReturn]:
        """Launch one batch; after an error of the launcher, as of a killed worker, launch again what had not begun."""
        if not jobs:
            return []
        before = self._begun(jobs)
        try:
            returned = self._launcher.launch(jobs, initial_job_idx=first)
        except Exception as error:
            log.debug("the launcher lost a job", exc_info=True)
            lines = str(error).strip().splitlines() or [""]
            self.launcher_errors.append(f"The launcher lost a job ({type(error).__name__}: {lines[0]})")
            now = self._begun(jobs)
            left = [job for job, was, is_ in zip(jobs, before, now, strict=True) if is_ == was]
            return self.launch(left, first + len(jobs) - len(left)) if len(left) < len(jobs) else []
        for job in returned:
            if job.status == JobStatus.FAILED:
                failure = job._return_value
                self.launcher_errors.append(f"A job broke off ({type(failure).__name__}: {failure})")
        return returned

    def _begun(self, jobs: Sequence[Sequence[str]]) -> list[int]:
        """For each job when the status of an attempt at it was last written; 0 where nobody has begun it."""
        from lgg_seg.sweeps.retries import last_written

        names = [next((word for word in job if word.startswith(f"{SUBDIR}=")), "") for job in jobs]
        return [last_written(self.folder / name.partition("=")[2].strip("'")) for name in names]

    def _compose(self, overrides: Sequence[str]) -> DictConfig:
        return without_hydra(self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides)))

    def _record(self, overrides: Sequence[str], varying: Collection[str], error: Exception) -> None:
        from lgg_seg.runs.folder import RunFolder
        from lgg_seg.sweeps.retries import STATUS, record_failure, retry_folders

        own = [override for override in overrides if not override.startswith(("hydra.", "sweep="))]
        base = self.folder / job_name(own, varying, "cell", own)
        path = next(path for path in retry_folders(base) if not (path / STATUS).exists())
        # The leaderboard names the failed run by its config: here that of the chosen groups alone.
        members = groups()
        try:
            config = self._compose([override for override in own if override.partition("=")[0] in members])
        except (HydraException, OmegaConfBaseException):  # the member is what there is not
            config = self._compose([])
        record_failure(RunFolder(path), " ".join(str(error).split()), own, config)


class GridSweeper(JobSweeper):
    """Every value of a key with every value of the others, and each of those jobs in every variant.

    A variant is a string of overrides that go together, as typed on the command line; the empty one changes nothing.
    """

    def __init__(
        self,
        params: Mapping[str, Any] | None = None,
        variants: Sequence[str] = (),
        max_batch_size: int | None = None,
        jobs: int | None = None,  # noqa: ARG002  # the jobs read their number from the config
    ) -> None:
        super().__init__(params)
        if isinstance(variants, str):
            raise UserError(f"hydra.sweeper.variants is {variants!r}; it must be a list of texts.")
        self.variants = [shlex.split(variant) for variant in variants] or [[]]
        self.max_batch_size = max_batch_size

    def launch_all(self, overrides: Sequence[Override]) -> list[Sequence[JobReturn]]:
        """The jobs in batches of `max_batch_size`, by default all at once."""
        varying = {override.key_or_group for override in overrides if varies(override)}
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        for words in self.variants:
            try:
                parser.parse_overrides(words)
            except HydraException as error:
                raise UserError(
                    f"The variant {' '.join(words)!r} cannot be read: {str(error).splitlines()[0]}"
                ) from error
        in_variants = product(grid(overrides), self.variants)
        named = [self.job(with_variant(one, words), varying | set(map(key_of, words))) for one, words in in_variants]
        count = sum(job is not None for job in named)
        jobs = [[*job, f"hydra.sweeper.jobs={count}"] for job in named if job is not None]
        size = self.max_batch_size or max(1, len(jobs))
        return [self.launch(jobs[first : first + size], first) for first in range(0, len(jobs), size)]


def varies(override: Override) -> bool:
    """Whether it has two different values; a choice of one is a fixed value that Hydra leaves to the jobs."""
    if override.is_discrete_sweep():
        return len(set(override.sweep_string_iterator())) > 1
    return override.is_sweep_override()


def fixed(override: Override) -> str:
    """An override that does not vary, as it is typed for one run."""
    if override.is_discrete_sweep():
        return f"{override.get_key_element()}={next(override.sweep_string_iterator())}"
    return override.input_line or override.get_key_element()


def key_of(word: str) -> str:
    """The key or group that an override, as it is typed, sets or adds."""
    return word.partition("=")[0].lstrip("+~")


def with_variant(overrides: Sequence[str], variant: Sequence[str]) -> list[str]:
    """The overrides of a job with those of a variant, which win."""
    changed = set(map(key_of, variant))
    return [override for override in overrides if key_of(override) not in changed] + list(variant)


def grid(overrides: Sequence[Override]) -> list[list[str]]:
    """The overrides of every job."""
    lists = []
    for override in overrides:
        if override.is_interval_sweep():
            raise UserError(
                f"{override.input_line} has no list of values to go through; add hydra/sweeper=optuna, which searches "
                "it, or give values: key=a,b,c."
            )
        if varies(override):
            lists.append([f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()])
        else:
            lists.append([fixed(override)])
    return [list(job) for job in product(*lists)]
