"""Whether a network in another form (exported, or in half precision) still says the same of real slices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lgg_seg.data.kaggle.listing import find_dataset_root
from lgg_seg.data.phantom.generator import write_phantom
from lgg_seg.data.preprocessing import normalise
from lgg_seg.errors import UserError
from lgg_seg.hardware import Hardware
from lgg_seg.inference.runner import Runner, TorchRunner
from lgg_seg.inference.trained import TrainedModel
from lgg_seg.prediction.discover import find_scans
from lgg_seg.prediction.scan import ScanError

VOLUMES, SLICES = 4, 4
PHANTOM_SIZE = 128


@dataclass(frozen=True)
class Parity:
    """What was compared, and how far apart the probabilities were.

    `disagreeing` is the number of pixels of the network's grid (or slices, for a classifier) on the other side of the
    threshold, `positive` the number that the original has on this side.
    """

    slices: int
    of: str
    largest_difference: float
    disagreeing: int
    positive: int

    def as_dict(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)


Batch = tuple[Tensor, Tensor]
"""Prepared slices uint8 (B, C, S, S) with their volume's statistics (C, 4)."""


def comparison_slices(trained: TrainedModel, root: Path | None) -> tuple[str, list[Batch]]:
    """A few slices in the middle of the first volumes below `root`; of phantom heads where it is None.

    Returns:
        whose they are, in words, and the slices.

    Raises:
        UserError: there is no scan below `root`.
    """
    if root is not None:
        return f"{root.name}", _slices(trained, find_dataset_root(root) or root)
    with TemporaryDirectory() as folder:
        tree = write_phantom(Path(folder) / "phantom", patients=VOLUMES, slices=SLICES, size=PHANTOM_SIZE)
        return "phantom heads", _slices(trained, tree)


def compare(trained: TrainedModel, other: Runner, of: str, batches: list[Batch]) -> Parity:
    """The network as trained, in float32 on the CPU, against the same in another form."""
    cpu = Hardware(torch.device("cpu"), "32-true", channels_last=False)
    reference = TorchRunner(trained.network, normalise, cpu, SLICES)
    slices, largest, disagreeing, positive = 0, 0.0, 0, 0
    for images, statistics in batches:
        ours = torch.sigmoid(reference.volume_logits(images, statistics)).numpy()
        theirs = torch.sigmoid(other.volume_logits(images, statistics)).cpu().numpy()
        difference = float(np.abs(ours - theirs).max())
        largest = max(largest, difference if np.isfinite(difference) else 1.0)
        at = np.float32(trained.threshold)
        disagreeing += int(((ours >= at) != (theirs >= at)).sum())
        positive += int((ours >= at).sum())
        slices += len(images)
    return Parity(slices, of, largest, disagreeing, positive)


def _slices(trained: TrainedModel, root: Path) -> list[Batch]:
    found = list(_volumes(trained, root))
    if not found:
        raise UserError(f"{root} holds no scan that can be read; name another tree with data.root=.")
    return found


def _volumes(trained: TrainedModel, root: Path) -> Iterator[Batch]:
    """Statistics are the whole volume's; only then are slices chosen."""
    found, done = find_scans(root), 0
    for source in found.sources:
        try:
            scan = source.read(found.root)
        except ScanError:
            continue
        prepared = trained.preprocess.prepare_volume(scan.images)
        first = max(0, (len(scan.images) - SLICES) // 2)
        images = np.ascontiguousarray(prepared.images[first : first + SLICES].transpose(0, 3, 1, 2))
        yield torch.from_numpy(images), torch.from_numpy(prepared.statistics)
        done += 1
        if done == VOLUMES:
            return
