"""The networks do what their papers' figures show, at widths small enough to check."""

import math
from collections.abc import Callable
from typing import TypeVar

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.export import Dim

from lgg_seg.errors import UserError
from lgg_seg.networks import (
    AttentionUNet,
    EfficientNetUNet,
    R2UNet,
    ResNet50UNet,
    SegmentationNetwork,
    SlimUNet,
    UNet,
    UNetPlusPlus,
)
from lgg_seg.networks.r2unet import RecurrentConvolution
from lgg_seg.networks.unetpp import average

Network = TypeVar("Network", bound=SegmentationNetwork)


def hashed(shape: torch.Size, seed: int) -> Tensor:
    """Values spread over [-1, 1] by integer arithmetic: the same on every machine, whatever generator torch has."""
    index = torch.arange(shape.numel(), dtype=torch.int64) + 1_000_003 * seed
    for _ in range(2):
        index = (index ^ (index >> 15)) * 0x2C1B3C6D % 2**32
    return (index.double() / 2**31 - 1).float().reshape(shape)


def filled(network: Network) -> Network:
    """Sets every parameter and running statistic by a formula, so that outputs tell of the architecture alone."""
    for seed, (name, tensor) in enumerate(network.state_dict().items()):
        values = hashed(tensor.shape, seed)
        if tensor.ndim > 1:
            tensor.copy_(values * math.sqrt(6 / tensor[0].numel()))
        elif name.endswith("running_var"):
            tensor.copy_(4 + values)
        elif name.endswith("weight"):
            tensor.copy_(1 + 0.1 * values)
        elif not name.endswith("num_batches_tracked"):
            tensor.copy_(0.1 * values)
    return network.eval()


IMAGE = hashed(torch.Size([1, 3, 32, 48]), seed=0)

