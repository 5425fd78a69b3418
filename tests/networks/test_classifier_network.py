"""A slice classifier: one logit a slice, the published size, the right weights, a frozen encoder that stays so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor

from lgg_seg.config.groups import groups
from lgg_seg.config.instantiate import instantiate, to_plain
from lgg_seg.errors import UserError
from lgg_seg.networks import EfficientNetClassifier, EfficientNetUNet, EncoderClassifier, ResNet50Classifier
from tests.configs import composed

CLASSIFIERS = [name for name in groups()["model"] if name.startswith("classifier_")]
HEAD = 2048 * 512 + 2 * 512 + 512 + 1


@pytest.fixture(scope="module", params=CLASSIFIERS)
def network(request: pytest.FixtureRequest) -> EncoderClassifier:
    config = composed(f"model={request.param}", "model.weights=null")
    torch.manual_seed(0)
    return instantiate(to_plain(config.model), "model", in_channels=3)


def images(batch: int, size: tuple[int, int] = (40, 48), channels: int = 3) -> Tensor:
    return torch.randn(batch, channels, *size, generator=torch.Generator().manual_seed(1))


def test_one_logit_a_slice_whatever_the_size_of_the_image(network: EncoderClassifier) -> None:
    network.eval()
    with torch.inference_mode():
        for size in ((40, 48), (31, 1), (64, 64)):
            logits = network(images(2, size))
            assert logits.shape == (2, 1)
            assert logits.isfinite().all()


def test_parameters_are_resnet50s_without_its_last_layer_and_the_heads() -> None:
    trained = sum(p.numel() for p in ResNet50Classifier("tumour", weights=None).parameters() if p.requires_grad)
    head = ResNet50Classifier("tumour", weights=None, freeze_encoder=True)
    assert sum(p.numel() for p in head.parameters() if p.requires_grad) == HEAD
    assert trained == 23_508_032 + HEAD == 24_558_145
    whole = torchvision.models.resnet50(weights=None)
    assert trained - HEAD == sum(p.numel() for p in whole.parameters()) - 2048 * 1000 - 1000


def test_gradients_are_finite_and_those_of_weights_not_zero(
    network: EncoderClassifier,
) -> None:
    network.train().zero_grad(set_to_none=True)
    network(images(4)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        if parameter.ndim > 1:
            assert parameter.grad.any(), name


def test_evaluation_does_not_depend_on_what_else_is_in_the_batch(network: EncoderClassifier) -> None:
    network.eval()
    with torch.inference_mode():
        together, alone = network(images(3)), torch.cat([network(image[None]) for image in images(3)])
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-4)


def test_runs_in_bfloat16_and_channels_last_and_for_one_channel() -> None:
    grey = ResNet50Classifier("grade", weights=None, in_channels=1).eval()
    x = images(2, channels=1).to(memory_format=torch.channels_last)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert grey(x).isfinite().all()


@pytest.mark.parametrize("freeze", [True, False])
def test_a_frozen_encoder_gets_no_gradient_and_keeps_its_statistics(freeze: bool) -> None:
    network = ResNet50Classifier("tumour", weights=None, freeze_encoder=freeze).eval().train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    optimizer = torch.optim.SGD((p for p in network.parameters() if p.requires_grad), lr=0.1)
    network(images(4)).sum().backward()
    optimizer.step()
    moved = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert any(name.startswith("head") and name.endswith("weight") for name in moved)
    assert any(name.startswith("head") and name.endswith("running_mean") for name in moved)
    assert any(name.startswith("encoder") for name in moved) is not freeze
    assert any(name.startswith("encoder") and name.endswith("running_var") for name in moved) is not freeze


def test_weights_of_torchvision_fill_the_encoder_bit_for_bit(tmp_path: Path) -> None:
    state, path = torchvision.models.resnet50(weights=None).state_dict(), tmp_path / "resnet50.pth"
    torch.save(state, path)
    loaded = ResNet50Classifier("tumour", weights=str(path)).encoder.state_dict()
    assert len(loaded) == len(state) - 2
    assert all(torch.equal(tensor, state[name]) for name, tensor in loaded.items())


def test_imagenets_weights_are_those_of_the_segmentation_networks_encoder() -> None:
    classifier, unet = EfficientNetClassifier("tumour", weights="imagenet"), EfficientNetUNet(weights="imagenet")
    own = classifier.encoder.state_dict()
    assert own.keys() == unet.encoder.state_dict().keys()
    assert all(torch.equal(tensor, own[name]) for name, tensor in unet.encoder.state_dict().items())
    assert classifier.weights_file == unet.weights_file
    assert sum(p.numel() for p in classifier.parameters()) == 4_652_008 - (320 * 1280 + 2 * 1280) - (
        1280 + 1
    ) * 1000 + (320 * 512 + 2 * 512 + 513)


def test_weights_that_do_not_fit_are_refused_and_never_replaced_by_random_ones(tmp_path: Path) -> None:
    path = tmp_path / "resnet18.pth"
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), path)
    with pytest.raises(UserError, match=r"do not fit resnet50.*model\.weights=null"):
        ResNet50Classifier("tumour", weights=str(path))
    with pytest.raises(UserError, match="neither a file nor one of the published weights"):
        ResNet50Classifier("tumour", weights="imagnet")


@pytest.mark.parametrize(("key", "value"), [("dropout", 1.0), ("dropout", -0.1), ("hidden", 0)])
def test_options_out_of_range_are_refused(key: str, value: Any) -> None:
    with pytest.raises(UserError, match=f"model.{key} is {value}"):
        ResNet50Classifier("tumour", weights=None, **{key: value})
