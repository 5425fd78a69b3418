"""Networks that classify a slice: one logit for the whole of it."""

from abc import ABC
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from lgg_seg.errors import require
from lgg_seg.networks.pretrained import FreezableEncoder, build_encoder, weights_file

Target = Literal["tumour", "grade"]
"""The positive class: the slice shows tumour, or its patient's tumour is of WHO grade III rather than II."""


class SliceClassifier(nn.Module, ABC):
    """A network from images `(B, C, H, W)` to logits `(B, 1)` of the positive class of `target`."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target


class EncoderClassifier(FreezableEncoder, SliceClassifier):
    """An encoder of segmentation-models-pytorch, and on its last features, averaged over the slice, a head.

    After Fahad and Katasani, "Tumor Grade Classification and Segmentation in Lower-Grade Gliomas Using Deep Learning",
    section 4.2: ImageNet weights, the last layer replaced by fully connected layers with batch norm and dropout, and
    one output. What the paper leaves open is here: linear without bias, batch norm, ReLU, dropout, linear. Deviation:
    images are normalised as for every network here, not by ImageNet's mean and deviation.

    Args:
        name: the encoder's, in segmentation-models-pytorch.
        target: see `Target`.
        hidden: width of the head.
        dropout: share of the head's activations that is dropped in training.

    The other arguments are those of `SMP`.

    Raises:
        UserError: weights that are not to be had or do not fit.
    """

    def __init__(
        self,
        name: str,
        target: Target,
        weights: str | None,
        freeze_encoder: bool,
        hidden: int,
        dropout: float,
        in_channels: int,
    ) -> None:
        require(hidden >= 1, "model.hidden", hidden, "1 or more")
        require(0 <= dropout < 1, "model.dropout", dropout, "from 0 to under 1")
        super().__init__(target)
        self.weights_file = None if weights is None else weights_file(name, weights)
        self.encoder, features = build_encoder(name, in_channels, self.weights_file)
        self.head = nn.Sequential(
            nn.Linear(features, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, 1),
        )
        self.freeze_encoder = freeze_encoder
        self.train()

    def forward(self, x: Tensor) -> Tensor:
        """Logits `(B, 1)` of normalised images `(B, in_channels, H, W)`, any H and W of at least 1."""
        features = F.adaptive_avg_pool2d(self.encoder(x)[-1], 1).flatten(1)
        logits: Tensor = self.head(features)
        return logits


class ResNet50Classifier(EncoderClassifier):
    """`EncoderClassifier` on a ResNet-50 (He et al., arXiv 1512.03385): 24,558,145 parameters for 3 channels.

    Torchvision's weight files fit too. Arguments as of `EncoderClassifier`.
    """

    def __init__(
        self,
        target: Target,
        weights: str | None = None,
        freeze_encoder: bool = False,
        hidden: int = 512,
        dropout: float = 0.5,
        in_channels: int = 3,
    ) -> None:
        super().__init__("resnet50", target, weights, freeze_encoder, hidden, dropout, in_channels)


class EfficientNetClassifier(EncoderClassifier):
    """`EncoderClassifier` on the last block of an EfficientNet-Lite.

    The encoder is as of `EfficientNetUNet`, the other arguments as of `EncoderClassifier`.
    """

    def __init__(
        self,
        target: Target,
        encoder: Literal["lite0", "lite1", "lite2"] = "lite0",
        weights: str | None = None,
        freeze_encoder: bool = False,
        hidden: int = 512,
        dropout: float = 0.5,
        in_channels: int = 3,
    ) -> None:
        name = f"tu-tf_efficientnet_{encoder}"
        super().__init__(name, target, weights, freeze_encoder, hidden, dropout, in_channels)
