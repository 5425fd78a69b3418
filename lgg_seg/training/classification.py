"""The LightningModule for every slice classifier: one logit in, loss and ROC area out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lgg_seg.errors import UserError
from lgg_seg.losses import BCE, Focal, WeightedBCE
from lgg_seg.metrics.streaming import BinarySliceMetrics
from lgg_seg.networks import SliceClassifier
from lgg_seg.runs.monitor import AUROC, LOSS, Monitor
from lgg_seg.schedulers import Schedule, ScheduleLength
from lgg_seg.training.base import Batch, Normalise, TrainingModule

LOSSES: Final = (BCE, WeightedBCE, Focal)
"""The losses that are means over elements; the others measure the overlap of masks, and a slice's answer has none."""


class ClassificationModule(TrainingModule):
    """Trains a network of logits (B, 1), one a slice.

    Logged every epoch: `train/loss`, `val/loss`, and of the slices of both subsets `accuracy`, `f1` (both at a
    probability of 0.5) and `auroc`, which is NaN where all slices are of one class.

    Args:
        network: asks about tumour or about the grade.
        labels: of every slice of the index, in its order. Tumour that an augmentation has moved out of a training
            slice is not asked for: there the label follows the augmented mask.
        validated: the slices that validation will see, by their ids.

    Raises:
        UserError: a loss that measures masks.
    """

    def __init__(
        self,
        network: SliceClassifier,
        loss: nn.Module,
        normalise: Normalise,
        optimizer: Callable[[Any], Optimizer],
        scheduler: Callable[[Optimizer, ScheduleLength], Schedule],
        labels: Sequence[bool],
        validated: Sequence[int],
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        require_slice_loss(loss)
        super().__init__(network, loss, normalise, optimizer, scheduler, memory_format)
        self.predicts_tumour = network.target == "tumour"
        self.labels: Tensor
        self.register_buffer("labels", torch.tensor(labels, dtype=torch.bool), persistent=False)
        self.both_classes = len({labels[i] for i in validated}) == 2
        self.train_answers = BinarySliceMetrics()
        self.val_answers = BinarySliceMetrics()

    @property
    def monitor(self) -> Monitor:
        """The ROC area of the validation slices, or the loss where they are all of one class and there is no area."""
        return AUROC if self.both_classes else LOSS

    @property
    def plateau_metrics(self) -> tuple[str, ...]:
        """The ROC area, where there is one."""
        return ("val/auroc",) if self.both_classes else ()

    def training_step(self, batch: Batch, _batch_idx: int) -> Tensor:
        """The loss of one batch."""
        truth = batch["mask"].bool().flatten(1).any(dim=1) if self.predicts_tumour else self.labels[batch["slice"]]
        return self._step("train", self.train_answers, batch, truth)

    def validation_step(self, batch: Batch, _batch_idx: int) -> None:
        """Loss and answers of one batch, against the labels."""
        self._step("val", self.val_answers, batch, self.labels[batch["slice"]])

    def _step(self, subset: str, answers: BinarySliceMetrics, batch: Batch, truth: Tensor) -> Tensor:
        logits = self(batch["image"], batch["statistics"])
        loss = slice_loss(self.loss, logits, truth)
        answers.update(torch.sigmoid(logits.detach().float())[:, 0], truth)
        self.log(f"{subset}/loss", loss.detach(), on_step=False, on_epoch=True, batch_size=len(truth), sync_dist=True)
        return loss

    def on_train_epoch_end(self) -> None:
        """Log the epoch's training measures; stop a run that has diverged."""
        self.check_finite_loss()
        self._log_answers("train", self.train_answers)

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's validation measures."""
        self._log_answers("val", self.val_answers)

    def _log_answers(self, subset: str, answers: BinarySliceMetrics) -> None:
        for name, value in answers.compute().items():
            self.log(f"{subset}/{name}", value, prog_bar=name == "auroc")
        answers.reset()


def require_slice_loss(loss: nn.Module) -> None:
    """Refuse a loss that a slice's one answer has no use for.

    Raises:
        UserError: it measures the overlap of masks.
    """
    if type(loss) not in LOSSES:
        raise UserError(
            f"The loss {type(loss).__name__} measures the overlap of masks, of which a classifier makes none; take "
            "loss=bce, loss=weighted_bce or loss=focal."
        )


def slice_loss(loss: nn.Module, logits: Tensor, truth: Tensor) -> Tensor:
    """The loss of logits (B, 1) against answers bool (B,): to the loss, a slice is an image of one pixel."""
    value: Tensor = loss(logits[:, :, None, None], truth.float()[:, None, None, None])
    return value
