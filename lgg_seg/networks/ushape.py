"""The U itself: its levels, its 3x3 convolutions, and the paths down and up between which the skips run."""

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lgg_seg.errors import UserError
from lgg_seg.networks.base import SegmentationNetwork, initialise

LEVELS = 5
"""Resolutions of a U-Net: the input's own and four halvings of it."""

STRIDE = 2 ** (LEVELS - 1)
"""Input pixels a pixel of the coarsest level stands for."""


def level_widths(filters: int) -> list[int]:
    """Channels of the five levels of a U: `filters`, doubled at each level down.

    Raises:
        UserError: fewer than one filter.
    """
    if filters < 1:
        raise UserError(f"A network needs at least one filter at its finest level, not {filters}: set model.filters.")
    return [filters * 2**level for level in range(LEVELS)]


class Convolution(nn.Sequential):
    """3x3 convolution that keeps the size, batch norm if asked for, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, *, bias: bool = True, batch_norm: bool = True) -> None:
        layers: list[nn.Module] = [nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=bias)]
        if batch_norm:
            layers.append(nn.BatchNorm2d(out_channels))
        super().__init__(*layers, nn.ReLU(inplace=True))


class DoubleConvolution(nn.Sequential):
    """Two `Convolution`s: the pairs of blue arrows in the U-Net paper's Fig. 1."""

    def __init__(self, in_channels: int, out_channels: int, *, bias: bool = True, batch_norm: bool = True) -> None:
        super().__init__(
            Convolution(in_channels, out_channels, bias=bias, batch_norm=batch_norm),
            Convolution(out_channels, out_channels, bias=bias, batch_norm=batch_norm),
        )


class UShaped(SegmentationNetwork):
    """A contracting path, a bottleneck and an expanding path with skips (arXiv 1505.04597, Fig. 1), made of any blocks.

    Args:
        filters: channels at the finest level; doubled at each of the four levels below.
        block: makes what stands at a level, from its input and output channels.
        upsample: makes what doubles height and width on the way up, from its input and output channels.
        in_channels: channels of the image.
        out_channels: logits a pixel.

    Raises:
        UserError: fewer than one filter.
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
            x = block(torch.cat([skips.pop(), upsample(x)], dim=1))
        logits: Tensor = self.head(x)
        return logits
