"""What every LightningModule here shares: the input, the optimizer and its schedule, clipping, the end of a
divergence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lgg_seg.errors import UserError
from lgg_seg.runs.monitor import Monitor
from lgg_seg.schedulers import Schedule, ScheduleLength

Batch = dict[str, Tensor]
Normalise = Callable[[Tensor, Tensor], Tensor]


class TrainingModule(pl.LightningModule, ABC):
    """Trains a network of logits.

    A batch is a mapping with `image` uint8 (B, C, S, S), `mask` uint8 (B, 1, S, S) of 0 and 1, `statistics` float32
    (B, C, 4), `slice` and `patient` int64 (B,); `normalise` turns the first and third into the network's input, on
    the device.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        normalise: Normalise,
        optimizer: Callable[[Any], Optimizer],
        scheduler: Callable[[Optimizer, ScheduleLength], Schedule],
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        super().__init__()
        self.network = network.to(memory_format=memory_format)
        self.loss = loss
        self.normalise = normalise
        self.optimizer_factory = optimizer
        self.scheduler_factory = scheduler
        self.memory_format = memory_format
        self._seed = torch.initial_seed()  # the run's, which seeds everything before it builds anything

    @property
    @abstractmethod
    def monitor(self) -> Monitor:
        """What its epochs are compared by."""

    @property
    @abstractmethod
    def plateau_metrics(self) -> tuple[str, ...]:
        """The validation numbers, all better when larger, that a schedule may wait for."""

    def forward(self, image: Tensor, statistics: Tensor) -> Tensor:
        """The network's logits, or several while training with deep supervision, of uint8 images."""
        x_bchw = self.normalise(image, statistics).contiguous(memory_format=self.memory_format)
        return cast(Tensor, self.network(x_bchw))

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002  # Lightning's signature
        """Seed what the step draws (dropout) by its place alone, so that a resumed run draws what an unbroken one does.

        A checkpoint holds no state of the generators.
        """
        place = (self._seed, self.global_rank, self.current_epoch, batch_idx)
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0]))

    def check_finite_loss(self) -> None:
        """Stop a run whose training loss is no number any more.

        Raises:
            UserError: it is so; the message names remedies.
        """
        loss = self.trainer.callback_metrics["train/loss"]
        if not torch.isfinite(loss):
            raise UserError(
                f"The training loss became {float(loss)} in epoch {self.current_epoch}; try a smaller optimizer.lr, "
                "trainer.gradient_clip_val=1.0 or trainer.precision=32-true."
            )

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,  # noqa: ARG002  # Lightning's signature
    ) -> None:
        """Bound the gradient's norm.

        Lightning's own refuses fused optimizers in any mixed precision, but only float16 scales its gradients.

        Raises:
            UserError: a fused optimizer in float16, which unscales its gradients after they would be clipped.
        """
        if gradient_clip_val is None:
            return
        if self.trainer.precision == "16-mixed" and getattr(optimizer, "_step_supports_amp_scaling", False):
            raise UserError("trainer.gradient_clip_val in 16-mixed precision needs optimizer.fused=false.")
        nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)

    def configure_optimizers(self) -> Any:
        """The optimizer over the parameters that are not frozen, and its schedule.

        Raises:
            UserError: the optimizer refuses its settings, or the schedule waits for what this module does not measure.
        """
        try:
            optimizer = self.optimizer_factory([p for p in self.parameters() if p.requires_grad])
        except ValueError as error:
            raise UserError(f"The optimizer refuses its settings: {error}.") from error
        total = int(self.trainer.estimated_stepping_batches)
        epochs = self.trainer.max_epochs or 1
        length = ScheduleLength(total_steps=total, steps_per_epoch=max(1, total // epochs))
        schedule = self.scheduler_factory(optimizer, length)
        awaited = schedule.get("monitor")
        if awaited is not None and awaited not in self.plateau_metrics:
            remedies = " or ".join(f"scheduler.monitor={name}" for name in self.plateau_metrics) or "another scheduler"
            raise UserError(f"scheduler.monitor={awaited} is not measured in this run; choose {remedies}.")
        return {"optimizer": optimizer, "lr_scheduler": schedule}
