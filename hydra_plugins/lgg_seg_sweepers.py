"""The sweepers where Hydra looks for them; `hydra/sweeper=grid` and `hydra/sweeper=optuna` choose one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn

from lgg_seg.sweeps import sweeper


class GridSweeper(sweeper.GridSweeper):
    """Every value with every other."""


class OptunaSweeper(sweeper.JobSweeper):
    """Values that Optuna proposes."""

    def __init__(self, params: Mapping[str, Any] | None = None, **_settings: Any) -> None:
        super().__init__(params)  # the settings are read where the jobs read them, from the config

    def launch_all(self, overrides: Sequence[Override]) -> list[Sequence[JobReturn]]:
        """Until the study has its trials."""
        from lgg_seg.sweeps.search import search  # Hydra imports this file at every start; Optuna is slow

        return search(self, overrides)
