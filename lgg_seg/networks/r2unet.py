"""R2U-Net: a U-Net of recurrent residual blocks."""

from functools import partial

from torch import Tensor, nn

from lgg_seg.errors import require
from lgg_seg.networks.unet import UShaped, convolution


class RecurrentConvolution(nn.Module):
    """Recurrent convolutional layer (R2U-Net's Fig. 3), unfolded for `t` steps after the first: `t` + 1 convolutions.

    state(0) = f(x), state(i) = f(x + state(i-1)). Deviation: in the paper's equation input and state have weights of
    their own; here one convolution and its batch norm serve both at every step.
    """

    def __init__(self, channels: int, t: int) -> None:
        super().__init__()
        self.t = t
        self.step = convolution(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps `(B, channels, H, W)` to the state after `t` recurrences, of the same shape."""
        state: Tensor = self.step(x)
        for _ in range(self.t):
            state = self.step(x + state)
        return state


class RecurrentResidualBlock(nn.Module):
    """Recurrent residual convolutional unit (R2U-Net's Fig. 4d): 1x1 convolution, then x + F(x), F two recurrences."""

    def __init__(self, in_channels: int, out_channels: int, t: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(in_channels, out_channels, kernel_size=1)
        self.recurrent = nn.Sequential(RecurrentConvolution(out_channels, t), RecurrentConvolution(out_channels, t))

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps `(B, in_channels, H, W)` to `(B, out_channels, H, W)`."""
        x = self.project(x)
        residual: Tensor = self.recurrent(x)
        return x + residual


def up_convolution(in_channels: int, out_channels: int) -> nn.Sequential:
    """Nearest-neighbour doubling of height and width, then a 3x3 convolution."""
    return nn.Sequential(nn.Upsample(scale_factor=2.0, mode="nearest"), convolution(in_channels, out_channels))


class R2UNet(UShaped):
    """R2U-Net of Alom et al. (arXiv 1802.06955): 39,091,393 parameters at 64 filters (3 → 1 channels), whatever `t`.

    Deviations from the paper: shared weights within a recurrence (see `RecurrentConvolution`), batch norm after each
    3x3 convolution, and upsampling with a 3x3 convolution as up-convolution; public implementations have the same.

    Args:
        filters: channels at the finest level; doubled at each of the four levels below.
        t: recurrent steps of a recurrent convolution; 0 leaves a plain residual U-Net.
    """

    def __init__(self, filters: int = 64, t: int = 2, in_channels: int = 3, out_channels: int = 1) -> None:
        require(t >= 0, "model.t", t, "0 or more; the paper has 2")
        super().__init__(filters, partial(RecurrentResidualBlock, t=t), up_convolution, in_channels, out_channels)
