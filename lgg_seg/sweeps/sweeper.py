"""What every sweep does with a cell before it is launched, and the grid: every value with every other.

Hydra imports this at every start: nothing heavy stands at the top.
"""

from __future__ import annotations

import logging
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
from lgg_seg.sweeps.identity import identity
from lgg_seg.sweeps.naming import cell_name

log = logging.getLogger(__name__)
SUBDIR = "hydra.sweep.subdir"


class CellSweeper(Sweeper):
    """Names each cell's folder by what the cell is, and keeps one that cannot run from stopping the others."""

    def __init__(self, params: Mapping[str, Any] | None) -> None:
        self.params = dict(params or {})
        self.lost: list[str] = []

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra hands over what a sweep needs."""
        self.hydra_context: HydraContext = hydra_context
        self.config: DictConfig = config
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    @property
    def folder(self) -> Path:
        """The sweep's."""
        return Path(str(self.config.hydra.sweep.dir))

    def sweep(self, arguments: list[str]) -> Any:
        """Launch all cells; one sentence in place of a traceback where the user can mend it."""
        try:
            returned = self.launch_all(self.overrides(arguments))
        except UserError as error:
            raise SystemExit(str(error)) from error  # past Hydra's traceback, to `command`
        if self.lost:
            raise SystemExit(
                f"{'; '.join(self.lost)}. What had finished is kept; the same command runs what is missing."
            )
        return returned

    @abstractmethod
    def launch_all(self, overrides: Sequence[Override]) -> list[Sequence[JobReturn]]:
        """Every cell of the sweep, in batches."""

    def overrides(self, arguments: Sequence[str]) -> list[Override]:
        """The sweep's words: those of `hydra.sweeper.params`, and those of the command line, which win."""
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        words = [f"{key}={value}" for key, value in self.params.items()] + list(arguments)
        by_key = {override.get_key_element(): override for override in parser.parse_overrides(words)}
        return list(by_key.values())

    def cell(self, words: Sequence[str], varying: Collection[str]) -> list[str] | None:
        """The words of a job, its folder among them; None for a cell that cannot be composed, recorded as failed."""
        try:
            config = self._compose(words)
        except (HydraException, OmegaConfBaseException) as error:
            self._record(words, varying, error)
            return None
        if any(word.startswith(f"{SUBDIR}=") for word in self.config.hydra.overrides.hydra):
            return list(words)  # the user knows better
        return [*words, f"{SUBDIR}='{cell_name(words, varying, str(config.name), identity(config))}'"]

    def launch(self, jobs: Sequence[Sequence[str]], first: int) -> Sequence[JobReturn]:
        """Launch one batch. What a launcher raises (a killed worker, a job over its time) ends no other batch."""
        if not jobs:
            return []
        try:
            returned = self._launcher.launch(jobs, initial_job_idx=first)
        except Exception as error:
            log.exception("the launcher lost a job")
            lines = str(error).strip().splitlines() or [""]
            self.lost.append(f"The launcher lost a job ({type(error).__name__}: {lines[0]})")
            return []
        for job in returned:
            if job.status == JobStatus.FAILED:
                self.lost.append(f"A job broke off ({type(job._return_value).__name__}: {job._return_value})")
        return returned

    def _compose(self, words: Sequence[str]) -> DictConfig:
        """The config that a job of these words will have, resolved."""
        return without_hydra(self.hydra_context.config_loader.load_sweep_config(self.config, list(words)))

    def _record(self, words: Sequence[str], varying: Collection[str], error: Exception) -> None:
        from lgg_seg.runs.folder import RunFolder
        from lgg_seg.sweeps.failures import record_failure
        from lgg_seg.sweeps.retries import STATUS, siblings

        own = [word for word in words if not word.startswith(("hydra.", "sweep="))]
        base = self.folder / cell_name(own, varying, "cell", own)
        path = next(path for path in siblings(base) if not (path / STATUS).exists())
        # Without a config, a leaderboard would not know what has failed: what the chosen groups alone make.
        members = groups()
        config = self._compose([word for word in own if word.partition("=")[0] in members])
        record_failure(RunFolder(path), " ".join(str(error).split()), own, config)


class GridSweeper(CellSweeper):
    """Every value of a key with every value of the others."""

    def __init__(self, params: Mapping[str, Any] | None = None, max_batch_size: int | None = None) -> None:
        super().__init__(params)
        self.max_batch_size = max_batch_size

    def launch_all(self, overrides: Sequence[Override]) -> list[Sequence[JobReturn]]:
        """The cells in batches of `max_batch_size`, by default all at once."""
        varying = {override.key_or_group for override in overrides if varies(override)}
        cells = [self.cell(words, varying) for words in grid(overrides)]
        jobs = [cell for cell in cells if cell is not None]
        size = self.max_batch_size or max(1, len(jobs))
        return [self.launch(jobs[first : first + size], first) for first in range(0, len(jobs), size)]


def varies(override: Override) -> bool:
    """Whether it has two different values; a choice of one is a fixed value that Hydra leaves to the jobs."""
    if override.is_discrete_sweep():
        return len(set(override.sweep_string_iterator())) > 1
    return override.is_sweep_override()


def fixed_word(override: Override) -> str:
    """The word of an override that does not vary."""
    if override.is_discrete_sweep():
        return f"{override.get_key_element()}={next(override.sweep_string_iterator())}"
    return override.input_line or override.get_key_element()


def grid(overrides: Sequence[Override]) -> list[list[str]]:
    """The words of every cell.

    Raises:
        UserError: an interval, which has no list of values.
    """
    lists = []
    for override in overrides:
        key = override.get_key_element()
        if override.is_interval_sweep():
            raise UserError(
                f"{override.input_line} has no list of values to go through; add hydra/sweeper=optuna, which searches "
                "it, or give values: key=a,b,c."
            )
        if varies(override):
            lists.append([f"{key}={value}" for value in override.sweep_string_iterator()])
        else:
            lists.append([fixed_word(override)])
    return [list(words) for words in product(*lists)]
