"""The LightningModule of every segmentation network: logits in, losses and patient Dice out."""

from collections import defaultdict
from functools import partial
from typing import cast

import torch
from torch import Tensor

from lgg_seg.data.datamodule import DataModule
from lgg_seg.metrics.streaming import PatientDice
from lgg_seg.runs.monitor import DICE, LAST, Monitor
from lgg_seg.training.base import Batch, Parts, TrainingModule


class SegmentationModule(TrainingModule):
    """Trains a network of logits (B, 1, S, S); one with deep supervision returns several, whose losses are averaged.

    Logged every epoch for `train` (on the augmented slices as the network saw them) and `val` (on the native grid):
    `loss`, and the mean `dice`, `iou` and `recall` of the `patients`, as many as the index has.
    """

    def __init__(self, parts: Parts, patients: int, monitor: Monitor = DICE) -> None:
        plateau_metrics = () if monitor == LAST else ("val/dice", "val/iou")
        super().__init__(parts, partial(PatientDice, patients), monitor, plateau_metrics)
        self._truths: dict[int, Tensor] = {}

    def training_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The loss of one batch, and the logits (B, 1, S, S) whose Dice is measured."""
        target = batch["mask"].float()
        outputs = self(batch["image"], batch["statistics"])
        scales = outputs if isinstance(outputs, tuple) else (outputs,)
        return torch.stack([self.loss(logits, target) for logits in scales]).mean(), scales[-1]

    def training_step(self, batch: Batch, _batch_idx: int) -> Tensor:
        loss, logits = self.training_loss(batch)
        self.train_metric.update(logits.detach()[:, 0] >= 0, batch["mask"][:, 0].bool(), batch["patient"])
        self.train_loss.update(loss, len(batch["image"]))
        return loss

    def _truth(self, data: DataModule, slice_id: int) -> Tensor:
        """The slice's native mask, bool (H, W), read once: decoding would take half a millisecond in every epoch."""
        if slice_id not in self._truths:
            self._truths[slice_id] = torch.from_numpy(data.native_masks([slice_id])[0]).to(self.device)
        return self._truths[slice_id]

    def validation_step(self, batch: Batch, _batch_idx: int) -> dict[str, list[Tensor]]:
        """Update the loss at the network's size, and Dice on the native grid.

        The result is for callbacks: `native`, each slice's probabilities on its native grid, float32 (H, W).
        """
        logits = self(batch["image"], batch["statistics"])
        self.val_loss.update(self.loss(logits, batch["mask"].float()), len(batch["image"]))
        data = cast(DataModule, self.trainer.datamodule)  # type: ignore[attr-defined]  # set by fit(datamodule=)
        slices = batch["slice"].tolist()
        probabilities = data.to_native(torch.sigmoid(logits.float())[:, 0], slices)
        rows_of: defaultdict[torch.Size, list[int]] = defaultdict(list)
        for row, probability in enumerate(probabilities):
            rows_of[probability.shape].append(row)
        for rows in rows_of.values():
            predictions = torch.stack([probabilities[row] for row in rows]) >= 0.5
            truths = torch.stack([self._truth(data, slices[row]) for row in rows])
            self.val_metric.update(predictions, truths, batch["patient"][rows])
        return {"native": probabilities}
