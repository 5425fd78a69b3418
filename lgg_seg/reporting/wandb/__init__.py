"""Weights & Biases: logger of a run, its result, report of a comparison.

Names are imported on first use: most runs do without `wandb`, which takes most of a second.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lgg_seg.errors import Pruned

_MODULES = {"describe_run": "logger", "publish_result": "media", "wandb_logger": "logger"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


@contextmanager
def runs_ended() -> Iterator[None]:
    """End the W&B run that the block opened, if any; as failed where the block raises or is interrupted."""
    exit_code = 1
    try:
        yield
        exit_code = 0
    except Pruned:
        exit_code = 0
        raise
    finally:
        if "wandb" in sys.modules:
            from lgg_seg.reporting.wandb.logger import end_run

            end_run(exit_code)
