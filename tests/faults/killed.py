"""Runs that end at a chosen place and are resumed, and what they must have in common with an unbroken one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from tests.workplace import TINY, Command, Workplace, metrics

SMALL = (*TINY, "logger=none", "data.batch_size=4", "split.val=2", "split.test=2", "augment=strong",
         "optimizer.lr=0.01", "evaluation.n_bootstrap=50")  # fmt: skip
"""Eight patients, 12 training batches and 3 validation batches an epoch."""

CODES = {"SIGKILL": -9, "SIGTERM": 143, "SIGINT": 130}


def run(workplace: Workplace, name: str, words: Sequence[str], deaths: Sequence[str] = ()) -> Path:
    """The folder of a run that died at each of the places (see `dying`) and was resumed after it, finished."""
    folder, environment = workplace
    arguments = [*SMALL, f"hydra.run.dir={name}", *words]
    for death in deaths:
        done = Command((folder, environment | {"DIE_AT": death}), *arguments, module="tests.faults.dying").wait()
        assert done.returncode == CODES[death.split()[0]], f"{death}: {done.stderr}"
        assert "Traceback" not in done.stderr
        arguments = [f"resume={name}"]
    done = Command(workplace, *arguments, module="tests.faults.dying").wait()
    assert done.returncode == 0, done.stderr
    return folder / name


def assert_same(ours: Path, theirs: Path) -> None:
    """The same weights, states of the optimizer and of schedules, bit for bit; the same history and test."""
    timings = ["seconds", "train_slices_per_second"]
    histories = [pd.read_csv(folder / "history.csv").drop(columns=timings) for folder in (ours, theirs)]
    pd.testing.assert_frame_equal(*histories, check_exact=True)
    for name in ("best.ckpt", "last.ckpt"):
        one, other = (torch.load(folder / "checkpoints" / name, weights_only=True) for folder in (ours, theirs))
        assert one["epoch"] == other["epoch"]
        for part in ("state_dict", "optimizer_states", "lr_schedulers", "current_model_state", "averaging_state"):
            for (key, left), (again, right) in zip(_leaves(one.get(part)), _leaves(other.get(part)), strict=True):
                same = torch.equal(left, right) if isinstance(left, torch.Tensor) else left == right
                assert key == again
                assert same, f"{name}: {part}{key}"
    assert lasting(ours) == lasting(theirs)


OF_THE_MOMENT = ("latency_ms", "slices_per_second", "peak_memory_bytes", "train_seconds", "checkpoint_bytes")
"""What differs in the `cost` of two runs of one config on one machine; all else in their `metrics.json` is the same. A
checkpoint holds the times of its epochs and the names of its files."""


def lasting(folder: Path) -> dict[str, Any]:
    """The content of `metrics.json` that another run of the same config has, too."""
    content = metrics(folder)
    return content | {"cost": {key: value for key, value in content["cost"].items() if key not in OF_THE_MOMENT}}


def _leaves(node: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """The values in nested containers, each with its place."""
    if isinstance(node, dict | list):
        for key, child in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _leaves(child, f"{place}[{key}]")
    else:
        yield place, node
