"""What both LightningModules share: input, logging, optimizer and schedule, gradient clipping, checks of the loss."""

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import numpy as np
import pytorch_lightning as pl
import torch
from lightning_fabric.utilities import move_data_to_device
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau
from torchmetrics import Metric

from lgg_seg.data.preprocessing import normalise
from lgg_seg.errors import Diverged, UserError
from lgg_seg.metrics.streaming import MeanLoss
from lgg_seg.runs.monitor import Monitor
from lgg_seg.schedulers import Schedule, ScheduleLength
from lgg_seg.training.validations import is_measured, steps_in_all, validates_within_epochs

log = logging.getLogger(__name__)

Batch = dict[str, Tensor]
HEADLINES = ("/dice", "/auroc")  # shown beside the progress bar


class Parts(NamedTuple):
    """What a module trains, and how; optimizer and schedule are made once the parameters and the length are known."""

    network: nn.Module
    loss: nn.Module
    optimizer: Callable[[Any], Optimizer]
    scheduler: Callable[[Optimizer, ScheduleLength], Schedule]
    memory_format: torch.memory_format = torch.contiguous_format


class TrainingModule(pl.LightningModule):
    """Trains a network of logits, and logs the loss and a metric of every epoch.

    A batch is a mapping with `image` uint8 (B, C, S, S), `mask` uint8 (B, 1, S, S) of 0 and 1, `statistics` float32
    (B, C, 4), `slice` and `patient` int64 (B,); the first and third are normalised on the device.

    Args:
        parts: what is trained, and how.
        metric: makes the metric, once for training and once for validation; it computes several numbers by name.
        monitor: what epochs are compared by.
        plateau_metrics: the validation numbers, all better when larger, that a `plateau` schedule can monitor.
    """

    def __init__(
        self, parts: Parts, metric: Callable[[], Metric], monitor: Monitor, plateau_metrics: tuple[str, ...]
    ) -> None:
        super().__init__()
        self.network = parts.network.to(memory_format=parts.memory_format)
        self.loss = parts.loss
        self.optimizer_factory = parts.optimizer
        self.scheduler_factory = parts.scheduler
        self.memory_format = parts.memory_format
        self.train_metric, self.val_metric = metric(), metric()
        self.train_loss, self.val_loss = MeanLoss(), MeanLoss()
        self.monitor = monitor
        self.plateau_metrics = plateau_metrics
        self.learning_rate = 0.0
        self._unchecked: list[tuple[int, Tensor, Tensor]] = []  # steps, with their losses and slices (B,)
        self._seed = torch.initial_seed()  # the run's, which seeds everything before it builds anything

    def forward(self, image: Tensor, statistics: Tensor) -> Tensor:
        """The network's logits, or several while training with deep supervision, of uint8 images."""
        x_bchw = normalise(image, statistics).contiguous(memory_format=self.memory_format)
        return cast(Tensor, self.network(x_bchw))

    def on_train_epoch_start(self) -> None:
        self.learning_rate = float(self.trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_start(self) -> None:
        """Take the schedule's rate; of a resumed run whose length has changed, it is another than that of its end."""
        for schedule in (config.scheduler for config in self.trainer.lr_scheduler_configs):
            if not isinstance(schedule, LambdaLR):
                continue
            group = schedule.optimizer.param_groups[0]
            before, now = group["lr"], group["initial_lr"] * schedule.lr_lambdas[0](schedule.last_epoch)
            if not math.isclose(before, now, abs_tol=1e-12):
                log.warning(
                    "the schedule is that of %s epochs now: the learning rate goes on with %.3g, after %.3g",
                    self.trainer.max_epochs, now, before,
                )  # fmt: skip
                for each, factor in zip(schedule.optimizer.param_groups, schedule.lr_lambdas, strict=True):
                    each["lr"] = each["initial_lr"] * factor(schedule.last_epoch)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed the step's dropout by its place alone: a checkpoint of a run to resume holds no generator's state."""
        place = (self._seed, self.global_rank, self.current_epoch, batch_idx)
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0]))
        self._slices = batch["slice"]

    def on_before_backward(self, loss: Tensor) -> None:
        """Stop a run that diverges: on a CPU before its weights do, on a GPU some steps later."""
        self._unchecked.append((self.trainer.global_step, loss.detach(), self._slices))
        if len(self._unchecked) == self.steps_unchecked:
            self._check_losses()

    @property
    def steps_unchecked(self) -> int:
        """After how many steps losses are looked at: to read one, a GPU must have finished its step."""
        return 1 if self.device.type == "cpu" else 50

    def on_train_batch_end(self, *_: Any) -> None:
        """End at `max_steps` with the epoch's validation, which Lightning would leave out in the middle of an epoch."""
        if 0 <= self.trainer.max_steps <= self.trainer.global_step:
            self.trainer.should_stop = True

    def backward(self, loss: Tensor, *_: Any, **__: Any) -> None:
        """Compute the gradient, of an epoch's last and shorter window of accumulated batches at its full size.

        Lightning divides every batch's loss by `accumulate_grad_batches`, however many batches are left.
        """
        window = self.trainer.accumulate_grad_batches
        left = int(self.trainer.num_training_batches) - self.trainer.fit_loop.batch_idx // window * window
        torch.autograd.backward(loss * (window / min(window, left)))

    def on_train_epoch_end(self) -> None:
        """Log the epoch's training loss and metrics; stop a run that has diverged."""
        self._check_losses()
        self._check_weights()
        if not validates_within_epochs(self.trainer):
            self._log_epoch("train", self.train_loss, self.train_metric)
        self.log("lr", self.learning_rate)
        if is_measured(self.trainer):
            self._step_plateau(self.trainer.callback_metrics)

    def _step_plateau(self, measured: Mapping[str, Tensor]) -> None:
        """Before a checkpoint is saved, which must hold the schedule's state."""
        for schedule in self.trainer.lr_scheduler_configs:
            if isinstance(schedule.scheduler, ReduceLROnPlateau):
                schedule.scheduler.step(float(measured[str(schedule.monitor)]))

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Step a schedule, but for `plateau`, which Lightning would step after it has saved the epoch's checkpoint."""
        if not isinstance(scheduler, ReduceLROnPlateau):
            super().lr_scheduler_step(scheduler, metric)

    def on_validation_epoch_end(self) -> None:
        """Log the validation loss and metrics; stop a run whose weights are too large to compute with.

        Within an epoch those of the training go with them, from the batches since the validation before.
        """
        self._check_losses()  # first: it names the step
        self._check_weights()
        if not math.isfinite(loss := float(self.val_loss.compute())):
            raise self._diverged("validation loss", loss)
        measured = self._log_epoch("val", self.val_loss, self.val_metric)
        if validates_within_epochs(self.trainer):
            self._log_epoch("train", self.train_loss, self.train_metric)
            self._step_plateau(measured)

    def _log_epoch(self, subset: str, loss: MeanLoss, metric: Metric) -> dict[str, Tensor]:
        """Log what all processes compute here together: with Lightning's `sync_dist` they would wait for the bar."""
        measured = {f"{subset}/{name}": value for name, value in {"loss": loss.compute(), **metric.compute()}.items()}
        for name, value in measured.items():
            self.log(name, value, prog_bar=name.endswith(HEADLINES))
        loss.reset()
        metric.reset()
        return measured

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what the epoch has summed up so far, of every process: it may be saved in the middle of one."""
        self._check_losses()
        self._check_weights()
        states = [self.train_loss.metric_state, self.train_metric.metric_state]
        sums = move_data_to_device(states, torch.device("cpu"))
        checkpoint["epoch_so_far"] = {"learning_rate": self.learning_rate, "sums": self._of_all_ranks(sums)}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore it, where there is any: runs of older versions were saved at the end of an epoch alone."""
        if so_far := checkpoint.get("epoch_so_far"):
            self.learning_rate = so_far["learning_rate"]
            metrics = self.train_loss, self.train_metric
            for metric, state in zip(metrics, so_far["sums"][self.global_rank], strict=True):
                for name, value in move_data_to_device(state, self.device).items():
                    setattr(metric, name, value)

    def _of_all_ranks(self, own: Any) -> list[Any]:
        """What each process of a distributed run gives here, by its rank."""
        gathered = [own] * self.trainer.world_size
        if self.trainer.world_size > 1:
            torch.distributed.all_gather_object(gathered, own)
        return gathered

    def _names(self, slices: Tensor) -> str:
        """The slices by patient and number, where there is a data set that knows them."""
        data = getattr(self.trainer, "datamodule", None)
        if data is None:
            return f"slices {slices.tolist()}"
        found = (data.index.slices[i] for i in slices.tolist())
        return ", ".join(f"{one.patient}/{one.number}" for one in found)

    def _check_losses(self) -> None:
        """Refuse to go on after a training loss that is not finite, in whichever process: nothing of it is saved."""
        if not self._unchecked:
            return
        losses = torch.stack([loss for _, loss, _ in self._unchecked]).tolist()
        steps = (
            (step, loss, self._names(slices))
            for (step, _, slices), loss in zip(self._unchecked, losses, strict=True)
            if not math.isfinite(loss)
        )
        of_ranks = self._of_all_ranks(next(steps, None))
        self._unchecked.clear()
        if found := [one for one in of_ranks if one is not None]:
            step, loss, names = min(found, key=lambda one: int(one[0]))
            raise self._diverged("training loss", loss, f", step {step}, on {names}")

    def _check_weights(self) -> None:
        """Refuse to go on with weights that are not finite."""
        total = float(torch.stack([p.detach().abs().sum() for p in self.network.parameters()]).sum())
        if not math.isfinite(total):
            raise self._diverged("sum of the weights", total)

    def _diverged(self, what: str, number: float, where: str = "") -> Diverged:
        return Diverged(
            f"The {what} became {number} in epoch {self.current_epoch + 1}{where}; try a smaller optimizer.lr, "
            "trainer.gradient_clip_val=1.0 or trainer.precision=32-true."
        )

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,  # noqa: ARG002  # Lightning's signature
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradient: Lightning's own hook refuses fused optimizers in any mixed precision.

        Only float16 scales its gradients, and there `Experiment` takes an optimizer that is not fused.
        """
        if gradient_clip_val is not None:
            clip = nn.utils.clip_grad_value_ if gradient_clip_algorithm == "value" else nn.utils.clip_grad_norm_
            clip(self.parameters(), gradient_clip_val)

    def configure_optimizers(self) -> Any:
        """The optimizer over the parameters that are not frozen, and its schedule."""
        try:
            optimizer = self.optimizer_factory([p for p in self.parameters() if p.requires_grad])
        except (ValueError, RuntimeError) as error:
            raise UserError(f"The optimizer refuses its settings: {str(error).rstrip('.')}.") from error
        total = steps_in_all(self.trainer)
        # As its batch size finder does: the loader that counted the batches knows nothing of a resumed run's place.
        self.trainer.fit_loop.teardown()
        self.trainer.fit_loop._combined_loader = None
        window, batches = self.trainer.accumulate_grad_batches, self.trainer.num_training_batches
        if window > batches:
            raise UserError(
                f"trainer.accumulate_grad_batches={window}, but an epoch has {batches} batches; take that many or "
                "fewer, or a smaller data.batch_size."
            )
        length = ScheduleLength(total, steps_per_epoch=-(-int(batches) // window))
        schedule = self.scheduler_factory(optimizer, length)
        monitored = schedule.get("monitor")
        if monitored is not None and monitored not in self.plateau_metrics:
            remedies = " or ".join(f"scheduler.monitor={name}" for name in self.plateau_metrics) or "another scheduler"
            raise UserError(f"scheduler.monitor={monitored} is not measured in this run; choose {remedies}.")
        if monitored is not None:  # Lightning misses its value after an epoch without validation
            schedule["frequency"] = self.trainer.check_val_every_n_epoch or 1
        return {"optimizer": optimizer, "lr_scheduler": schedule}
