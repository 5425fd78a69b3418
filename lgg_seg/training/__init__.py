"""Training a network: the LightningModules, what happens beside their steps, the trainer's settings."""

from lgg_seg.training.callbacks import EarlyStopping, ValidationImages
from lgg_seg.training.classification import ClassificationModule
from lgg_seg.training.segmentation import SegmentationModule
from lgg_seg.training.trainer import TrainerSettings

__all__ = ["ClassificationModule", "EarlyStopping", "SegmentationModule", "TrainerSettings", "ValidationImages"]
