"""Batch normalisation folded into the convolution before it, for prediction."""

import math
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

TOLERANCE = 1e-4  # of the logits, relative to the largest: float32 rounds at 1e-6 in each layer


@torch.no_grad()
def folded(network: nn.Module, channels: int, size: int) -> nn.Module:
    """A copy of a trained network in float32 on the CPU whose convolutions do the work of its batch normalisation.

    Its scale and shift a channel move into the convolution before (Jacob et al. 2018, section 3.2), which is read off a
    forward pass of noise. If the copy gives other logits for it, the network itself returns.
    """
    copy = deepcopy(network).eval()
    example = torch.randn(1, channels, size, size, generator=torch.Generator().manual_seed(0))
    expected = copy(example)
    for name, (convolution, normalisation) in _pairs(copy, example).items():
        convolution.weight, convolution.bias = fuse_conv_bn_weights(
            convolution.weight, convolution.bias, normalisation.running_mean, normalisation.running_var,
            normalisation.eps, normalisation.weight, normalisation.bias, isinstance(convolution, nn.ConvTranspose2d),
        )  # fmt: skip
        # What else the module does: timm's holds the activation that follows.
        copy.set_submodule(name, getattr(normalisation, "act", None) or nn.Identity())
    tolerance = TOLERANCE * float(expected.abs().max())
    # Weights that overflow are found, and told of, by the probabilities that they give.
    same = math.isfinite(tolerance) and torch.allclose(copy(example), expected, atol=tolerance)
    return copy if same else network


def _pairs(network: nn.Module, example: Tensor) -> dict[str, tuple[Any, Any]]:
    """The convolution and the normalisation of its output, by the name of the latter; none shares its part.

    Grouped transposed ones are left out: torch's `fuse_conv_bn_weights` has no layout for their weights.
    """
    names = {module: name for name, module in network.named_modules()}
    made: dict[int, tuple[nn.Module, Tensor]] = {}  # the outputs stay alive, so that no other takes their address
    found: list[tuple[nn.Module, nn.Module]] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Conv2d) or (isinstance(module, nn.ConvTranspose2d) and module.groups == 1):
            made[id(output)] = module, output
        elif id(inputs[0]) in made and getattr(module, "running_mean", None) is not None:
            found.append((made[id(inputs[0])][0], module))

    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d)
    hooks = [module.register_forward_hook(note) for module in network.modules() if isinstance(module, kinds)]
    network(example)
    for hook in hooks:
        hook.remove()
    pairs = set(found)
    once = [module for pair in pairs for module in pair]
    return {names[bn]: (conv, bn) for conv, bn in pairs if once.count(conv) == once.count(bn) == 1}
