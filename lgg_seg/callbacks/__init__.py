"""What happens beside the training steps: the checkpoints, the history, the snapshots, the progress bar."""

from lgg_seg.callbacks.checkpoints import checkpoints
from lgg_seg.callbacks.history import History
from lgg_seg.callbacks.progress import Progress
from lgg_seg.callbacks.snapshots import Snapshots

__all__ = ["History", "Progress", "Snapshots", "checkpoints"]
