"""What epochs are compared by follows from the columns of the history, and its score is larger for the better one."""

from __future__ import annotations

import math

import pytest

from lgg_seg.runs.monitor import AUROC, DICE, LOSS, Monitor, monitor_of

CLASSIFIER = {"val/auroc": 0.8, "val/loss": 0.4, "lr": 1e-3}


@pytest.mark.parametrize(
    ("row", "monitor"),
    [
        ({"val/dice": 0.7, "val/loss": 0.4}, DICE),
        (CLASSIFIER, AUROC),
        (CLASSIFIER | {"val/auroc": math.nan}, LOSS),
    ],
)
def test_the_monitor_follows_from_the_history(row: dict[str, float], monitor: Monitor) -> None:
    assert monitor_of([row, row]) == monitor


def test_the_better_epoch_has_the_larger_score() -> None:
    assert DICE.score({"val/dice": 0.8}) > DICE.score({"val/dice": 0.7})
    assert LOSS.score({"val/loss": 0.3}) > LOSS.score({"val/loss": 0.4})
