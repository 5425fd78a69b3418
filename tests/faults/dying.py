"""`python -m lgg_seg` that ends itself where `$DIE_AT` says: `SIGKILL training 7` is in its seventh training step.

The places are steps of training and validation, the test of the best epoch, and each write of a checkpoint.
"""

from __future__ import annotations

import functools
import hashlib
import os
import signal
from typing import Any

from lgg_seg.__main__ import main
from lgg_seg.training import experiment
from lgg_seg.training.segmentation import SegmentationModule

PLACES: dict[str, tuple[Any, str]] = {
    "training": (SegmentationModule, "training_step"),
    "validation": (SegmentationModule, "validation_step"),
    "test": (experiment, "evaluate"),
    "saving": (hashlib, "file_digest"),  # of a checkpoint that is half written
}


def die(name: str, place: str, count: str) -> None:
    """Have the `count`-th call of the function at `place` send this process the signal first."""
    owner, attribute = PLACES[place]
    function = getattr(owner, attribute)
    left = int(count)

    @functools.wraps(function)
    def deadly(*arguments: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.Signals[name])
        return function(*arguments, **options)

    setattr(owner, attribute, deadly)


if __name__ == "__main__":
    if where := os.environ.get("DIE_AT"):
        die(*where.split())
    raise SystemExit(main())
