"""`torchrun --standalone --nproc-per-node=3 -m lgg_seg words`, its processes forked: PyTorch is imported once.

Agent, rendezvous and what they tell each process are torchrun's own.
"""

from __future__ import annotations

import runpy
import sys

from torch.distributed.launcher.api import elastic_launch
from torch.distributed.run import config_from_args, parse_args

STANDALONE = ("--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0", "--nproc-per-node=3", "--start-method=fork")


def process(*words: str) -> None:
    """The agent waits for what a function returns, so an exit is turned into a return or an error."""
    sys.argv = ["lgg_seg", *words]
    try:
        runpy.run_module("lgg_seg", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code:
            raise RuntimeError(f"exit code {end.code}") from end


if __name__ == "__main__":
    words = sys.argv[1:]
    config, _, _ = config_from_args(parse_args([*STANDALONE, "-m", "lgg_seg", *words]))
    elastic_launch(config, process)(*words)
