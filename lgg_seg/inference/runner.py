"""A trained network and its preprocessing as one thing: volumes in, probabilities on the native grid out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from lgg_seg.hardware import Hardware
from lgg_seg.metrics.components import largest_component

Probability = npt.NDArray[np.float32]


class Runner(Protocol):
    """Runs a network on a prepared volume, batch by batch, in whatever it is that runs it."""

    def volume_logits(self, images: Tensor, statistics: Tensor) -> Tensor:
        """Logits, float32 (D, 1, …), of uint8 (D, C, S, S) with the volume's statistics (C, 4)."""
        ...


class TorchRunner:
    """Runs a network in evaluation mode on the hardware it was given.

    `normalise` and `to_native` are those of the preprocessing that the network was trained with.
    """

    def __init__(
        self, network: nn.Module, normalise: Callable[[Tensor, Tensor], Tensor], hardware: Hardware, batch_size: int
    ) -> None:
        self.hardware = hardware
        self.network = network.to(hardware.device).to(memory_format=hardware.memory_format).eval()
        self.normalise = normalise
        self.batch_size = batch_size

    @torch.inference_mode()
    def logits(self, images: Tensor, statistics: Tensor) -> Tensor:
        """Logits of one batch.

        Args:
            images: uint8 (B, C, S, S).
            statistics: float32 (B, C, 4), of each slice's volume.

        Returns:
            float32 (B, 1, S, S), on the network's device.
        """
        device = self.hardware.device
        x_bchw = self.normalise(images.to(device, non_blocking=True), statistics.to(device, non_blocking=True))
        with self.hardware.autocast():
            logits = self.network(x_bchw.contiguous(memory_format=self.hardware.memory_format))
        return cast(Tensor, logits).float()

    def volume_logits(self, images: Tensor, statistics: Tensor) -> Tensor:
        """Logits of a volume (D, C, S, S) with statistics (C, 4), batch by batch: float32 (D, 1, S, S)."""
        batches = torch.split(images, self.batch_size)
        return torch.cat([self.logits(batch, statistics.expand(len(batch), -1, -1)) for batch in batches])


def probabilities(logits: Tensor, to_native: Callable[[Tensor], Tensor]) -> Probability:
    """P(tumour) on the native grid, float32 (D, H, W), of logits (D, 1, S, S)."""
    native = to_native(torch.sigmoid(logits)[:, 0])
    # Interpolation may overshoot by a rounding error.
    return native.clamp(0, 1).cpu().numpy().astype(np.float32, copy=False)


POSTPROCESSES: dict[str, Callable[[npt.NDArray[np.bool_]], npt.NDArray[np.bool_]]] = {
    "none": lambda mask: mask,
    "largest_component": largest_component,
}


def binarise(probability: Probability, threshold: float, postprocess: str) -> npt.NDArray[np.bool_]:
    """The mask (D, H, W): probability at or above the threshold, then the post-processing of that name."""
    return POSTPROCESSES[postprocess](probability >= np.float32(threshold))


def slice_losses(logits: Tensor, masks: Tensor, loss: nn.Module) -> Sequence[float]:
    """The loss of each slice by itself, so that the mean over slices does not depend on the batch size.

    Args:
        logits: float32 (D, 1, S, S).
        masks: uint8 (D, 1, S, S) of 0 and 1.
    """
    target = masks.to(logits.device).float()
    with torch.inference_mode():
        return [float(loss(x[None], y[None])) for x, y in zip(logits, target, strict=True)]
