"""LightningModules: what a step of training and of validation is."""

from lgg_seg.runs.monitor import Monitor, monitor_of
from lgg_seg.training.classification import ClassificationModule
from lgg_seg.training.segmentation import SegmentationModule

__all__ = ["ClassificationModule", "Monitor", "SegmentationModule", "monitor_of"]
