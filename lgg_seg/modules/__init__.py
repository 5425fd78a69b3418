"""LightningModules: what a step of training and of validation is."""

from lgg_seg.modules.classification import ClassificationModule
from lgg_seg.modules.monitor import Monitor, monitor_of
from lgg_seg.modules.segmentation import SegmentationModule

__all__ = ["ClassificationModule", "Monitor", "SegmentationModule", "monitor_of"]
