"""LightningModules: what a step of training and of validation is."""

from lgg_seg.modules.segmentation import SegmentationModule

__all__ = ["SegmentationModule"]
