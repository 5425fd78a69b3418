"""The monitored metric of a run: it chooses the best checkpoint and decides early stopping."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Monitor:
    """A column of `history.csv`, whether its best value is the largest or the smallest, and its title."""

    column: str
    mode: Literal["max", "min"]
    title: str

    def score(self, row: Mapping[str, Any]) -> float:
        """An epoch's value from its row, with the sign by which larger is better."""
        value = float(row[self.column])
        return value if self.mode == "max" else -value


DICE = Monitor("val/dice", "max", "patient Dice")
IOU = Monitor("val/iou", "max", "patient IoU")
AUROC = Monitor("val/auroc", "max", "slice AUROC")
LOSS = Monitor("val/loss", "min", "loss")  # on request, and for a classifier that validates on one class: no ROC curve
LAST = Monitor("epoch", "max", "epoch")  # where nobody validates, the last epoch is the one to keep
SEGMENTATION_MONITORS = {monitor.column: monitor for monitor in (DICE, IOU, LOSS)}  # the choices of `trainer.monitor`


def epochs_done(row: Mapping[str, Any]) -> float:
    """How many epochs a row of `history.csv` comes after: a whole number, but for a validation within an epoch."""
    return row["epoch"] + row.get("epoch_part", 1)  # type: ignore[no-any-return]  # numbers


def epoch_of(row: Mapping[str, Any]) -> str:
    """That number as people read it: 3, or 2.75."""
    return f"{round(epochs_done(row), 2):g}"


def scores(rows: Sequence[Mapping[str, Any]], monitor: Monitor) -> list[tuple[float, int]]:
    """What a study compares: the score of each row, and the number of its epoch, or within epochs of its validation."""
    numbers = (number if "epoch_part" in row else int(row["epoch"]) for number, row in enumerate(rows))
    return [(monitor.score(row), number) for row, number in zip(rows, numbers, strict=True)]


def monitor_of(rows: Sequence[Mapping[str, Any]], chosen: str | None = None) -> Monitor:
    """The metric that compares a run with others, or `chosen`, its `trainer.monitor`; `LAST` where nobody validated."""
    if chosen is not None and all(chosen in row for row in rows):
        return SEGMENTATION_MONITORS[chosen]
    finite = (m for m in (DICE, AUROC) if all(math.isfinite(row.get(m.column, math.nan)) for row in rows))
    return next(finite, LOSS if all(LOSS.column in row for row in rows) else LAST)
