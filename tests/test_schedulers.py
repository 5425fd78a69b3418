"""Learning rates worked by hand, and every schedule of conf/scheduler through a whole run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from lgg_seg import schedulers
from lgg_seg.config.groups import groups
from lgg_seg.config.instantiate import instantiate
from lgg_seg.errors import UserError
from lgg_seg.schedulers import Schedule, ScheduleLength
from tests.configs import composed

LENGTH = ScheduleLength(total_steps=40, steps_per_epoch=4)
PEAK = 0.1


def optimizer() -> Optimizer:
    return SGD([nn.Parameter(torch.zeros(1))], lr=PEAK, momentum=0.9)


def rates(schedule: Callable[..., Schedule], length: ScheduleLength = LENGTH, **settings: float) -> list[float]:
    """The rate of every optimizer step, and the one left after the last."""
    steps = optimizer()
    scheduler = schedule(steps, length, **settings)["scheduler"]
    lrs = []
    for _ in range(length.total_steps):
        lrs.append(steps.param_groups[0]["lr"])
        steps.step()
        scheduler.step()
    return [*lrs, steps.param_groups[0]["lr"]]


def test_none_is_constant() -> None:
    assert set(rates(schedulers.none)) == {PEAK}


def test_exponential_falls_by_gamma_after_every_epoch_and_not_within_one() -> None:
    lrs = rates(schedulers.exponential, gamma=0.5)
    assert lrs == pytest.approx([PEAK * 0.5 ** (step // 4) for step in range(41)])


def test_step_falls_by_gamma_after_so_many_epochs() -> None:
    lrs = rates(schedulers.step, step_size=5, gamma=0.1)
    assert lrs == pytest.approx([PEAK] * 20 + [PEAK / 10] * 20 + [PEAK / 100])


def test_cosine_rises_in_a_line_and_falls_in_half_a_wave() -> None:
    lrs = rates(schedulers.cosine, warmup_epochs=1.0, final_factor=0.2)
    assert lrs[:5] == pytest.approx([PEAK * k / 5 for k in (1, 2, 3, 4, 5)])
    half = 4 + (40 - 4) // 2
    assert lrs[half] == pytest.approx(PEAK * (0.2 + 0.8 / 2))
    assert lrs[half + 9] == pytest.approx(PEAK * (0.2 + 0.8 * 0.5 * (1 + math.cos(0.75 * math.pi))))
    assert lrs[40] == pytest.approx(PEAK * 0.2)


def test_poly_falls_to_nothing_as_nnunets_does() -> None:
    lrs = rates(schedulers.poly, power=0.9)
    assert lrs == pytest.approx([PEAK * (1 - step / 40) ** 0.9 for step in range(41)])


def test_poly_can_warm_up() -> None:
    lrs = rates(schedulers.poly, power=1.0, warmup_epochs=2.0)
    assert lrs[:9] == pytest.approx([PEAK * k / 9 for k in range(1, 10)])
    assert lrs[24] == pytest.approx(PEAK / 2)


def test_onecycle_starts_low_peaks_and_ends_at_its_final_value() -> None:
    lrs = rates(schedulers.onecycle, pct_start=0.25, div_factor=20.0, final_div_factor=100.0)
    peak = lrs.index(max(lrs))
    assert lrs[0] == pytest.approx(PEAK / 20)
    assert lrs[peak] == pytest.approx(PEAK, rel=0.01)
    assert peak == pytest.approx(0.25 * 40, abs=1)
    assert lrs[40] == pytest.approx(PEAK / 20 / 100)
    assert lrs == sorted(lrs[: peak + 1]) + sorted(lrs[peak + 1 :], reverse=True)


@pytest.mark.parametrize("kind", [SGD, AdamW])
def test_onecycle_turns_momentum_the_other_way(kind: type[SGD] | type[AdamW]) -> None:
    options: dict[str, Any] = {"momentum": 0.9} if kind is SGD else {}
    steps = kind([nn.Parameter(torch.zeros(1))], lr=PEAK, **options)
    scheduler = schedulers.onecycle(steps, LENGTH)["scheduler"]

    def momentum() -> float:
        group = steps.param_groups[0]
        return float(group["momentum"] if "momentum" in group else group["betas"][0])

    first = momentum()
    for _ in range(12):
        steps.step()
        scheduler.step()
    assert momentum() < first


def test_plateau_halves_the_rate_after_patience_epochs_without_a_better_dice() -> None:
    steps = optimizer()
    schedule = schedulers.plateau(steps, LENGTH, patience=2, factor=0.5)
    assert (schedule["interval"], schedule["monitor"]) == ("epoch", "val/dice")
    lrs = []
    for dice in (0.1, 0.2, 0.3, 0.3, 0.25, 0.3, 0.3):
        schedule["scheduler"].step(dice)
        lrs.append(steps.param_groups[0]["lr"])
    assert lrs == pytest.approx([PEAK] * 5 + [PEAK / 2] * 2)


@pytest.mark.parametrize(
    ("schedule", "key", "value"),
    [
        (schedulers.exponential, "gamma", -1.0),
        (schedulers.step, "step_size", 0),
        (schedulers.step, "gamma", 0.0),
        (schedulers.cosine, "final_factor", -0.1),
        (schedulers.poly, "power", -1.0),
        (schedulers.poly, "warmup_epochs", -1.0),
        (schedulers.onecycle, "pct_start", 1.0),
        (schedulers.onecycle, "div_factor", 0.0),
        (schedulers.onecycle, "final_div_factor", 0.0),
        (schedulers.plateau, "factor", 1.0),
        (schedulers.plateau, "patience", -1),
    ],
)
def test_a_setting_that_gives_no_rate_is_refused_by_its_key(
    schedule: Callable[..., Schedule], key: str, value: float
) -> None:
    with pytest.raises(UserError, match=f"^scheduler.{key} is {value}; it must be "):
        schedule(optimizer(), LENGTH, **{key: value})


@pytest.mark.parametrize("length", [LENGTH, ScheduleLength(2, 2), ScheduleLength(3, 1), ScheduleLength(1, 1)], ids=str)
@pytest.mark.parametrize("member", groups()["scheduler"])
def test_every_schedule_keeps_the_rate_between_0_and_the_optimizers(member: str, length: ScheduleLength) -> None:
    steps = optimizer()
    config = composed(f"scheduler={member}")
    schedule = instantiate(config.scheduler, "scheduler")(steps, length)
    by_epoch = schedule["interval"] == "epoch"
    lrs = [steps.param_groups[0]["lr"]]
    for done in range(1, length.total_steps + 1):
        steps.step()
        if not by_epoch:
            schedule["scheduler"].step()
        elif done % length.steps_per_epoch == 0:
            schedule["scheduler"].step(0.5)
        lrs.append(steps.param_groups[0]["lr"])
    assert all(math.isfinite(rate) and 0 <= rate <= PEAK * (1 + 1e-9) for rate in lrs)
    assert max(lrs[:-1]) > 0, "a run must learn something"
