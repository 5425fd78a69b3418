"""A search as its sweep recorded it: every trial with its validation score, and which parameters mattered."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

RESULTS = "optimization_results.yaml"


@dataclass(frozen=True)
class Trial:
    """One trial; `score` is the best validation score of its epochs, None where it has none."""

    number: int
    state: str
    score: float | None
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Search:
    """The trials in their order; `importance` is the share of the score's variance by parameter, the largest first."""

    trials: tuple[Trial, ...]
    importance: dict[str, float]

    @property
    def ranked(self) -> list[Trial]:
        """The finished trials, the best first; then the others."""
        return sorted(self.trials, key=lambda one: (one.state != "finished", -(one.score or 0.0), one.number))


def read_search(folder: Path) -> Search | None:
    """The search whose sweep's folder this is; None where there is none, or one from before trials were recorded."""
    try:
        content = yaml.safe_load((folder / RESULTS).read_text(encoding="utf-8"))
        trials = tuple(Trial(one["trial"], one["state"], one["score"], one["parameters"]) for one in content["history"])
        return Search(trials, dict(content["importance"]))
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return None
