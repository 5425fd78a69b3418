"""The number by which a run's epochs are compared: it chooses the best checkpoint and says when to stop."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Monitor:
    """A column of `history.csv`, whether the best is its largest or its smallest value, and its name for people."""

    column: str
    mode: Literal["max", "min"]
    title: str

    def score(self, row: Mapping[str, Any]) -> float:
        """An epoch's value from its row, its sign such that larger is better."""
        value = float(row[self.column])
        return value if self.mode == "max" else -value


DICE = Monitor("val/dice", "max", "patient Dice")
IOU = Monitor("val/iou", "max", "patient IoU")
AUROC = Monitor("val/auroc", "max", "slice AUROC")
LOSS = Monitor("val/loss", "min", "loss")
"""Of a segmentation where it is asked for, and of a classifier whose validation slices are all of one class, which have
no ROC curve."""

SEGMENTATION_MONITORS = {monitor.column: monitor for monitor in (DICE, IOU, LOSS)}
"""What `trainer.monitor` can choose."""


def monitor_of(rows: Sequence[Mapping[str, Any]]) -> Monitor:
    """What a run is judged by, from the rows of its `history.csv`; `trainer.monitor` may have chosen its checkpoint by
    another."""
    known = (m for m in (DICE, AUROC) if all(math.isfinite(row.get(m.column, math.nan)) for row in rows))
    return next(known, LOSS)
