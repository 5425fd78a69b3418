"""Networks: plain nn.Modules from images `(B, C, H, W)`, any H and W, to logits.

Those of segmentation give `(B, 1, H, W)`, a `SliceClassifier` `(B, 1)`.
"""

from lgg_seg.networks.attention_unet import AttentionUNet
from lgg_seg.networks.base import SegmentationNetwork
from lgg_seg.networks.build import without_pretrained
from lgg_seg.networks.classifier import EfficientNetClassifier, EncoderClassifier, ResNet50Classifier, SliceClassifier
from lgg_seg.networks.r2unet import R2UNet
from lgg_seg.networks.smp import SMP, EfficientNetUNet, ResNet50UNet
from lgg_seg.networks.unet import SlimUNet, UNet
from lgg_seg.networks.unetpp import UNetPlusPlus

__all__ = [
    "SMP",
    "AttentionUNet",
    "EfficientNetClassifier",
    "EfficientNetUNet",
    "EncoderClassifier",
    "R2UNet",
    "ResNet50Classifier",
    "ResNet50UNet",
    "SegmentationNetwork",
    "SliceClassifier",
    "SlimUNet",
    "UNet",
    "UNetPlusPlus",
    "without_pretrained",
]
