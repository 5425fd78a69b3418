"""What cannot train is one sentence before the training; what can is left as it was."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from lgg_seg.errors import UserError
from lgg_seg.networks import SMP, SlimUNet
from lgg_seg.training.dry_run import dry_run


def try_on(network: nn.Module, slices: int, size: int, *, backward: bool = False) -> bool:
    return dry_run(network, (slices, 3, size, size), (slices, 1, size, size), backward=backward)


def test_a_network_that_can_train_is_left_as_it_was_with_the_generator() -> None:
    network = SlimUNet(alpha=0.0625)
    before, state = copy.deepcopy(network.state_dict()), torch.get_rng_state()
    assert not try_on(network, 2, 32, backward=True)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_parameters_without_a_gradient_are_found() -> None:
    network = nn.ModuleDict({"used": nn.Conv2d(3, 1, 1), "unused": nn.Conv2d(1, 1, 1)})
    network.forward = lambda x: network["used"](x)  # type: ignore[method-assign]  # a network in one line
    assert try_on(network, 1, 8, backward=True)


@pytest.mark.parametrize(
    ("network", "slices", "says"),
    [
        (lambda: SMP("DeepLabV3Plus", "resnet18"), 1, r"1 image of 3 channels and 64 x 64 .*batch_size=2"),
        (lambda: SMP("Unet", "tu-maxvit_tiny_tf_224"), 2, r"made for images of 224 x 224.*preprocess\.size=224"),
        (lambda: SMP("Unet", "tu-hiera_tiny_224"), 2, r"made for images of 224 x 224.*preprocess\.size=224"),
        (lambda: SMP("Unet", "tu-coatnet_nano_rw_224"), 2, r"made for images of 224 x 224.*preprocess\.size=224"),
        (lambda: nn.Conv2d(3, 2, 1), 2, r"logits have the shape \[2, 2, 64, 64\], where \[2, 1, 64, 64\] is needed"),
        (lambda: nn.Conv2d(6, 1, 1), 2, r"cannot train on 2 images of 3 channels"),
    ],
)
def test_what_cannot_train_is_one_sentence(network: type[nn.Module], slices: int, says: str) -> None:
    with pytest.raises(UserError, match=says):
        try_on(network(), slices, 64)
