"""Measures while training: patient Dice, summed on the device without waiting for it, and a classifier's answers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from lgg_seg.metrics.binary import BinaryPredictions, measures


class PatientDice(Metric):
    """Mean Dice and IoU of patients' volumes over the slices seen so far, in any order, batching or sharding.

    A slice seen twice, as a distributed sampler does to even out its ranks, counts twice in its patient.
    """

    full_state_update = False
    higher_is_better = True
    counts: Tensor
    slices: Tensor

    def __init__(self, patients: int) -> None:
        """`patients` is how many there are in the index, seen or not."""
        super().__init__()
        self.add_state("counts", torch.zeros(patients, 3, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("slices", torch.zeros(patients, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, truth: Tensor, patient: Tensor) -> None:
        """Add a batch.

        Args:
            prediction: bool `(B, H, W)`.
            truth: bool `(B, H, W)`.
            patient: int64 `(B,)`, each slice's index into the patients.

        Raises:
            TypeError: if a mask is not boolean.
            ValueError: if the shapes differ.
        """
        if prediction.dtype != torch.bool or truth.dtype != torch.bool:
            raise TypeError(f"masks must be boolean, got {prediction.dtype} (prediction) and {truth.dtype} (truth)")
        if prediction.shape != truth.shape or prediction.shape[:1] != patient.shape:
            raise ValueError(f"shapes do not agree: {prediction.shape}, {truth.shape}, patient {patient.shape}")
        tp, fp, fn = ((prediction & truth), (prediction & ~truth), (~prediction & truth))
        of_slice = torch.stack([mask.sum(dim=(1, 2)) for mask in (tp, fp, fn)], dim=1)
        # Not in place: a state that was reset in inference mode may not be written to outside it.
        self.counts = self.counts.index_add(0, patient, of_slice)
        self.slices = self.slices.index_add(0, patient, torch.ones_like(patient))

    def compute(self) -> dict[str, Tensor]:
        """`{"dice", "iou"}`: float32 scalars, the means over the patients seen; NaN if none was.

        A patient empty in prediction and truth scores 1, as in `overlap`.
        """
        tp, fp, fn = self.counts.unbind(dim=1)
        errors = fp + fn
        empty = tp + errors == 0
        seen = self.slices > 0
        dice = torch.where(empty, 1.0, 2 * tp / (2 * tp + errors).clamp(min=1))
        iou = torch.where(empty, 1.0, tp / (tp + errors).clamp(min=1))
        return {name: (value * seen).sum() / seen.sum() for name, value in (("dice", dice), ("iou", iou))}


class BinarySliceMetrics(Metric):
    """Accuracy, F1 and ROC area of a classifier over the slices seen so far, in any order, batching or sharding."""

    full_state_update = False
    higher_is_better = True
    probabilities: list[Tensor]
    truths: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("probabilities", [], dist_reduce_fx="cat")
        self.add_state("truths", [], dist_reduce_fx="cat")

    def update(self, probability: Tensor, truth: Tensor) -> None:
        """Add a batch: float32 probabilities `(B,)` of yes and whether it is one, bool `(B,)`."""
        self.probabilities.append(probability)
        self.truths.append(truth)

    def compute(self) -> dict[str, Tensor]:
        """`{"accuracy", "f1", "auroc"}` at the threshold 0.5: float32 scalars; the area is NaN with one class alone."""
        probability = dim_zero_cat(self.probabilities).cpu().numpy()
        truth = dim_zero_cat(self.truths).cpu().numpy()
        answers = BinaryPredictions(probability, truth, np.zeros(truth.shape, np.int64))
        measured = measures(answers, threshold=0.5)
        return {name: torch.tensor(measured[name], dtype=torch.float32) for name in ("accuracy", "f1", "auroc")}
