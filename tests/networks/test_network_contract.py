"""What every network of conf/model promises. A new YAML there is tested without being named here."""

from pathlib import Path
from typing import cast

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor

from lgg_seg.networks import SegmentationNetwork, without_pretrained

CONFIGS = Path(__file__).parents[2] / "conf" / "model"
# A classifier has one logit a slice: its contract is another.
NAMES = sorted(path.stem for path in CONFIGS.glob("*.yaml") if not path.stem.startswith("classifier_"))

PARAMETERS = {
    "unet": 31_031_745,
    "unet_bn": 7_763_041,
    "unet_slim": 1_942_577,
    "r2unet": 39_091_393,
    "unetpp": 9_163_428,
    "attention_unet": 8_280_036,
    "unet_resnet50": 32_521_105,
    "unet_efficientnet": 5_198_161,
    "unet_efficientnet_small": 1_651_097,
}


def config(name: str) -> dict[str, object]:
    content = OmegaConf.to_container(OmegaConf.load(CONFIGS / f"{name}.yaml"))
    return without_pretrained(cast(dict[str, object], content))


def outputs(network: SegmentationNetwork, x: Tensor) -> tuple[Tensor, ...]:
    result = network(x)
    return result if isinstance(result, tuple) else (result,)


@pytest.fixture(scope="module", params=NAMES)
def built(request: pytest.FixtureRequest) -> tuple[str, SegmentationNetwork]:
    torch.manual_seed(0)
    network = instantiate(config(request.param), in_channels=3, out_channels=1)
    assert isinstance(network, SegmentationNetwork)
    return request.param, network


@pytest.fixture
def network(built: tuple[str, SegmentationNetwork]) -> SegmentationNetwork:
    return built[1].train()


def images(batch: int, height: int, width: int, channels: int = 3) -> Tensor:
    return torch.randn(batch, channels, height, width, generator=torch.Generator().manual_seed(1))


class TestEveryNetwork:
    def test_has_the_published_number_of_parameters(self, built: tuple[str, SegmentationNetwork]) -> None:
        name, network = built
        if name not in PARAMETERS:
            pytest.skip(f"no published size for {name}")
        assert sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS[name]

    def test_gradients_are_finite_and_those_of_weights_not_zero(self, network: SegmentationNetwork) -> None:
        network.zero_grad(set_to_none=True)
        torch.autograd.backward([logits.square().mean() for logits in outputs(network, images(2, 64, 64))])
        for name, parameter in network.named_parameters():
            if parameter.requires_grad:
                assert parameter.grad is not None, name
                assert parameter.grad.isfinite().all(), name
                if parameter.ndim > 1:  # a bias before a batch norm rightly gets none
                    assert parameter.grad.any(), name
        network.zero_grad(set_to_none=True)

    def test_evaluation_gives_one_logits_tensor_of_the_images_size(self, network: SegmentationNetwork) -> None:
        network.eval()
        with torch.inference_mode():
            for height, width in [(50, 70), (31, 1)]:
                logits = network(images(1, height, width))
                assert logits.shape == (1, 1, height, width)
                assert logits.isfinite().all()

    def test_training_gives_logits_of_the_images_size(self, network: SegmentationNetwork) -> None:
        with torch.no_grad():
            for logits in outputs(network, images(2, 50, 70)):
                assert logits.shape == (2, 1, 50, 70)
                assert logits.isfinite().all()

    def test_evaluation_does_not_depend_on_what_else_is_in_the_batch(self, network: SegmentationNetwork) -> None:
        network.eval()
        batch = images(3, 32, 32)
        with torch.inference_mode():
            together, alone = network(batch), torch.cat([network(image[None]) for image in batch])
        torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-3 * together.abs().max().item())

    def test_takes_any_number_of_channels(self, built: tuple[str, SegmentationNetwork]) -> None:
        network = instantiate(config(built[0]), in_channels=1, out_channels=2).eval()
        with torch.inference_mode():
            assert network(images(1, 32, 32, channels=1)).shape == (1, 2, 32, 32)

    def test_runs_in_bfloat16_and_channels_last(self, network: SegmentationNetwork) -> None:
        x = images(2, 48, 64).to(memory_format=torch.channels_last)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            assert all(logits.isfinite().all() for logits in outputs(network, x))


def test_the_configs_include_every_published_network() -> None:
    assert set(PARAMETERS) <= set(NAMES)
