"""U-Net at any width, with and without batch norm, and the U shape that other networks share."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lgg_seg.errors import require
from lgg_seg.networks.base import SegmentationNetwork, initialise

LEVELS = 5
"""Resolutions of a U-Net: the input's own and four halvings of it."""

STRIDE = 2 ** (LEVELS - 1)
"""Input pixels a pixel of the coarsest level stands for."""


def level_widths(filters: int) -> list[int]:
    """Channels of the five levels of a U: `filters`, doubled at each level down."""
    require(filters >= 1, "model.filters", filters, "1 or more")
    return [filters * 2**level for level in range(LEVELS)]


def convolution(in_channels: int, out_channels: int, *, bias: bool = True, batch_norm: bool = True) -> nn.Sequential:
    """3x3 convolution that keeps the size, batch norm unless switched off, ReLU."""
    norm = [nn.BatchNorm2d(out_channels)] if batch_norm else []
    kernel = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=bias)
    return nn.Sequential(kernel, *norm, nn.ReLU(inplace=True))


def double_convolution(
    in_channels: int, out_channels: int, *, bias: bool = True, batch_norm: bool = True
) -> nn.Sequential:
    """Two convolutions: the pairs of blue arrows in the U-Net paper's Fig. 1."""
    make = partial(convolution, out_channels=out_channels, bias=bias, batch_norm=batch_norm)
    return nn.Sequential(make(in_channels), make(out_channels))


class UShaped(SegmentationNetwork):
    """A contracting path, a bottleneck and an expanding path with skips (arXiv 1505.04597, Fig. 1), made of any blocks.

    Args:
        filters: channels at the finest level; doubled at each of the four levels below.
        block: makes what stands at a level, from its input and output channels.
        upsample: makes what doubles height and width on the way up, from its input and output channels.
    """

    def __init__(
        self,
        filters: int,
        block: Callable[[int, int], nn.Module],
        upsample: Callable[[int, int], nn.Module],
        in_channels: int,
        out_channels: int,
    ) -> None:
        super().__init__(stride=STRIDE)
        widths = level_widths(filters)
        *contracting, bottleneck = pairwise([in_channels, *widths])
        expanding = [(deep, shallow) for shallow, deep in reversed(list(pairwise(widths)))]

        self.encoder = nn.ModuleList(block(shallow, deep) for shallow, deep in contracting)
        self.bottleneck = block(*bottleneck)
        self.upsample = nn.ModuleList(upsample(deep, shallow) for deep, shallow in expanding)
        self.decoder = nn.ModuleList(block(2 * shallow, shallow) for _, shallow in expanding)
        self.head = nn.Conv2d(filters, out_channels, kernel_size=1)
        initialise(self)

    def logits(self, x: Tensor) -> Tensor:
        """Logits `(B, out_channels, H, W)`; 16 divides H and W."""
        skips: list[Tensor] = []
        for block in self.encoder:
            skips.append(block(x))
            x = F.max_pool2d(skips[-1], kernel_size=2)
        x = self.bottleneck(x)
        for upsample, block in zip(self.upsample, self.decoder, strict=True):
            x = block(torch.cat([self.skip(skips.pop(), x), upsample(x)], dim=1))
        logits: Tensor = self.head(x)
        return logits

    def skip(self, features: Tensor, coarser: Tensor) -> Tensor:  # noqa: ARG002  # read by gates
        """What of a level's features joins the expanding path, whose features one level down are `coarser`: all."""
        return features


class UNet(UShaped):
    """U-Net of Ronneberger et al. (arXiv 1505.04597, Fig. 1): pairs of 3x3 convolutions, 2x2 up-convolutions.

    `filters=64, batch_norm=False` is the paper's network, 31,031,745 parameters (3 → 1 channels). `filters=32,
    batch_norm=True` is the one published for this dataset as mateuszbuda/brain-segmentation-pytorch, with
    7,763,041 parameters.

    Deviations from the paper: padded convolutions, so that nothing is cropped; no dropout; one logit a pixel in place
    of a two-class softmax.

    Args:
        filters: channels at the finest level; doubled at each of the four levels below.
        batch_norm: batch norm after every 3x3 convolution, which then has no bias: the norm brings its own.
    """

    def __init__(
        self, filters: int = 64, batch_norm: bool = False, in_channels: int = 3, out_channels: int = 1
    ) -> None:
        block = partial(double_convolution, bias=not batch_norm, batch_norm=batch_norm)
        upsample = partial(nn.ConvTranspose2d, kernel_size=2, stride=2)
        super().__init__(filters, block, upsample, in_channels, out_channels)


class SlimUNet(UNet):
    """The batch-norm U-Net with its widths scaled by alpha, after the "AlphaX" study: 16 → 256 channels at 0.25.

    1,942,577 parameters (3 → 1 channels), as many as in the study's own code. Deviations from that: it normalises once
    a block, keeping the biases, takes the skips before that norm, and collapses the image to grey.

    Args:
        alpha: factor on the 64 → 1024 channels of the U-Net paper; 64·alpha is rounded to whole channels.
    """

    def __init__(self, alpha: float = 0.25, in_channels: int = 3, out_channels: int = 1) -> None:
        filters = round(64 * alpha)
        require(filters >= 1, "model.alpha", alpha, "1/64 or more, or it leaves no channel of 64")
        super().__init__(filters, batch_norm=True, in_channels=in_channels, out_channels=out_channels)
