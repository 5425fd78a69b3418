"""A dry run: training steps of a copy of the network, before anything is trained."""

import time
from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from lgg_seg.errors import UserError, out_of_memory
from lgg_seg.messages import counted
from lgg_seg.training.base import TrainingModule

REFUSALS = (AssertionError, IndexError, RuntimeError, ValueError)  # of torch, smp and timm for a shape they do not take
LONG = 5.0  # seconds; a first step on a CPU that takes longer is not repeated


def dry_run(network: nn.Module, image: Sequence[int], logits: Sequence[int], *, backward: bool) -> bool:
    """Try a copy of the network on noise, in training mode and on the CPU; the random generators stay as they are.

    `image` is the shape of a batch, (B, C, H, W), and `logits` the shape that the network must make of it. With
    `backward` the backward pass is tried too, and the result is whether it leaves parameters without a gradient, as
    those of an encoder's unused last levels: distributed training must look for them.
    """
    trained = deepcopy(network).train()
    try:
        with torch.random.fork_rng(devices=[]), torch.set_grad_enabled(backward):
            outputs = trained(torch.randn(*image))
            scales = outputs if isinstance(outputs, tuple) else (outputs,)
            for scale in scales:
                if scale.shape != torch.Size(logits):
                    raise ValueError(f"its logits have the shape {list(scale.shape)}, where {list(logits)} is needed")
            if not backward:
                return False
            _backward(scales)
    except REFUSALS as error:
        if out_of_memory(error):
            raise
        size = f"{counted(image[0], 'image')} of {image[1]} channels and {image[2]} x {image[3]} pixels"
        raise UserError(
            f"The network cannot train on {size}: {' '.join(str(error).split()).rstrip('.')}. Batch norm may need "
            "data.batch_size=2 or more, an encoder another preprocess.size."
        ) from error
    return any(parameter.requires_grad and parameter.grad is None for parameter in trained.parameters())


def step_seconds(module: TrainingModule, image: Sequence[int]) -> float:
    """How long a training step's passes take, of a batch (B, C, H, W), where and as precisely as the module trains.

    A copy of the network, never compiled, does two on noise, forward and backward, and the second counts; on a CPU the
    first, where that was long.
    """
    trained, seconds = deepcopy(module.network).train(), 0.0
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        x_bchw = torch.randn(*image).to(module.device, memory_format=module.memory_format)
        for _ in range(2):
            started = time.perf_counter()
            with module.trainer.precision_plugin.forward_context():
                outputs = trained(x_bchw)
            _backward(outputs if isinstance(outputs, tuple) else (outputs,))
            on_cpu = module.device.type == "cpu"
            if not on_cpu:
                torch.accelerator.synchronize(module.device)
            seconds = time.perf_counter() - started
            if on_cpu and seconds > LONG:
                break
    return seconds


def _backward(scales: Sequence[Tensor]) -> None:
    torch.autograd.backward([scale.mean() for scale in scales])
