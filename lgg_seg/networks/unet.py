"""U-Net, with and without batch norm, at any width."""

from functools import partial

from torch import nn

from lgg_seg.errors import UserError
from lgg_seg.networks.ushape import DoubleConvolution, UShaped


class UNet(UShaped):
    """U-Net of Ronneberger et al. (arXiv 1505.04597, Fig. 1): pairs of 3x3 convolutions, 2x2 up-convolutions.

    `filters=64, batch_norm=False` is the paper's network, 31,031,745 parameters (3 → 1 channels). `filters=32,
    batch_norm=True` is the one published for this dataset as mateuszbuda/brain-segmentation-pytorch, with
    7,763,041 parameters.

    Deviations from the paper: convolutions are padded, so that the output has the input's size and skips need no
    cropping; no dropout; one logit a pixel in place of a two-class softmax. Initialisation: see `initialise`.

    Args:
        filters: channels at the finest level; doubled at each of the four levels below.
        batch_norm: batch norm after every 3x3 convolution, which then has no bias: the norm brings its own.
        in_channels: channels of the image.
        out_channels: logits a pixel.

    Raises:
        UserError: fewer than one filter.
    """

    def __init__(
        self, filters: int = 64, batch_norm: bool = False, in_channels: int = 3, out_channels: int = 1
    ) -> None:
        super().__init__(
            filters,
            block=partial(DoubleConvolution, bias=not batch_norm, batch_norm=batch_norm),
            upsample=partial(nn.ConvTranspose2d, kernel_size=2, stride=2),
            in_channels=in_channels,
            out_channels=out_channels,
        )


class SlimUNet(UNet):
    """The batch-norm U-Net with its widths scaled by alpha, after the "AlphaX" study: 16 → 256 channels at 0.25.

    1,942,577 parameters (3 → 1 channels), as many as in the study's own code. Deviations from that: it normalises once
    a block, keeping the biases, takes the skips before that norm, and collapses the image to grey.

    Args:
        alpha: factor on the 64 → 1024 channels of the U-Net paper; 64·alpha is rounded to whole channels.
        in_channels: channels of the image.
        out_channels: logits a pixel.

    Raises:
        UserError: alpha leaves no channel.
    """

    def __init__(self, alpha: float = 0.25, in_channels: int = 3, out_channels: int = 1) -> None:
        filters = round(64 * alpha)
        if filters < 1:
            raise UserError(f"model.alpha={alpha} leaves no channel of 64: set it to 1/64 or more.")
        super().__init__(filters=filters, batch_norm=True, in_channels=in_channels, out_channels=out_channels)
