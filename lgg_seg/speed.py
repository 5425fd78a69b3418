"""What a benchmark times (a training step, a prediction, a batch fetched) and how it times several of them fairly."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from omegaconf import DictConfig

from lgg_seg.config.instantiate import instantiate
from lgg_seg.data.preprocessing import normalise
from lgg_seg.hardware import Hardware
from lgg_seg.inference.runner import TorchRunner
from lgg_seg.networks.build import build_network
from lgg_seg.training import SegmentationModule
from lgg_seg.training.base import Batch, Parts
from lgg_seg.training.experiment import Experiment

Step = Callable[[], object]

CHANNELS = 3
WARM_UP, FEWEST = 2, 3
TUMOUR = 0.01  # of the pixels, about as in the data


def quickest(steps: Sequence[Step], seconds: float, clock: Callable[[], float]) -> list[float]:
    """The seconds of each step's quickest run.

    They take turns, so that whatever else the machine does meets all of them alike, and the quickest run met least of
    it. Each has had two runs before, in which it compiles, allocates and chooses its kernels.

    Args:
        steps: what is timed; each returns when its work is done, on a GPU too.
        seconds: how long each of them is repeated; three times at least.
        clock: of a run's time, in seconds.
    """
    for step in steps:
        for _ in range(WARM_UP):
            step()
    runs: list[list[float]] = [[] for _ in steps]
    started = time.perf_counter()
    while len(runs[-1]) < FEWEST or time.perf_counter() - started < seconds * len(steps):
        for step, took in zip(steps, runs, strict=True):
            begun = clock()
            step()
            took.append(clock() - begun)
    return [min(took) for took in runs]


def clock(hardware: Hardware) -> Callable[[], float]:
    """Of one thread of a CPU the time that it worked, which others on the machine do not lengthen; else the wall's."""
    alone = hardware.device.type == "cpu" and torch.get_num_threads() == 1
    return time.process_time if alone else time.perf_counter


def training(config: DictConfig, hardware: Hardware, batch_size: int) -> Step:
    """What a run of the config does with a batch: to the device, normalised, forward, loss, backward, optimizer."""
    parts = Parts(
        build_network(config.model, CHANNELS, pretrained=False),
        instantiate(config.loss, "loss"),
        instantiate(config.optimizer, "optimizer"),
        instantiate(config.scheduler, "scheduler"),
        hardware.memory_format,
    )
    module = SegmentationModule(parts, patients=1).to(hardware.device)
    optimizer = module.optimizer_factory([p for p in module.parameters() if p.requires_grad])
    host = noise(config.preprocess.size, batch_size)

    def step() -> None:
        batch = {name: tensor.to(hardware.device, non_blocking=True) for name, tensor in host.items()}
        with hardware.autocast():
            loss, _ = module.training_loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]  # torch does not annotate it
        optimizer.step()
        optimizer.zero_grad()
        if hardware.device.type != "cpu":
            torch.accelerator.synchronize(hardware.device)

    return step


def prediction(config: DictConfig, hardware: Hardware, batch_size: int) -> Step:
    """What predicting does with a batch: to the device, normalised, through the network, and the logits back."""
    segmenter = TorchRunner(build_network(config.model, CHANNELS, pretrained=False), normalise, hardware, batch_size)
    batch = noise(config.preprocess.size, batch_size)
    return lambda: segmenter.logits(batch["image"], batch["statistics"]).cpu()


def fetching(config: DictConfig, root: Path) -> Step:
    """What this process does for a batch: slices out of the cache, augmented and collated, no worker helping."""
    config.data.root, config.data.cache_dir, config.data.workers = str(root / "tree"), str(root / "cache"), 0
    data = Experiment.of(config).data()
    data.setup()
    loader = data.train_dataloader()
    batches = iter(loader)

    def step() -> None:
        nonlocal batches
        if next(batches, None) is None:
            batches = iter(loader)
            next(batches)

    return step


def noise(size: int, batch_size: int) -> Batch:
    """What a training step reads of a batch (see `TrainingModule`), of noise."""
    generator = torch.Generator().manual_seed(0)
    shape = (batch_size, CHANNELS, size, size)
    return {
        "image": torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator),
        "mask": (torch.rand(batch_size, 1, size, size, generator=generator) < TUMOUR).byte(),
        "statistics": torch.tensor([0.0, 255.0, 127.5, 73.9]).expand(batch_size, CHANNELS, 4).contiguous(),
    }
