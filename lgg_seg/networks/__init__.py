"""Segmentation networks: plain nn.Modules from images `(B, C, H, W)` to logits `(B, 1, H, W)`, any H and W."""

from lgg_seg.networks.base import SegmentationNetwork
from lgg_seg.networks.pretrained import without_pretrained
from lgg_seg.networks.r2unet import R2UNet
from lgg_seg.networks.smp import SMP, ResNet50UNet
from lgg_seg.networks.unet import SlimUNet, UNet
from lgg_seg.networks.unetpp import UNetPlusPlus

__all__ = [
    "SMP",
    "R2UNet",
    "ResNet50UNet",
    "SegmentationNetwork",
    "SlimUNet",
    "UNet",
    "UNetPlusPlus",
    "without_pretrained",
]
