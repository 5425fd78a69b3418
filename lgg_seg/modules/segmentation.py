"""One LightningModule for every segmentation network: logits in, losses and patient Dice out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lgg_seg.errors import UserError
from lgg_seg.metrics.running import PatientDice
from lgg_seg.modules.schedulers import Schedule, Span

Batch = dict[str, Tensor]
Normalise = Callable[[Tensor, Tensor], Tensor]


class NativeGrid(Protocol):
    """What the module asks of its datamodule: the slices' own grid, on which every Dice is measured."""

    def to_native(self, probability: Tensor, slices: Sequence[int]) -> list[Tensor]:
        """Probabilities (B, S, S) of these slices on their native grids, each (H, W)."""
        ...

    def native_masks(self, slices: Sequence[int]) -> list[np.ndarray]:
        """The untouched masks of these slices, each bool (H, W)."""
        ...


class SegmentationModule(pl.LightningModule):
    """Trains a network of logits.

    A batch is a mapping with `image` uint8 (B, C, S, S), `mask` uint8 (B, 1, S, S) of 0 and 1, `statistics` float32
    (B, C, 4), `slice` and `patient` int64 (B,); `normalise` turns the first and third into the network's input, on
    the device. A network with deep supervision returns several logits while training; their losses are averaged.

    Logged every epoch: `train/loss`, `train/dice`, `train/iou` (on the augmented slices as the network saw them),
    `val/loss`, `val/dice`, `val/iou` (native grid); Dice and IoU are means over patients.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        normalise: Normalise,
        optimizer: Callable[[Any], Optimizer],
        scheduler: Callable[[Optimizer, Span], Schedule],
        patients: int,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        super().__init__()
        self.network = network.to(memory_format=memory_format)
        self.loss = loss
        self.normalise = normalise
        self.optimizer_factory = optimizer
        self.scheduler_factory = scheduler
        self.memory_format = memory_format
        self.train_dice = PatientDice(patients)
        self.val_dice = PatientDice(patients)

    def forward(self, image: Tensor, statistics: Tensor) -> Tensor:
        """Logits (B, 1, S, S), or several while training with deep supervision, of uint8 images."""
        x_bchw = self.normalise(image, statistics).contiguous(memory_format=self.memory_format)
        return cast(Tensor, self.network(x_bchw))

    def training_step(self, batch: Batch, _batch_idx: int) -> Tensor:
        """The loss of one batch."""
        target = batch["mask"].float()
        outputs = self(batch["image"], batch["statistics"])
        scales = outputs if isinstance(outputs, tuple) else (outputs,)
        loss = torch.stack([self.loss(logits, target) for logits in scales]).mean()
        self.train_dice.update(scales[-1].detach()[:, 0] >= 0, batch["mask"][:, 0].bool(), batch["patient"])
        self.log("train/loss", loss.detach(), on_step=False, on_epoch=True, batch_size=len(target), sync_dist=True)
        return loss

    def on_train_epoch_end(self) -> None:
        """Log the epoch's training Dice; stop a run that has diverged."""
        self._log_dice("train", self.train_dice)
        loss = self.trainer.callback_metrics["train/loss"]
        if not torch.isfinite(loss):
            raise UserError(
                f"The training loss became {float(loss)} in epoch {self.current_epoch}; try a smaller optimizer.lr, "
                "trainer.gradient_clip=1.0 or trainer.precision=32-true."
            )

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
            raise UserError("trainer.gradient_clip in 16-mixed precision needs optimizer.fused=false.")
        nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)

    def configure_optimizers(self) -> Any:
        """The optimizer over the parameters that are not frozen, and its schedule."""
        try:
            optimizer = self.optimizer_factory([p for p in self.parameters() if p.requires_grad])
        except ValueError as error:
            raise UserError(f"The optimizer refuses its settings: {error}.") from error
        total = int(self.trainer.estimated_stepping_batches)
        epochs = self.trainer.max_epochs or 1
        span = Span(total_steps=total, steps_per_epoch=max(1, total // epochs))
        return {"optimizer": optimizer, "lr_scheduler": self.scheduler_factory(optimizer, span)}
