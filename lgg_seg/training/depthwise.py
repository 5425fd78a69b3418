"""Depthwise convolutions at the speed of the CPU."""

from types import MethodType

import torch
from torch import Tensor, nn

from lgg_seg.hardware import Hardware


def depthwise_in_float32(network: nn.Module, hardware: Hardware) -> None:
    """Let the depthwise convolutions train in float32 where the rest of the network trains in bf16 on a CPU.

    The backward pass of a depthwise convolution in bf16 is slow there: on one core a U-Net on EfficientNet-Lite0 (128²,
    batch 16) trains at 31 slices a second this way, at 18 all in bf16, and at 16 all in float32. Their forward pass
    alone is fast in bf16, so that nothing changes in evaluation.
    """
    if hardware.device.type != "cpu" or hardware.precision != "bf16-mixed":
        return
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            module.forward = MethodType(_forward, module)  # type: ignore[method-assign]  # of this object alone


def _forward(convolution: nn.Conv2d, x: Tensor) -> Tensor:
    forward = type(convolution).forward
    if not convolution.training:
        return forward(convolution, x)
    with torch.autocast(x.device.type, enabled=False):
        return forward(convolution, x.float())
