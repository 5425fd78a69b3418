"""Running a trained network: volumes in, logits, probabilities on the native grid and masks out."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from lgg_seg.data.preprocessing import normalise
from lgg_seg.errors import UserError
from lgg_seg.hardware import Hardware
from lgg_seg.inference import BATCH_SIZE
from lgg_seg.metrics.arrays import Bools, Floats32
from lgg_seg.metrics.morphology import largest_component

log = logging.getLogger(__name__)

Probability = Floats32


class Runner(ABC):
    """Runs a network on a prepared volume, batch by batch."""

    batch_size: int

    @abstractmethod
    def logits(self, images: Tensor, statistics: Tensor) -> Tensor:
        """Logits of a batch, float32 (B, 1, …), of images uint8 (B, C, S, S) and volumes' statistics (B, C, 4)."""

    def volume_logits(self, images: Tensor, statistics: Tensor) -> Tensor:
        """Logits of a volume, float32 (D, 1, …), of its slices uint8 (D, C, S, S) and its statistics (C, 4)."""
        batches = torch.split(images, self.batch_size)
        return torch.cat([self.logits(batch, statistics.expand(len(batch), -1, -1)) for batch in batches])


class TorchRunner(Runner):
    """Runs a network in evaluation mode on the given hardware, to which it moves the network."""

    def __init__(self, network: nn.Module, hardware: Hardware, batch_size: int = BATCH_SIZE) -> None:
        self.hardware = hardware
        self.network = network.to(hardware.device).to(memory_format=hardware.memory_format).eval()
        self.batch_size = batch_size

    @torch.inference_mode()
    def logits(self, images: Tensor, statistics: Tensor) -> Tensor:
        device = self.hardware.device
        x_bchw = normalise(images.to(device, non_blocking=True), statistics.to(device, non_blocking=True))
        with self.hardware.autocast():
            logits = self.network(x_bchw.contiguous(memory_format=self.hardware.memory_format))
        return cast(Tensor, logits).float()

    def compile(self, channels: int, size: int) -> None:
        """Compile the network for batches (B, `channels`, `size`, `size`) of any length, with a first one of zeros."""
        shape = (self.batch_size, channels, size, size)
        with torch.inference_mode():  # as the batches to come, or it would be compiled again for them
            zeros = torch.zeros(shape, device=self.hardware.device)
            example = zeros.contiguous(memory_format=self.hardware.memory_format)
        torch._dynamo.mark_dynamic(example, 0)  # a volume's last batch is shorter
        logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it says that a CPU is no GPU
        log.info("compiling the network: a minute or two")
        self.network.compile()
        try:
            with torch.inference_mode(), self.hardware.autocast():
                self.network(example)
        except Exception as error:  # of the compiler's own kinds, and of the programs it starts
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UserError(
                f"The network cannot be compiled here ({reason}); take backend=torch, or install a C++ compiler (g++)."
            ) from error


def probabilities(logits: Tensor, to_native: Callable[[Tensor], Tensor]) -> Probability:
    """P(tumour) on the native grid, float32 (D, H, W), of logits (D, 1, S, S)."""
    native = to_native(torch.sigmoid(logits)[:, 0])
    # Interpolation may overshoot by a rounding error.
    return native.clamp(0, 1).cpu().numpy().astype(np.float32, copy=False)


def volume_probabilities(
    runner: Runner, images: Tensor, statistics: Tensor, to_native: Callable[[Tensor], Tensor], tta: bool
) -> tuple[Probability, Tensor]:
    """P(tumour) of a volume on the native grid, and the logits of it as it is; arguments as of `Runner.volume_logits`.

    Test-time augmentation averages with the prediction for the volume mirrored left to right; upside down no network
    was trained on.
    """
    logits = runner.volume_logits(images, statistics)
    probability = probabilities(logits, to_native)
    if tta:
        mirrored = runner.volume_logits(images.flip(3), statistics).flip(3)
        probability = (probability + probabilities(mirrored, to_native)) / np.float32(2)
    return probability, logits


def slice_probabilities(logits: Tensor) -> Floats32:
    """A classifier's probability of the positive class for each slice, float32 (D,), of logits (D, 1)."""
    return torch.sigmoid(logits)[:, 0].cpu().numpy().astype(np.float32, copy=False)


POSTPROCESSES: dict[str, Callable[[Bools], Bools]] = {
    "none": lambda mask: mask,
    "largest_component": largest_component,
}


def binarise(probability: Probability, threshold: float, postprocess: str) -> Bools:
    """The mask (D, H, W): probability at or above the threshold, then the post-processing of that name."""
    return POSTPROCESSES[postprocess](probability >= np.float32(threshold))


def slice_losses(logits: Tensor, masks: Tensor, loss: nn.Module) -> Sequence[float]:
    """The loss of each slice by itself, of `logits` float32 (D, 1, S, S) and `masks` (D, 1, S, S) of 0 and 1."""
    target = masks.to(logits.device).float()
    with torch.inference_mode():
        return [float(loss(x[None], y[None])) for x, y in zip(logits, target, strict=True)]
