"""What happens beside the training steps: the history, the snapshots."""

from lgg_seg.callbacks.history import History
from lgg_seg.callbacks.snapshots import Snapshots

__all__ = ["History", "Snapshots"]
