"""What epochs are compared by follows from the columns of the history, and its score is larger for the better one."""

from __future__ import annotations

import math

import pytest

from lgg_seg.runs.monitor import AUROC, DICE, LOSS, Monitor, monitor_of, scores

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


def test_a_study_gets_a_number_for_each_row() -> None:
    rows = [{"epoch": k, "val/dice": k / 10} for k in (1, 3)]
    assert scores(rows, DICE) == [(0.1, 1), (0.3, 3)]
    assert scores([row | {"epoch_part": 0.5} for row in (rows[0], *rows)], DICE) == [(0.1, 0), (0.1, 1), (0.3, 2)]
