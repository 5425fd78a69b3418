"""What a network costs, against counts made by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from lgg_seg.hardware import Hardware
from lgg_seg.runs.cost import network_cost


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_convolution_costs_two_operations_for_each_of_its_products(channels_last: bool, precision: Any) -> None:
    kernel, c_in, c_out, height, width = 3, 3, 5, 8, 12
    network = nn.Conv2d(c_in, c_out, kernel, padding=1)
    hardware = Hardware(torch.device("cpu"), precision, channels_last)
    cost = network_cost(network, c_in, (height, width), hardware)
    assert cost["flops_per_slice"] == 2 * kernel**2 * c_in * c_out * height * width
    assert cost["parameters"] == kernel**2 * c_in * c_out + c_out
    assert cost["latency_ms"] > 0


def test_frozen_parameters_count_and_layers_add_up() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 1, 1))
    network[0].requires_grad_(False)
    cost = network_cost(network, 1, (16, 16), Hardware(torch.device("cpu"), "32-true", False))
    assert cost["flops_per_slice"] == 2 * 256 * (9 * 4 + 4)
    assert cost["parameters"] == (36 + 4) + (4 + 4) + (4 + 1)


def test_network_cost_leaves_the_network_unchanged() -> None:
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network_cost(network, 2, (8, 8), Hardware(torch.device("cpu"), "32-true", False))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
