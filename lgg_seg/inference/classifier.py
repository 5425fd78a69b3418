"""A trained classifier and its preprocessing as one thing: volumes in, a probability and the truth a slice out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from lgg_seg.data.datamodule import PatientVolume
from lgg_seg.errors import UserError
from lgg_seg.hardware import Hardware
from lgg_seg.inference.runner import TorchRunner
from lgg_seg.metrics.arrays import Bools, Floats32
from lgg_seg.networks import SliceClassifier
from lgg_seg.networks.classifier import Target


class Classifier:
    """Runs a slice classifier in evaluation mode on the hardware it was given.

    `labels` are those of the data's slices in the order of its index, `normalise` is that of the preprocessing that
    the network was trained with.
    """

    def __init__(
        self,
        network: SliceClassifier,
        normalise: Callable[[Tensor, Tensor], Tensor],
        hardware: Hardware,
        batch_size: int,
        labels: Sequence[bool | None],
    ) -> None:
        self.network = network
        self._runner = TorchRunner(network, normalise, hardware, batch_size)
        self._labels = labels

    @property
    def target(self) -> Target:
        """What it answers."""
        return self.network.target

    def logits(self, volume: PatientVolume) -> Tensor:
        """Of every slice of a volume, float32 (D, 1), on the network's device."""
        return self._runner.volume_logits(volume.images, volume.statistics)

    def probabilities(self, volume: PatientVolume, logits: Tensor) -> Floats32:
        """Of yes, from the volume's logits: float32 (D,).

        Raises:
            UserError: one is not a number.
        """
        found: Floats32 = torch.sigmoid(logits)[:, 0].cpu().numpy().astype(np.float32, copy=False)
        if not np.isfinite(found).all():
            raise UserError(
                f"Patient {volume.patient}: some of the network's probabilities are not numbers: its weights have "
                "diverged or are damaged; take an earlier checkpoint, or train again with a lower learning rate."
            )
        return found

    def truth(self, volume: PatientVolume) -> Bools:
        """The right answers, bool (D,)."""
        return np.array([self._labels[i] for i in volume.slices], dtype=np.bool_)
