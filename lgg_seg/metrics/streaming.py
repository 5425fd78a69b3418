"""Streaming metrics for training: patients' overlap, summed on the device, and a slice classifier's measures."""

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from lgg_seg.metrics.binary import BinaryPredictions, measures


class MeanLoss(Metric):
    """Mean loss of the slices so far, NaN where one was; torchmetrics' MeanMetric drops those, or the weights (1.9)."""

    full_state_update = False
    total: Tensor
    slices: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("slices", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, loss: Tensor, slices: int) -> None:
        """Add a batch's loss, a scalar, and its number of slices."""
        self.total = self.total + loss.detach().float() * slices
        self.slices = self.slices + slices

    def compute(self) -> Tensor:
        """Float32 scalar; NaN without any slice."""
        return self.total / self.slices


class PatientDice(Metric):
    """Mean Dice, IoU and recall of patients' volumes over the slices so far, in any order, batching or sharding.

    `patients` is the number of patients of the index. A slice that comes twice, as a distributed sampler repeats some
    to even out its ranks, counts twice in its patient.
    """

    full_state_update = False
    higher_is_better = True
    counts: Tensor
    slices: Tensor

    def __init__(self, patients: int) -> None:
        super().__init__()
        self.add_state("counts", torch.zeros(patients, 3, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("slices", torch.zeros(patients, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, truth: Tensor, patient: Tensor) -> None:
        """Add masks, bool `(B, H, W)`, and each slice's index into the patients, int64 `(B,)`."""
        if prediction.dtype != torch.bool or truth.dtype != torch.bool:
            raise TypeError(f"masks must be boolean, got {prediction.dtype} (prediction) and {truth.dtype} (truth)")
        if prediction.shape != truth.shape or prediction.shape[:1] != patient.shape:
            raise ValueError(f"shapes do not agree: {prediction.shape}, {truth.shape}, patient {patient.shape}")
        masks = ((prediction & truth), (prediction & ~truth), (~prediction & truth))
        of_slice = torch.stack([mask.sum(dim=(1, 2)) for mask in masks], dim=1)
        # Not in place: a state that was reset in inference mode may not be written to outside it.
        self.counts = self.counts.index_add(0, patient, of_slice)
        self.slices = self.slices.index_add(0, patient, torch.ones_like(patient))

    def compute(self) -> dict[str, Tensor]:
        """`{"dice", "iou", "recall"}`: float32 scalars, the means over the patients with slices; NaN without any.

        A patient empty in prediction and truth scores 1, as in `overlap`.
        """
        tp, fp, fn = self.counts.unbind(dim=1)
        errors = fp + fn
        empty = tp + errors == 0
        present = self.slices > 0
        ratios = {"dice": (2 * tp, 2 * tp + errors), "iou": (tp, tp + errors), "recall": (tp, tp + fn)}
        values = {name: torch.where(empty, 1.0, part / whole.clamp(min=1)) for name, (part, whole) in ratios.items()}
        return {name: (value * present).sum() / present.sum() for name, value in values.items()}


class BinarySliceMetrics(Metric):
    """Accuracy, F1 and ROC area of a classifier over the slices so far, in any order, batching or sharding."""

    full_state_update = False
    higher_is_better = True
    probabilities: list[Tensor]
    truths: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("probabilities", [], dist_reduce_fx="cat")
        self.add_state("truths", [], dist_reduce_fx="cat")

    def update(self, probability: Tensor, truth: Tensor) -> None:
        """Add probabilities of the positive class, float32 `(B,)`, and their truth, bool `(B,)`."""
        self.probabilities.append(probability)
        self.truths.append(truth)

    def compute(self) -> dict[str, Tensor]:
        """`{"accuracy", "f1", "auroc"}` at the threshold 0.5: float32 scalars; the area is NaN with one class alone."""
        probability = dim_zero_cat(self.probabilities).cpu().numpy()
        truth = dim_zero_cat(self.truths).cpu().numpy()
        values = measures(BinaryPredictions(probability, truth, np.zeros(truth.shape, np.int64)), threshold=0.5)
        return {name: torch.tensor(values[name], dtype=torch.float32) for name in ("accuracy", "f1", "auroc")}
