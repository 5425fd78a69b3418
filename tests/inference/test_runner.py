"""From volumes to masks: what the batch size, the threshold and the post-processing may and may not change."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.utils import counters

from lgg_seg.data.grid import Grid
from lgg_seg.errors import UserError
from lgg_seg.hardware import Hardware
from lgg_seg.inference.runner import TorchRunner, binarise, probabilities, slice_losses
from lgg_seg.losses import BCE, Dice
from lgg_seg.networks import UNet, UNetPlusPlus

STATISTICS = torch.tensor([10.0, 240.0, 100.0, 50.0]).repeat(3, 1)


def hardware(channels_last: bool = False) -> Hardware:
    return Hardware(torch.device("cpu"), "32-true", channels_last)


def volume(depth: int = 7, size: int = 32) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (depth, 3, size, size), dtype=torch.uint8, generator=generator)


def drawn(*slices: str) -> np.ndarray:
    return np.array([[[pixel == "#" for pixel in row] for row in one.split("/")] for one in slices])


@pytest.mark.parametrize("network", [lambda: UNet(2, batch_norm=True), lambda: UNetPlusPlus(2)], ids=["unet", "unetpp"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_the_batch_size_changes_nothing(network: Callable[[], nn.Module], channels_last: bool) -> None:
    torch.manual_seed(0)
    net = network().train()
    found = [
        TorchRunner(net, hardware(channels_last), size).volume_logits(volume(), STATISTICS) for size in (1, 3, 7, 16)
    ]
    assert found[0].shape == (7, 1, 32, 32)
    assert found[0].dtype == torch.float32
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")
def test_a_compiled_network_finds_the_same_in_batches_of_any_length() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 1))
    plain, compiled = (TorchRunner(copy.deepcopy(network), hardware(), batch_size=3) for _ in range(2))
    compiled.compile(3, 32)
    graphs = counters["stats"]["unique_graphs"]
    found = compiled.volume_logits(volume(), STATISTICS)
    torch.testing.assert_close(found, plain.volume_logits(volume(), STATISTICS))
    assert counters["stats"]["unique_graphs"] - graphs <= 1, (
        "a batch of one slice is a graph of its own, no other length is"
    )


def test_what_cannot_be_compiled_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("/no/compiler",))
    network = nn.Sequential(nn.Conv2d(3, 1, 3), nn.Sigmoid())
    with pytest.raises(
        UserError, match=r"^The network cannot be compiled here \(.+\); take backend=torch, or install a C"
    ):
        TorchRunner(network, hardware(), batch_size=2).compile(3, 16)


def test_a_slice_is_normalised_by_its_volumes_statistics_before_the_network_sees_it() -> None:
    runner = TorchRunner(nn.Identity(), hardware(), batch_size=2)
    seen = runner.volume_logits(volume(), STATISTICS)
    torch.testing.assert_close(seen, (volume().float().clamp(10, 240) - 100) / 50)


def test_probabilities_are_on_the_native_grid_and_in_0_to_1() -> None:
    grid = Grid(native=(40, 50), box=(0, 5, 40, 40), size=16)
    logits = torch.randn(3, 1, 16, 16, generator=torch.Generator().manual_seed(1)) * 30
    found = probabilities(logits, grid.to_native)
    assert (found.shape, found.dtype) == ((3, 40, 50), np.float32)
    assert found.min() >= 0
    assert found.max() <= 1
    assert not found[:, :, :5].any(), "no tumour outside the crop"


@pytest.mark.parametrize("threshold", [0.5, 0.3, 0.7, 0.995])
def test_a_probability_at_the_threshold_is_tumour_and_the_next_below_is_not(threshold: float) -> None:
    at = np.float32(threshold)
    probability = np.array([[[at, np.nextafter(at, np.float32(0)), np.nextafter(at, np.float32(1))]]], np.float32)
    assert binarise(probability, threshold, "none").tolist() == [[[True, False, True]]]


def test_post_processing_comes_after_the_threshold() -> None:
    probability = np.array([[[0.9, 0.6, 0.1, 0.8]]], np.float32)
    assert binarise(probability, 0.5, "largest_component").tolist() == [[[True, True, False, False]]]
    assert binarise(probability, 0.7, "largest_component").sum() == 1


@pytest.mark.parametrize("loss", [BCE(), Dice(batch=True)], ids=["bce", "dice over the batch"])
def test_each_slices_loss_is_independent_of_the_batch(loss: nn.Module) -> None:
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(6, 1, 8, 8, generator=generator)
    masks = torch.randint(0, 2, (6, 1, 8, 8), dtype=torch.uint8, generator=generator)
    masks[2] = 0
    together = slice_losses(logits, masks, loss)
    apart = [float(loss(logits[i : i + 1], masks[i : i + 1].float())) for i in range(6)]
    assert list(together) == pytest.approx(apart)
    assert [*slice_losses(logits[:4], masks[:4], loss), *slice_losses(logits[4:], masks[4:], loss)] == list(together)
