"""Depthwise convolutions train in float32 beside bf16, where that is faster, and evaluate as all others do."""

import copy

import pytest
import torch
from torch import Tensor, nn

from lgg_seg.hardware import Hardware
from lgg_seg.training.depthwise import depthwise_in_float32

CPU = torch.device("cpu")


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 1, 1)
    return nn.Sequential(*layers)


def output_types(network: nn.Module, hardware: Hardware) -> list[torch.dtype]:
    """Of each layer."""
    types: list[torch.dtype] = []
    hooks = [
        layer.register_forward_hook(lambda _module, _inputs, output: types.append(output.dtype)) for layer in network
    ]
    with hardware.autocast():
        network(torch.randn(2, 3, 8, 8))
    for hook in hooks:
        hook.remove()
    return types


def test_only_depthwise_convolutions_in_training_on_a_cpu_in_bf16_change(network: nn.Module) -> None:
    bf16 = Hardware(CPU, "bf16-mixed", True)
    plain = output_types(network, bf16)
    depthwise_in_float32(network, bf16)
    assert plain == [torch.bfloat16] * 4
    assert output_types(network, bf16) == [torch.bfloat16, torch.bfloat16, torch.float32, torch.bfloat16]
    assert output_types(network.eval(), bf16) == plain


def test_float32_and_a_gpu_are_left_alone(network: nn.Module) -> None:
    for hardware in (Hardware(CPU, "32-true", True), Hardware(torch.device("cuda"), "bf16-mixed", True)):
        depthwise_in_float32(network, hardware)
    assert all("forward" not in layer.__dict__ for layer in network)


def test_a_copy_computes_with_its_own_weights(network: nn.Module) -> None:
    """An average of the weights is a deep copy."""
    hardware = Hardware(CPU, "bf16-mixed", True)
    depthwise_in_float32(network, hardware)
    other = copy.deepcopy(network)
    x = torch.randn(2, 3, 8, 8)

    def changed() -> Tensor:
        with hardware.autocast():
            return other(x).detach().float()

    before = changed()
    nn.init.zeros_(network[2].weight)
    torch.testing.assert_close(changed(), before)
    nn.init.zeros_(other[2].weight)
    assert not torch.allclose(changed(), before)
