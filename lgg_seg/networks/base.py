"""What segmentation networks share: any image size, and the initialisation."""

import math
from abc import ABC, abstractmethod

import torch.nn.functional as F
from torch import Tensor, nn


class SegmentationNetwork(nn.Module, ABC):
    """A network that maps images to logits of the same height and width, whatever they are.

    A subclass's constructor ends with `in_channels`, the channels of the image, and `out_channels`, the logits a pixel.
    Subclasses write `logits` for sizes that `stride` divides. `forward` pads the input to the next such size by
    repeating its last row and column, to the right and the bottom, and crops the logits.
    """

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    @abstractmethod
    def logits(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Logits `(B, out_channels, H, W)` of images `(B, in_channels, H, W)`; `stride` divides H and W."""

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Logits `(B, out_channels, H, W)`, or a tuple of them in training under deep supervision.

        `x` holds normalised images `(B, in_channels, H, W)`, float, any H and W of at least 1, contiguous or
        channels_last.
        """
        # Negative padding crops. Unlike a slice it leaves torch.export no case to tell apart: one program, any size.
        right, bottom = -x.shape[3] % self.stride, -x.shape[2] % self.stride
        logits = self.logits(F.pad(x, (0, right, 0, bottom), mode="replicate"))
        if isinstance(logits, tuple):
            return tuple(F.pad(output, (0, -right, 0, -bottom)) for output in logits)
        return F.pad(logits, (0, -right, 0, -bottom))


def initialise(network: nn.Module) -> None:
    """Draw every convolution's weights from N(0, gain²/N), N the number of inputs an output sums over; zero the biases.

    The gain² of 2 for 3x3 convolutions, which a ReLU follows, is the U-Net paper's own choice (arXiv 1505.04597,
    section 3, after He et al., arXiv 1502.01852). It matters where no batch norm rescales the activations: PyTorch's
    default has a gain² of 1/3, so that eighteen layers shrink the signal's variance by 6^18 and a 64-filter U-Net
    hardly trains. Deviation: no ReLU follows the transposed and the 1x1 convolutions, whose gain² is therefore 1.
    """
    for module in network.modules():
        match module:
            case nn.ConvTranspose2d():
                # Kernel equals stride: an output pixel sees one tap of each input channel.
                inputs, gain = module.in_channels, 1.0
            case nn.Conv2d():
                inputs = module.in_channels * math.prod(module.kernel_size)
                gain = 1.0 if module.kernel_size == (1, 1) else math.sqrt(2.0)
            case _:
                continue
        nn.init.normal_(module.weight, std=gain / math.sqrt(inputs))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
