"""Learning-rate schedules as multipliers of the optimizer's own rate, stepped after every optimizer step.

Each takes the optimizer and the run's length from code and its own parameters from `conf/scheduler`. The one exception
is `plateau`, which is stepped with a validation metric after every validation.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR, ReduceLROnPlateau

from lgg_seg.errors import require

Schedule = dict[str, Any]  # what Lightning's `configure_optimizers` calls `lr_scheduler_config`


@dataclass(frozen=True)
class ScheduleLength:
    """The length of a run in optimizer steps."""

    total_steps: int
    steps_per_epoch: int


def none(optimizer: Optimizer, length: ScheduleLength) -> Schedule:
    """A constant learning rate."""
    return _by_factor(optimizer, length, lambda _epoch, _progress: 1.0)


def exponential(optimizer: Optimizer, length: ScheduleLength, gamma: float = 0.95) -> Schedule:
    """The rate times `gamma` after every epoch."""
    require(gamma > 0, "scheduler.gamma", gamma, "above 0")
    return _by_factor(optimizer, length, lambda epoch, _progress: gamma ** math.floor(epoch))


def step(optimizer: Optimizer, length: ScheduleLength, step_size: int = 10, gamma: float = 0.1) -> Schedule:
    """The rate times `gamma` after every `step_size` epochs."""
    require(step_size >= 1, "scheduler.step_size", step_size, "1 or more")
    require(gamma > 0, "scheduler.gamma", gamma, "above 0")
    return _by_factor(optimizer, length, lambda epoch, _p: gamma ** (math.floor(epoch) // step_size))


def cosine(
    optimizer: Optimizer, length: ScheduleLength, warmup_epochs: float = 1.0, final_factor: float = 0.0
) -> Schedule:
    """Linear warm-up, then half a cosine down to `final_factor` of the rate (arXiv 1608.03983, without restarts)."""
    require(0 <= final_factor <= 1, "scheduler.final_factor", final_factor, "between 0 and 1")

    def factor(_epoch: float, progress: float) -> float:
        return final_factor + (1 - final_factor) * 0.5 * (1 + math.cos(math.pi * progress))

    return _by_factor(optimizer, length, factor, warmup_epochs)


def poly(optimizer: Optimizer, length: ScheduleLength, power: float = 0.9, warmup_epochs: float = 0.0) -> Schedule:
    """(1 - progress)^power, nnU-Net's schedule."""
    require(power >= 0, "scheduler.power", power, "0 or more")
    return _by_factor(optimizer, length, lambda _epoch, progress: (1 - progress) ** power, warmup_epochs)


def onecycle(
    optimizer: Optimizer,
    length: ScheduleLength,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Schedule:
    """Up to the optimizer's rate and down again while momentum goes the other way (arXiv 1708.07120)."""
    require(0 < pct_start < 1, "scheduler.pct_start", pct_start, "between 0 and 1")
    require(div_factor > 0, "scheduler.div_factor", div_factor, "above 0")
    require(final_div_factor > 0, "scheduler.final_div_factor", final_div_factor, "above 0")
    peaks = [float(group["lr"]) for group in optimizer.param_groups]
    scheduler = OneCycleLR(
        optimizer,
        max_lr=peaks,
        total_steps=length.total_steps + 1,  # it is stepped once more after the last optimizer step
        pct_start=pct_start,
        div_factor=div_factor,
        final_div_factor=final_div_factor,
        cycle_momentum=any("momentum" in group or "betas" in group for group in optimizer.param_groups),
    )
    return {"scheduler": scheduler, "interval": "step"}


def plateau(
    optimizer: Optimizer,
    length: ScheduleLength,
    patience: int = 5,
    factor: float = 0.5,
    monitor: Literal["val/dice", "val/iou", "val/auroc"] = "val/dice",
) -> Schedule:
    """The rate times `factor` when `monitor` has not risen for `patience` epochs."""
    del length  # a plateau has no planned length
    require(0 < factor < 1, "scheduler.factor", factor, "between 0 and 1")
    require(patience >= 0, "scheduler.patience", patience, "0 or more")
    scheduler = ReduceLROnPlateau(optimizer, mode="max", factor=factor, patience=patience)
    return {"scheduler": scheduler, "interval": "epoch", "monitor": monitor}


def _by_factor(
    optimizer: Optimizer, length: ScheduleLength, factor: Callable[[float, float], float], warmup_epochs: float = 0.0
) -> Schedule:
    """A schedule from factor(epoch, progress), progress running from 0 to 1 after the warm-up."""
    require(warmup_epochs >= 0, "scheduler.warmup_epochs", warmup_epochs, "0 or more")
    warmup = round(warmup_epochs * length.steps_per_epoch)

    def at(done: int) -> float:
        if done < warmup:
            return (done + 1) / (warmup + 1)
        progress = (done - warmup) / max(1, length.total_steps - warmup)
        return factor(done / length.steps_per_epoch, min(1.0, progress))

    return {"scheduler": LambdaLR(optimizer, at), "interval": "step"}
