"""Checkpoints of other implementations give our networks those implementations' outputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from lgg_seg.errors import UserError
from lgg_seg.inference.starting_weights import start
from lgg_seg.networks import ResNet50Classifier, ResNet50UNet

WIDTHS = (4, 8, 16, 32, 64)


def randomised(network: nn.Module) -> nn.Module:
    """Every number drawn, those of batch norm too, so that a mixed-up pair shows; in eval mode."""
    generator = torch.Generator().manual_seed(0)
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.randn(value.shape, generator=generator) * 0.2 + (1 if value.ndim == 1 else 0))
            if "var" in name:
                value.abs_()
    return network.eval()


class Buda(nn.Module):
    """The names and the order of concatenation of mateuszbuda/brain-segmentation-pytorch (unet.py)."""

    def __init__(self) -> None:
        super().__init__()
        places = [("encoder1", "enc1", 3, 4)]
        places += [(f"encoder{i}", f"enc{i}", WIDTHS[i - 2], WIDTHS[i - 1]) for i in (2, 3, 4)]
        places += [("bottleneck", "bottleneck", 32, 64)]
        places += [(f"decoder{i}", f"dec{i}", 2 * WIDTHS[i - 1], WIDTHS[i - 1]) for i in (4, 3, 2, 1)]
        for block, short, narrow, wide in places:
            self.add_module(block, nn.Module())
            for k, channels in ((1, narrow), (2, wide)):
                self.get_submodule(block).add_module(f"{short}conv{k}", nn.Conv2d(channels, wide, 3, 1, 1, bias=False))
                self.get_submodule(block).add_module(f"{short}norm{k}", nn.BatchNorm2d(wide))
        for i in (4, 3, 2, 1):
            self.add_module(f"upconv{i}", nn.ConvTranspose2d(WIDTHS[i], WIDTHS[i - 1], 2, 2))
        self.conv = nn.Conv2d(4, 1, 1)

    def block(self, name: str, x: Tensor) -> Tensor:
        convolution, norm, second, second_norm = self.get_submodule(name).children()
        return F.relu(second_norm(second(F.relu(norm(convolution(x))))))

    def forward(self, x: Tensor) -> Tensor:
        skips = {}
        for i in (1, 2, 3, 4):
            skips[i] = self.block(f"encoder{i}", x)
            x = F.max_pool2d(skips[i], 2)
        x = self.block("bottleneck", x)
        for i in (4, 3, 2, 1):
            x = self.block(f"decoder{i}", torch.cat([self.get_submodule(f"upconv{i}")(x), skips[i]], 1))
        logits: Tensor = self.conv(x)
        return logits


class Milesial(nn.Module):
    """The names and the order of concatenation of milesial/Pytorch-UNet (unet/unet_model.py, unet_parts.py)."""

    def __init__(self, classes: int, bias: bool) -> None:
        super().__init__()

        def double(narrow: int, wide: int) -> nn.Module:
            layers: list[nn.Module] = []
            for channels in (narrow, wide):
                layers += [nn.Conv2d(channels, wide, 3, padding=1, bias=bias), nn.BatchNorm2d(wide), nn.ReLU()]
            return nn.ModuleDict({"double_conv": nn.Sequential(*layers)})

        self.inc = double(3, 4)
        for i in (1, 2, 3, 4):
            down = nn.ModuleList([nn.MaxPool2d(2), double(WIDTHS[i - 1], WIDTHS[i])])
            self.add_module(f"down{i}", nn.ModuleDict({"maxpool_conv": down}))
            wide, narrow = WIDTHS[5 - i], WIDTHS[4 - i]
            up = {"up": nn.ConvTranspose2d(wide, narrow, 2, 2), "conv": double(wide, narrow)}
            self.add_module(f"up{i}", nn.ModuleDict(up))
        self.outc = nn.ModuleDict({"conv": nn.Conv2d(4, classes, 1)})

    def forward(self, x: Tensor) -> Tensor:
        skips = [self.get_submodule("inc.double_conv")(x)]
        for i in (1, 2, 3, 4):
            skips.append(self.get_submodule(f"down{i}.maxpool_conv.1.double_conv")(F.max_pool2d(skips[-1], 2)))
        x = skips.pop()
        for i in (1, 2, 3, 4):
            x = torch.cat([skips.pop(), self.get_submodule(f"up{i}.up")(x)], 1)
            x = self.get_submodule(f"up{i}.conv.double_conv")(x)
        logits: Tensor = self.get_submodule("outc.conv")(x)
        return logits


class Nested(nn.Module):
    """The names and the order of concatenation of 4uiiurz1/pytorch-nested-unet (archs.py)."""

    def __init__(self) -> None:
        super().__init__()
        for i in range(5):
            for j in range(5 - i):
                wide = WIDTHS[i]
                narrow = j * wide + WIDTHS[i + 1] if j else (3, *WIDTHS)[i]
                layers = {"conv1": nn.Conv2d(narrow, wide, 3, padding=1), "bn1": nn.BatchNorm2d(wide)}
                layers |= {"conv2": nn.Conv2d(wide, wide, 3, padding=1), "bn2": nn.BatchNorm2d(wide)}
                self.add_module(f"conv{i}_{j}", nn.ModuleDict(layers))
        for j in (1, 2, 3, 4):
            self.add_module(f"final{j}", nn.Conv2d(WIDTHS[0], 1, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        nodes: dict[tuple[int, int], Tensor] = {}
        for diagonal in range(5):
            for j in range(diagonal + 1):
                i = diagonal - j
                x = F.max_pool2d(nodes[i - 1, 0], 2) if i and not j else x
                if j:
                    below = F.interpolate(nodes[i + 1, j - 1], scale_factor=2, mode="bilinear", align_corners=True)
                    x = torch.cat([*(nodes[i, k] for k in range(j)), below], 1)
                for k in (1, 2):
                    x = self.get_submodule(f"conv{i}_{j}.conv{k}")(x)
                    x = F.relu(self.get_submodule(f"conv{i}_{j}.bn{k}")(x))
                nodes[i, j] = x
        return tuple(self.get_submodule(f"final{j}")(nodes[0, j]) for j in (1, 2, 3, 4))


def test_a_unet_plus_plus_of_another_implementation(tmp_path: Path) -> None:
    reference = randomised(Nested())
    torch.save(reference.state_dict(), tmp_path / "nested.pth")
    node = {"_target_": "lgg_seg.networks.UNetPlusPlus", "filters": WIDTHS[0], "weights": str(tmp_path / "nested.pth")}
    x = torch.randn(2, 3, 48, 32)
    with torch.inference_mode():
        for j, expected in enumerate(reference(x), start=1):
            network, _ = start(node | {"align_corners": True, "output": j}, 3)
            scale = expected.std()
            torch.testing.assert_close(network.eval()(x) / scale, expected / scale, rtol=1e-4, atol=1e-4)
        areas, _ = start(node | {"output": 4}, 3)
        assert not torch.allclose(areas.eval()(x) / scale, expected / scale, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(
    ("reference", "foreground"),
    [
        (Buda(), lambda logits: logits),
        (Milesial(1, bias=False), lambda logits: logits),
        (Milesial(2, bias=True), lambda logits: logits[:, 1:] - logits[:, :1]),
    ],
    ids=["mateuszbuda", "milesial", "milesial, 2 classes, biases"],
)
def test_a_u_net_of_another_implementation(
    reference: nn.Module, foreground: Callable[[Tensor], Tensor], tmp_path: Path
) -> None:
    content: dict[str, object] = dict(randomised(reference).state_dict())
    if isinstance(reference, Milesial):
        content["mask_values"] = [0, 1]  # as its training saves it
    torch.save(content, tmp_path / "unet.pt")
    node = {"_target_": "lgg_seg.networks.UNet", "filters": 4, "batch_norm": True}
    network, weights = start(node | {"weights": str(tmp_path / "unet.pt")}, 3)
    x = torch.randn(2, 3, 48, 32)
    with torch.inference_mode():
        expected = foreground(reference(x))
        scale = expected.std()
        assert scale > 0.05
        torch.testing.assert_close(network.eval()(x) / scale, expected / scale, rtol=1e-4, atol=1e-4)
    assert weights is not None
    assert not weights.recorded
    with pytest.raises(UserError, match=r"unet\.pt holds .* another shape encoder\.0\.0\.0\.weight"):
        start(node | {"filters": 8, "weights": str(tmp_path / "unet.pt")}, 3)


def test_a_name_that_an_implementation_does_not_have_is_refused(tmp_path: Path) -> None:
    torch.save({**Buda().state_dict(), "attention.weight": torch.ones(1)}, tmp_path / "unet.pt")
    node = {"_target_": "lgg_seg.networks.UNet", "filters": 4, "batch_norm": True}
    with pytest.raises(UserError, match=r"has besides attention\.weight"):
        start(node | {"weights": str(tmp_path / "unet.pt")}, 3)


def test_a_resnet_50_of_torchvision(tmp_path: Path) -> None:
    reference = torchvision.models.resnet50(weights=None).eval()
    torch.save(reference.state_dict(), tmp_path / "resnet50.pth")
    features: list[Tensor] = []
    reference.layer4.register_forward_hook(lambda *given: features.append(given[2]))
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        reference(x)
        for network in (
            ResNet50UNet(weights=str(tmp_path / "resnet50.pth")),
            ResNet50Classifier("tumour", weights=str(tmp_path / "resnet50.pth")),
        ):
            torch.testing.assert_close(network.eval().encoder(x)[-1], features[0])
