"""What happens beside the training steps: checkpoints, history, validation images, progress bar, stopping, pruning."""

from lgg_seg.training.callbacks.checkpoints import checkpoints
from lgg_seg.training.callbacks.early_stopping import EarlyStopping
from lgg_seg.training.callbacks.graceful_stop import GracefulStop
from lgg_seg.training.callbacks.history import History
from lgg_seg.training.callbacks.progress import Progress
from lgg_seg.training.callbacks.pruning import Pruning, Trial
from lgg_seg.training.callbacks.validation_images import ValidationImages

__all__ = [
    "EarlyStopping",
    "GracefulStop",
    "History",
    "Progress",
    "Pruning",
    "Trial",
    "ValidationImages",
    "checkpoints",
]
