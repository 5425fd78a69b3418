"""One LightningModule for every segmentation network: logits in, losses and patient Dice out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lgg_seg.metrics.streaming import PatientDice
from lgg_seg.runs.monitor import DICE, Monitor
from lgg_seg.schedulers import Schedule, ScheduleLength
from lgg_seg.training.base import Batch, Normalise, TrainingModule


class NativeGrid(Protocol):
    """What the module asks of its datamodule: the slices' own grid, on which every Dice is measured."""

    def to_native(self, probability: Tensor, slices: Sequence[int]) -> list[Tensor]:
        """Probabilities (B, S, S) of these slices on their native grids, each (H, W)."""
        ...

    def native_masks(self, slices: Sequence[int]) -> list[np.ndarray]:
        """The untouched masks of these slices, each bool (H, W)."""
        ...


class SegmentationModule(TrainingModule):
    """Trains a network of logits (B, 1, S, S); one with deep supervision returns several, whose losses are averaged.

    Logged every epoch: `train/loss`, `train/dice`, `train/iou` (on the augmented slices as the network saw them),
    `val/loss`, `val/dice`, `val/iou` (native grid); Dice and IoU are means over patients. `monitor` is what the best
    epoch is chosen by.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        normalise: Normalise,
        optimizer: Callable[[Any], Optimizer],
        scheduler: Callable[[Optimizer, ScheduleLength], Schedule],
        patients: int,
        memory_format: torch.memory_format = torch.contiguous_format,
        monitor: Monitor = DICE,
    ) -> None:
        super().__init__(network, loss, normalise, optimizer, scheduler, memory_format)
        self.train_dice = PatientDice(patients)
        self.val_dice = PatientDice(patients)
        self._monitor = monitor

    @property
    def monitor(self) -> Monitor:
        """The mean Dice of the validation patients, where nothing else was asked for."""
        return self._monitor

    @property
    def plateau_metrics(self) -> tuple[str, ...]:
        """Dice and IoU."""
        return "val/dice", "val/iou"

    def training_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The loss of one batch, and the logits (B, 1, S, S) that Dice is counted of."""
        target = batch["mask"].float()
        outputs = self(batch["image"], batch["statistics"])
        scales = outputs if isinstance(outputs, tuple) else (outputs,)
        return torch.stack([self.loss(logits, target) for logits in scales]).mean(), scales[-1]

    def training_step(self, batch: Batch, _batch_idx: int) -> Tensor:
        """The loss of one batch."""
        loss, logits = self.training_loss(batch)
        self.train_dice.update(logits.detach()[:, 0] >= 0, batch["mask"][:, 0].bool(), batch["patient"])
        self.log("train/loss", loss.detach(), on_step=False, on_epoch=True, batch_size=len(logits), sync_dist=True)
        return loss

    def on_train_epoch_end(self) -> None:
        """Log the epoch's training Dice; stop a run that has diverged."""
        self._log_dice("train", self.train_dice)
        self.check_finite_loss()

    def validation_step(self, batch: Batch, _batch_idx: int) -> dict[str, list[Tensor]]:
        """Loss at the network's size, Dice on the native grid.

        Returns:
            for callbacks, `native`: the probability of each slice on its native grid, float32 (H, W).
        """
        logits = self(batch["image"], batch["statistics"])
        loss = self.loss(logits, batch["mask"].float())
        self.log("val/loss", loss, on_epoch=True, batch_size=len(logits), sync_dist=True)
        grid = cast(NativeGrid, self.trainer.datamodule)  # type: ignore[attr-defined]  # set by fit(datamodule=)
        slices = batch["slice"].tolist()
        probabilities = grid.to_native(torch.sigmoid(logits.float())[:, 0], slices)
        masks = grid.native_masks(slices)
        for row, (probability, mask) in enumerate(zip(probabilities, masks, strict=True)):
            truth = torch.from_numpy(mask).to(probability.device)
            self.val_dice.update((probability >= 0.5)[None], truth[None], batch["patient"][row : row + 1])
        return {"native": probabilities}

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's validation Dice."""
        self._log_dice("val", self.val_dice)

    def _log_dice(self, subset: str, metric: PatientDice) -> None:
        for name, value in metric.compute().items():
            self.log(f"{subset}/{name}", value, prog_bar=name == "dice")
        metric.reset()
