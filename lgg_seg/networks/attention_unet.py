"""Attention U-Net: a U-Net whose skips are weighted by what the coarser level has seen."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lgg_seg.networks.base import initialise
from lgg_seg.networks.unet import UNet, level_widths


class AttentionGate(nn.Module):
    """Additive attention of a level's `channels` features to those one level down (arXiv 1804.03999, Eqs. 1 and 2).

    The coarser level has twice as many.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.features = nn.Conv2d(channels, channels, kernel_size=2, stride=2, bias=False)
        self.coarser = nn.Conv2d(2 * channels, channels, kernel_size=1)
        self.attention = nn.Conv2d(channels, 1, kernel_size=1)

    def forward(self, features: Tensor, coarser: Tensor) -> Tensor:
        """Features (B, C, H, W), each pixel times its attention in (0, 1); `coarser` is (B, 2C, H/2, W/2)."""
        attention = torch.sigmoid(self.attention(F.relu(self.features(features) + self.coarser(coarser))))
        weights = F.interpolate(attention, size=features.shape[-2:], mode="bilinear", align_corners=False)
        return features * weights


class AttentionUNet(UNet):
    """Attention U-Net of Oktay et al. (arXiv 1804.03999), in 2D on the batch-norm U-Net: 8,280,036 parameters at 32.

    As in the paper, the finest skip has no gate. Deviations: the paper's network is 3D, with deep supervision and half
    the widths of the U-Net paper.

    Args:
        filters: channels at the finest level; doubled at each of the four levels below.
    """

    def __init__(self, filters: int = 32, in_channels: int = 3, out_channels: int = 1) -> None:
        super().__init__(filters, batch_norm=True, in_channels=in_channels, out_channels=out_channels)
        self.gates = nn.ModuleDict({str(width): AttentionGate(width) for width in level_widths(filters)[1:-1]})
        initialise(self.gates)

    def skip(self, features: Tensor, coarser: Tensor) -> Tensor:
        """The features through their level's gate."""
        width = str(features.shape[1])
        return self.gates[width](features, coarser) if width in self.gates else features
