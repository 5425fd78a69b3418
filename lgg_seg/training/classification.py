"""The LightningModule of every slice classifier: one logit in, loss and AUROC out."""

from collections.abc import Sequence
from typing import Final, Literal, cast

import torch
from torch import Tensor, nn

from lgg_seg.errors import UserError
from lgg_seg.losses import BCE, Focal, WeightedBCE
from lgg_seg.metrics.streaming import BinarySliceMetrics
from lgg_seg.networks import SliceClassifier
from lgg_seg.runs.monitor import AUROC, LAST, LOSS
from lgg_seg.training.base import Batch, Parts, TrainingModule

LOSSES: Final = (BCE, WeightedBCE, Focal)
"""The losses that are means over elements; the others measure the overlap of masks, and a slice's label has none."""


class ClassificationModule(TrainingModule):
    """Trains a network of logits (B, 1), one a slice.

    Logged every epoch: `train/loss`, `val/loss`, and of the slices of both subsets `accuracy`, `f1` (both at a
    probability of 0.5) and `auroc`, which is NaN where all slices are of one class. Epochs are compared by the
    validation slices' AUROC, or by their loss where they are all of one class; without any, the last epoch is kept.

    Args:
        parts: what is trained, and how; the network is a `SliceClassifier`.
        labels: of every slice of the index, in its order. The label `tumour` of a training slice follows the augmented
            mask: an augmentation may move the tumour out of the slice.
        validated: the slices that validation will see, by their ids.
    """

    def __init__(self, parts: Parts, labels: Sequence[bool], validated: Sequence[int]) -> None:
        if fault := loss_fault(parts.loss):
            raise UserError(f"The network is a classifier, and {fault}.")
        both_classes = len({labels[i] for i in validated}) == 2
        monitor = AUROC if both_classes else LOSS if validated else LAST
        super().__init__(parts, BinarySliceMetrics, monitor, plateau_metrics=(AUROC.column,) if both_classes else ())
        self.predicts_tumour = cast(SliceClassifier, parts.network).target == "tumour"
        self.labels: Tensor
        self.register_buffer("labels", torch.tensor(labels, dtype=torch.bool), persistent=False)

    def training_step(self, batch: Batch, _batch_idx: int) -> Tensor:
        truth = batch["mask"].bool().flatten(1).any(dim=1) if self.predicts_tumour else self.labels[batch["slice"]]
        return self._step("train", batch, truth)

    def validation_step(self, batch: Batch, _batch_idx: int) -> None:
        self._step("val", batch, self.labels[batch["slice"]])

    def _step(self, subset: Literal["train", "val"], batch: Batch, truth: Tensor) -> Tensor:
        logits = self(batch["image"], batch["statistics"])
        loss = slice_loss(self.loss, logits, truth)
        training = subset == "train"
        metric, losses = (self.train_metric, self.train_loss) if training else (self.val_metric, self.val_loss)
        metric.update(torch.sigmoid(logits.detach().float())[:, 0], truth)
        losses.update(loss, len(truth))
        return loss


def loss_fault(loss: nn.Module) -> str | None:
    """Why one label for a whole slice has no use for a loss, and which it has, as a clause; None where it has."""
    if type(loss) in LOSSES:
        return None
    return (
        f"the loss {type(loss).__name__} measures the overlap of masks, of which it makes none: take loss=bce, "
        "loss=weighted_bce or loss=focal"
    )


def slice_loss(loss: nn.Module, logits: Tensor, truth: Tensor) -> Tensor:
    """The loss of logits (B, 1) against labels bool (B,): to the loss, a slice is an image of one pixel."""
    return cast(Tensor, loss(logits[:, :, None, None], truth.float()[:, None, None, None]))
