"""Batch normalisation folded into convolutions, for every network of the package."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from lgg_seg.config.groups import groups
from lgg_seg.inference.folding import folded
from lgg_seg.networks import without_pretrained
from lgg_seg.networks.build import build_network
from tests.configs import composed

SMALL = {"filters": 4, "alpha": 0.125}
SIZE = 64


def as_if_trained(network: nn.Module) -> nn.Module:
    """Statistics, scales and shifts that are no ones and zeros."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.running_mean, -1.0, 1.0), (module.running_var, 0.5, 2.0), (module.weight, 0.5, 1.5),
                (module.bias, -0.5, 0.5),
            ):  # fmt: skip
                assert tensor is not None
                nn.init.uniform_(tensor, low, high)
    return network.eval()


def count(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize("name", groups()["model"])
def test_every_network_folds_all_its_normalisation_and_gives_the_same_logits(name: str) -> None:
    torch.manual_seed(0)
    config = without_pretrained(composed(f"model={name}").model)
    config.update({key: value for key, value in SMALL.items() if key in config})
    network = as_if_trained(build_network(config, 3))
    before = copy.deepcopy(network.state_dict())
    result = folded(network, 3, SIZE)
    assert count(result) == 0
    x = torch.randn(3, 3, SIZE, SIZE)
    with torch.no_grad():
        expected = network(x)
        torch.testing.assert_close(result(x), expected, rtol=0, atol=1e-4 * float(expected.abs().max()))
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())


class TwoReaders(nn.Module):
    """A convolution whose output is read by a normalisation and by something else, so that folding would be wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 1, 1), nn.BatchNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return y + self.bn(y)


def test_a_network_whose_logits_would_change_is_left_as_it_is() -> None:
    network = as_if_trained(TwoReaders())
    assert folded(network, 3, SIZE) is network


def test_a_network_whose_logits_overflow_is_left_for_its_probabilities_to_tell_of() -> None:
    network = as_if_trained(TwoReaders())
    torch.nn.init.constant_(network.conv.weight, float("nan"))
    assert folded(network, 3, SIZE) is network


def test_a_normalisation_after_two_convolutions_is_kept() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convs, self.bn = nn.ModuleList([nn.Conv2d(3, 1, 1), nn.Conv2d(3, 1, 1)]), nn.BatchNorm2d(1)

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([self.bn(conv(x)) for conv in self.convs])

    result = folded(as_if_trained(Shared()), 3, SIZE)
    assert count(result) == 1


def test_a_grouped_transposed_convolution_keeps_its_normalisation() -> None:
    network = as_if_trained(nn.Sequential(nn.ConvTranspose2d(4, 8, 2, groups=2), nn.BatchNorm2d(8), nn.Conv2d(8, 1, 1)))
    assert count(folded(network, 4, SIZE)) == 1
