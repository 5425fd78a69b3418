"""What happens beside the training steps: checkpoints, history, snapshots, progress bar, stopping, pruning."""

from lgg_seg.callbacks.checkpoints import checkpoints
from lgg_seg.callbacks.history import History
from lgg_seg.callbacks.progress import Progress
from lgg_seg.callbacks.pruning import Pruning, Trial
from lgg_seg.callbacks.snapshots import Snapshots
from lgg_seg.callbacks.stopping import EarlyStopping

__all__ = ["EarlyStopping", "History", "Progress", "Pruning", "Snapshots", "Trial", "checkpoints"]
