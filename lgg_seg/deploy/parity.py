"""Parity: whether a network in another form (exported, or in half precision) gives the same probabilities."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor, nn

from lgg_seg.data.kaggle.listing import DEFAULT_ROOT, find_dataset_root
from lgg_seg.data.phantom.generator import write_phantom
from lgg_seg.devices import Accelerator
from lgg_seg.errors import UserError
from lgg_seg.hardware import choose_hardware
from lgg_seg.inference.runner import Runner, TorchRunner
from lgg_seg.inference.trained import TrainedModel
from lgg_seg.runs.folder import RunFolder
from lgg_seg.scans.discover import find_scans
from lgg_seg.scans.scan import ScanError

VOLUMES, SLICES = 4, 4
PHANTOM_SIZE = 128

Batch = tuple[Tensor, Tensor]  # prepared slices uint8 (B, C, S, S) with their volume's statistics (C, 4)


@dataclass(frozen=True)
class Parity:
    """What was compared, and how far apart the probabilities were; of a classifier, slices stand for pixels."""

    slices: int  # how many were compared
    of: str  # where they come from, in words
    largest_difference: float  # of any probability; 1 where one is no number
    disagreeing: int  # pixels of the network's grid on the other side of the threshold
    positive: int  # pixels that the original has at or above the threshold


def exact_runner(network: nn.Module, device: Accelerator = "cpu") -> Runner:
    return TorchRunner(network, choose_hardware(device, "32-true", channels_last=False), SLICES)


def comparison_slices(
    trained: TrainedModel, data_root: Path | None = None, run: Path | None = None
) -> tuple[str, list[Batch]]:
    """Where the slices come from, in words, and a few of them: the middle of the first volumes of `data_root`, else of
    the data of the `run`, or without one of the dataset, or where these are not there of phantom heads."""
    if data_root is not None and not data_root.exists():
        raise UserError(f"data.root={data_root} is not there; name a folder of scans, or leave it out.")
    root = data_root or (DEFAULT_ROOT if run is None else RunFolder(run).read_config()[0].data.root)
    scans = (find_dataset_root(Path(root)) if root else None) or data_root
    if scans is None:
        with TemporaryDirectory() as folder:
            phantom = write_phantom(Path(folder) / "phantom", patients=VOLUMES, slices=SLICES, size=PHANTOM_SIZE)
            return "phantom heads", list(_batches(trained, phantom))
    batches = list(islice(_batches(trained, scans), VOLUMES))
    if not batches:
        raise UserError(f"{scans} holds no scan that can be read; name another folder with data.root=.")
    return (data_root or scans).name, batches


def compare(trained: TrainedModel, other: Runner, of: str, batches: list[Batch], device: Accelerator = "cpu") -> Parity:
    """The network as trained, in float32 on `device`, against the same in another form."""
    reference = exact_runner(trained.network, device)
    threshold = np.float32(trained.threshold)
    slices, largest, disagreeing, positive = 0, 0.0, 0, 0
    for images, statistics in batches:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):  # which keeps ten bits of a float32
            ours = torch.sigmoid(reference.volume_logits(images, statistics)).cpu().numpy()
        theirs = torch.sigmoid(other.volume_logits(images, statistics)).cpu().numpy()
        difference = float(np.abs(ours - theirs).max())
        largest = max(largest, difference if np.isfinite(difference) else 1.0)
        disagreeing += int(((ours >= threshold) != (theirs >= threshold)).sum())
        positive += int((ours >= threshold).sum())
        slices += len(images)
    return Parity(slices, of, largest, disagreeing, positive)


def _batches(trained: TrainedModel, root: Path) -> Iterator[Batch]:
    """The slices in the middle of each volume that can be read; their statistics are the whole volume's."""
    scans = find_scans(root)
    for files in scans.volumes:
        try:
            images = files.read(scans.root).images
        except ScanError:
            continue
        first = max(0, (len(images) - SLICES) // 2)
        slices, statistics, _ = trained.preprocess.network_input(images)
        yield slices[first : first + SLICES], statistics