# Logits at (0, 0), (15, 20) and (31, 47), their mean and standard deviation.
GOLDEN: dict[str, tuple[Callable[[], SegmentationNetwork], list[float]]] = {
    "unet": (lambda: UNet(4), [-0.38023, -1.24342, -0.54827, -1.68636, 1.15603]),
    "unet_bn": (lambda: UNet(4, batch_norm=True), [0.09464, 0.13204, 0.07193, 0.15551, 0.03482]),
    "unet_slim": (lambda: SlimUNet(alpha=1 / 8), [-0.01333, -0.24665, 0.05389, -0.13381, 0.06323]),
    "r2unet": (lambda: R2UNet(4), [0.57962, 0.00685, -0.14448, -0.66353, 1.05863]),
    "r2unet, t=3": (lambda: R2UNet(4, t=3), [0.8699, -0.71525, -0.29186, -1.07882, 1.12841]),
    "unetpp": (lambda: UNetPlusPlus(4), [-0.01966, -0.02297, -0.02371, -0.01546, 0.0118]),
    "unetpp, last head": (lambda: UNetPlusPlus(4, output=4), [-0.13426, -0.14006, -0.12277, -0.13494, 0.01191]),
    "unetpp, one head": (
        lambda: UNetPlusPlus(4, deep_supervision=False),
        [0.12574, 0.14248, 0.12159, 0.14171, 0.01469],
    ),
    "unet_resnet50": (lambda: ResNet50UNet(weights=None), [0.03764, 0.06258, 0.06157, 0.07128, 0.01175]),
    "unet_efficientnet": (lambda: EfficientNetUNet(weights=None), [0.03684, 0.06149, -0.0208, 0.06212, 0.01711]),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_logits_are_those_recorded_for_weights_set_by_a_formula(name: str) -> None:
    make, expected = GOLDEN[name]
    with torch.inference_mode():
        logits = filled(make())(IMAGE)[0, 0]
    values = torch.stack([logits[0, 0], logits[15, 20], logits[31, 47], logits.mean(), logits.std()])
    torch.testing.assert_close(values, torch.tensor(expected), rtol=1e-3, atol=1e-4)


class TestSegmentationNetwork:
    @given(height=st.integers(1, 40), width=st.integers(1, 40))
    @settings(max_examples=25, deadline=None)
    def test_any_size_is_padded_by_replication_and_cropped_back(self, height: int, width: int) -> None:
        network = filled(UNet(2))
        x = hashed(torch.Size([1, 3, height, width]), seed=0)
        rows = torch.arange(math.ceil(height / 16) * 16).clamp(max=height - 1)
        columns = torch.arange(math.ceil(width / 16) * 16).clamp(max=width - 1)
        with torch.inference_mode():
            padded = network.logits(x[:, :, rows][:, :, :, columns])
            torch.testing.assert_close(network(x), padded[..., :height, :width])

    def test_exports_to_one_program_for_every_size_that_is_larger_than_the_stride(self) -> None:
        network, size = UNet(2).eval(), Dim.DYNAMIC
        shapes = ({0: size, 2: size, 3: size},)
        program = torch.export.export(network, (IMAGE.expand(2, -1, -1, -1),), dynamic_shapes=shapes).module()
        with torch.inference_mode():
            for height, width in [(32, 48), (64, 32), (50, 70)]:
                x = hashed(torch.Size([3, 3, height, width]), seed=1)
                torch.testing.assert_close(program(x), network(x))

    @pytest.mark.parametrize("make", [UNet, R2UNet, UNetPlusPlus])
    def test_memory_format_changes_no_logit(self, make: Callable[[int], SegmentationNetwork]) -> None:
        network = filled(make(4))
        with torch.inference_mode():
            expected = network(IMAGE)
            network.to(memory_format=torch.channels_last)
            torch.testing.assert_close(
                network(IMAGE.to(memory_format=torch.channels_last)), expected, rtol=1e-4, atol=1e-5
            )

    @pytest.mark.parametrize("make", [UNet, R2UNet, UNetPlusPlus])
    def test_a_network_without_filters_is_refused(self, make: Callable[[int], SegmentationNetwork]) -> None:
        with pytest.raises(UserError, match=r"model\.filters"):
            make(0)


class TestUNet:
    def test_without_batch_norm_the_signal_neither_dies_nor_explodes_at_the_start(self) -> None:
        torch.manual_seed(0)
        with torch.inference_mode():
            assert 0.1 < UNet(32)(torch.randn(1, 3, 64, 64)).std() < 10

    def test_batch_norm_takes_the_place_of_the_biases(self) -> None:
        biased = [name for name, _ in UNet(4, batch_norm=True).encoder.named_parameters() if name.endswith("0.bias")]
        assert not biased

    def test_alpha_scales_the_widths_of_the_paper(self) -> None:
        assert SlimUNet(alpha=0.25).head.in_channels == 16
        assert SlimUNet(alpha=0.25).bottleneck(torch.zeros(1, 128, 2, 2)).shape[1] == 256
        with pytest.raises(UserError, match=r"model\.alpha"):
            SlimUNet(alpha=0.001)


class TestR2UNet:
    def test_t_changes_the_logits_but_not_the_number_of_parameters(self) -> None:
        sizes = {sum(parameter.numel() for parameter in R2UNet(4, t=t).parameters()) for t in range(4)}
        assert len(sizes) == 1
        with torch.inference_mode():
            assert not torch.allclose(filled(R2UNet(4, t=1))(IMAGE), filled(R2UNet(4, t=2))(IMAGE))

    @pytest.mark.parametrize("t", [0, 1, 2, 5])
    def test_a_recurrence_adds_its_input_at_every_step(self, t: int) -> None:
        layer = RecurrentConvolution(2, t).eval()
        convolution, norm = layer.step[0], layer.step[1]
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        nn.init.dirac_(convolution.weight)
        assert convolution.bias is not None
        nn.init.zeros_(convolution.bias)
        norm.eps = 0.0
        # With f the identity on positive values: state(0) = x, state(i) = x + state(i-1), hence (t + 1) x.
        x = torch.rand(1, 2, 5, 5)
        torch.testing.assert_close(layer(x), (t + 1) * x)

    def test_fewer_than_no_steps_are_refused(self) -> None:
        with pytest.raises(UserError, match=r"model\.t is -1"):
            R2UNet(4, t=-1)


class TestUNetPlusPlus:
    def test_heads_make_up_the_published_difference_in_size(self) -> None:
        with_heads, without = (UNetPlusPlus(32, deep_supervision=flag) for flag in (True, False))
        assert sum(parameter.numel() for parameter in with_heads.parameters()) == 9_163_428
        assert sum(parameter.numel() for parameter in without.parameters()) == 9_163_329

    def test_deep_supervision_trains_four_heads_and_its_absence_one(self) -> None:
        logits = UNetPlusPlus(2, deep_supervision=True).train()(IMAGE)
        assert isinstance(logits, tuple)
        assert [output.shape for output in logits] == [(1, 1, 32, 48)] * 4
        assert isinstance(UNetPlusPlus(2, deep_supervision=False).train()(IMAGE), Tensor)

    @pytest.mark.parametrize("depth", [1, 2, 3, 4])
    def test_head_j_needs_only_the_nodes_of_the_pruned_network_of_depth_j(self, depth: int) -> None:
        network = UNetPlusPlus(2).train()
        network(IMAGE.expand(2, -1, -1, -1))[depth - 1].sum().backward()
        used = {
            name for name, node in network.nodes.items() if any(weight.grad is not None for weight in node.parameters())
        }
        assert used == {f"x{i}_{j}" for i in range(depth + 1) for j in range(depth + 1 - i)}

    def test_accurate_mode_is_the_mean_probability_of_the_four_heads(self) -> None:
        heads = [filled(UNetPlusPlus(4, output=head)) for head in (1, 2, 3, 4)]
        with torch.inference_mode():
            mean = torch.stack([head(IMAGE).sigmoid() for head in heads]).mean(dim=0)
            torch.testing.assert_close(filled(UNetPlusPlus(4))(IMAGE).sigmoid(), mean)

    def test_averaging_confident_heads_stays_finite(self) -> None:
        certain = torch.full((1, 1, 1, 1), 500.0)
        assert average((certain, certain)).item() == pytest.approx(500)
        assert average((certain, -certain)).item() == pytest.approx(0)

    def test_a_head_that_does_not_exist_is_refused(self) -> None:
        with pytest.raises(UserError, match=r"model\.deep_supervision=true"):
            UNetPlusPlus(2, deep_supervision=False, output=1)


class TestAttentionUNet:
    def test_gates_that_are_open_leave_the_batch_norm_unet(self) -> None:
        gated, plain = filled(AttentionUNet(4)), UNet(4, batch_norm=True).eval()
        plain.load_state_dict(gated.state_dict(), strict=False)
        with torch.inference_mode():
            assert not torch.allclose(gated(IMAGE), plain(IMAGE))
            for gate in gated.gates.values():
                gate.attention.bias.fill_(100.0)
            torch.testing.assert_close(gated(IMAGE), plain(IMAGE))

    def test_a_gate_weighs_features_by_the_sigmoid_of_both_levels(self) -> None:
        gate = AttentionUNet(1).gates["2"]
        with torch.inference_mode():
            for weights in gate.parameters():
                weights.fill_(0.5)
            # features 1 in 2 channels under a 2 x 2 kernel, coarser 1 in 4 channels: 4 + 2.5 in each of 2 channels
            out = gate(torch.ones(1, 2, 4, 4), torch.ones(1, 4, 2, 2))
        torch.testing.assert_close(out, torch.full((1, 2, 4, 4), 1 / (1 + math.exp(-(6.5 + 0.5)))))

    def test_the_finest_skip_has_no_gate(self) -> None:
        assert list(AttentionUNet(4).gates) == ["8", "16", "32"]
