"""Training a network: the LightningModules, their callbacks, the trainer's settings, the objects of a run."""

from lgg_seg.training.callbacks import EarlyStopping
from lgg_seg.training.checkpoints import EpochCheckpoints
from lgg_seg.training.classification import ClassificationModule
from lgg_seg.training.segmentation import SegmentationModule
from lgg_seg.training.trainer import TrainerSettings
from lgg_seg.training.validation_images import ValidationImages

__all__ = [
    "ClassificationModule",
    "EarlyStopping",
    "EpochCheckpoints",
    "SegmentationModule",
    "TrainerSettings",
    "ValidationImages",
]
