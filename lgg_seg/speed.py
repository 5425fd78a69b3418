"""What a benchmark times (training step, prediction, loading of a batch), and how it times several of them fairly."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from omegaconf import DictConfig

from lgg_seg.config.instantiate import instantiate
from lgg_seg.hardware import Hardware
from lgg_seg.inference.runner import TorchRunner
from lgg_seg.networks.build import build_network
from lgg_seg.runs.cost import network_cost
from lgg_seg.training import SegmentationModule
from lgg_seg.training.base import Batch, Parts
from lgg_seg.training.depthwise import depthwise_in_float32
from lgg_seg.training.experiment import Experiment

Step = Callable[[], object]
Clock = Callable[[], float]

CHANNELS = 3
WARM_UP, MIN_REPETITIONS = 2, 3
TUMOUR = 0.01  # of the pixels, about as in the data


def network_speed(
    plain: DictConfig, ours: DictConfig, batch_size: int, seconds: float, hardware: Hardware
) -> dict[str, Any]:
    """Slices a second of training and prediction, plain and ours in turn, and the network's cost for a single slice.

    Plain is the config `plain` in float32 with channels first, ours the config `ours` on `hardware` as it is.
    """
    reference = Hardware(hardware.device, "32-true", channels_last=False)

    def rates(step: Callable[[DictConfig, Hardware, int], Step]) -> dict[str, float]:
        steps = [step(plain, reference, batch_size), step(ours, hardware, batch_size)]
        times = best_times(steps, seconds, clock_for(hardware))
        return {name: batch_size / took for name, took in zip(("plain", "ours"), times, strict=True)}

    network = build_network(ours.model, CHANNELS)
    network = network.to(hardware.device).to(memory_format=hardware.memory_format)
    size = ours.preprocess.size
    return {
        "train": rates(training_step),
        "predict": rates(prediction_step),
        "cost": network_cost(network, CHANNELS, (size, size), hardware),
    }


def loading_rates(configs: Sequence[DictConfig], seconds: float, hardware: Hardware) -> list[float]:
    """Slices a second that one process loads under each of the configs, whose data is a phantom."""
    with TemporaryDirectory() as folder:
        times = best_times([loading_step(config, Path(folder)) for config in configs], seconds, clock_for(hardware))
    return [config.data.batch_size / took for config, took in zip(configs, times, strict=True)]


def best_times(steps: Sequence[Step], seconds: float, clock: Clock) -> list[float]:
    """The seconds of each step's fastest repetition.

    The steps take turns, so that other load on the machine slows all of them alike, and the fastest repetition is the
    least disturbed one. Two repetitions before are not timed: compilation, allocation, choice of kernels.

    Args:
        steps: what is timed; each returns when its work is done, on a GPU too.
        seconds: how long each of them is repeated; three times at least.
        clock: gives the time in seconds.
    """
    for step in steps:
        for _ in range(WARM_UP):
            step()
    times: list[list[float]] = [[] for _ in steps]
    started = time.perf_counter()
    while len(times[-1]) < MIN_REPETITIONS or time.perf_counter() - started < seconds * len(steps):
        for step, of_step in zip(steps, times, strict=True):
            before = clock()
            step()
            of_step.append(clock() - before)
    return [min(of_step) for of_step in times]


def clock_for(hardware: Hardware) -> Clock:
    """CPU time of this process where one CPU thread works, since other processes do not lengthen it; else wall time."""
    one_thread = hardware.device.type == "cpu" and torch.get_num_threads() == 1
    return time.process_time if one_thread else time.perf_counter


def training_step(config: DictConfig, hardware: Hardware, batch_size: int) -> Step:
    """What a run of the config does with a batch: to the device, normalised, forward, loss, backward, optimizer."""
    network = build_network(config.model, CHANNELS)
    depthwise_in_float32(network, hardware)
    parts = Parts(
        network,
        instantiate(config.loss, "loss"),
        instantiate(config.optimizer, "optimizer"),
        instantiate(config.scheduler, "scheduler"),
        hardware.memory_format,
    )
    module = SegmentationModule(parts, patients=1).to(hardware.device)
    optimizer = module.optimizer_factory([p for p in module.parameters() if p.requires_grad])
    host = random_batch(config.preprocess.size, batch_size)

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


def prediction_step(config: DictConfig, hardware: Hardware, batch_size: int) -> Step:
    """What predicting does with a batch: to the device, normalised, through the network, and the logits back."""
    network = build_network(config.model, CHANNELS)
    runner = TorchRunner(network, hardware, batch_size)
    batch = random_batch(config.preprocess.size, batch_size)
    return lambda: runner.logits(batch["image"], batch["statistics"]).cpu()


def loading_step(config: DictConfig, root: Path) -> Step:
    """What this process does to load a batch: slices out of the cache, augmented and collated, without workers."""
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


def random_batch(size: int, batch_size: int) -> Batch:
    """What a training step reads of a batch (see `TrainingModule`), of noise."""
    generator = torch.Generator().manual_seed(0)
    shape = (batch_size, CHANNELS, size, size)
    return {
        "image": torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator),
        "mask": (torch.rand(batch_size, 1, size, size, generator=generator) < TUMOUR).byte(),
        "statistics": torch.tensor([0.0, 255.0, 127.5, 73.9]).expand(batch_size, CHANNELS, 4).contiguous(),
    }
