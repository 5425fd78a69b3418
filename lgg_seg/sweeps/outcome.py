"""How a cell of a sweep ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Outcome:
    """The end of a cell, and the score of its best epoch where it has any."""

    state: Literal["finished", "pruned", "failed", "elsewhere"]
    score: float | None = None
