"""What a network costs: parameters, operations, latency."""

import statistics
import time
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lgg_seg.hardware import Hardware

REPETITIONS = 5


@torch.inference_mode()
def network_cost(network: nn.Module, channels: int, size: tuple[int, int], hardware: Hardware) -> dict[str, Any]:
    """Parameters, and for one slice (1, `channels`, *`size`): floating point operations (a multiplication and an
    addition count as two), and the network's median latency in milliseconds after a first pass."""
    network.eval()
    x_bchw = torch.zeros(1, channels, *size, device=hardware.device).contiguous(memory_format=hardware.memory_format)
    with FlopCounterMode(display=False) as counter:
        network(x_bchw)
    milliseconds = []
    for _ in range(REPETITIONS + 1):
        started = time.perf_counter()
        with hardware.autocast():
            network(x_bchw).float().cpu()  # waits for the device
        milliseconds.append(1000 * (time.perf_counter() - started))
    return {
        "parameters": sum(p.numel() for p in network.parameters()),
        "flops_per_slice": counter.get_total_flops(),
        "latency_ms": statistics.median(milliseconds[1:]),
    }
