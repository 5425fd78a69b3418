"""What a benchmark times of a network and of the data: a training step, a prediction, a batch, and the roof."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from omegaconf import DictConfig

from lgg_seg.config.instantiate import instantiate
from lgg_seg.hardware import Hardware, has_bf16
from lgg_seg.inference.folding import folded
from lgg_seg.inference.runner import TorchRunner
from lgg_seg.networks.build import build_network
from lgg_seg.runs.cost import network_cost
from lgg_seg.speed.timing import Step, Timed, apart, best_times, timed
from lgg_seg.training import SegmentationModule
from lgg_seg.training.base import Batch, Parts
from lgg_seg.training.depthwise import depthwise_in_float32
from lgg_seg.training.experiment import Experiment

CHANNELS = 3
TUMOUR = 0.01  # of the pixels, about as in the data


def network_speed(
    plain: DictConfig, ours: DictConfig, batch_size: int, seconds: float, hardware: Hardware
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Slices a second of each case, plain and ours in turn, and the network's `cost` for a single slice.

    Plain is the config `plain` in float32 with channels first, in a process of its own with the settings that Python
    starts with. Ours is the config `ours` on `hardware` as it is.
    """
    reference = Hardware(hardware.device, "32-true", channels_last=False)
    batches = {"train": batch_size, "predict": batch_size, "predict_one": 1}

    def rates(theirs: Timed, own: Timed, batch: int) -> dict[str, float]:
        times = best_times([theirs, own], seconds)
        return {name: batch / took for name, took in zip(("plain", "ours"), times, strict=True)}

    with apart(reference, timed_steps, plain, reference, batch_size, False) as repeat:
        for case, step in timed_steps(ours, hardware, batch_size, fold=True).items():
            yield case, rates(partial(repeat, case), timed(step, hardware), batches[case])
    network = build_network(ours.model, CHANNELS)
    network = network.to(hardware.device).to(memory_format=hardware.memory_format)
    size = ours.preprocess.size
    yield "cost", network_cost(network, CHANNELS, (size, size), hardware)


def loading_rates(configs: Sequence[DictConfig], seconds: float, hardware: Hardware) -> list[float]:
    """Slices a second that one process loads under each of the configs, whose data is a phantom."""
    with TemporaryDirectory() as folder:
        steps = [timed(loading_step(config, Path(folder)), hardware) for config in configs]
        return [config.data.batch_size / took for config, took in zip(configs, best_times(steps, seconds), strict=True)]


def roof(hardware: Hardware, seconds: float) -> float:
    """The operations a second of a large matrix product, in float32 or the networks' precision if that is faster."""
    device = hardware.device
    size = 2048 if device.type == "cpu" else 8192
    own = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16, "32-true": torch.float32}[hardware.precision]
    dtypes = {torch.float32, own} if device.type != "cpu" or has_bf16(device) else {torch.float32}
    a, b = (torch.rand(size, size, device=device) for _ in range(2))
    pairs = [(a.to(dtype), b.to(dtype)) for dtype in dtypes]
    return 2 * size**3 / min(best_times([timed(partial(torch.matmul, *pair), hardware) for pair in pairs], seconds))


def timed_steps(config: DictConfig, hardware: Hardware, batch_size: int, fold: bool) -> dict[str, Step]:
    """What is timed of the config; `fold` predicts as `predict` does, else by the network as it was trained."""
    batch = random_batch(config.preprocess.size, batch_size)
    return {
        "train": partial(training_step(config, hardware), batch),
        "predict": prediction_step(config, hardware, batch_size, fold=fold),
        "predict_one": prediction_step(config, hardware, 1, fold=fold),
    }


def training_step(config: DictConfig, hardware: Hardware) -> Callable[[Batch], None]:
    """What a run of the config does with a batch: to the device, normalised, forward, loss, backward, optimizer."""
    network = build_network(config.model, CHANNELS)
    depthwise_in_float32(network, hardware)
    loss, new_optimizer, schedule = (instantiate(config[group], group) for group in ("loss", "optimizer", "scheduler"))
    parts = Parts(network, loss, new_optimizer, schedule, hardware.memory_format)
    module = SegmentationModule(parts, patients=1).to(hardware.device)
    optimizer = module.optimizer_factory([p for p in module.parameters() if p.requires_grad])

    def step(host: Batch) -> None:
        batch = {name: tensor.to(hardware.device, non_blocking=True) for name, tensor in host.items()}
        with hardware.autocast():
            loss, _ = module.training_loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]  # torch does not annotate it
        optimizer.step()
        optimizer.zero_grad()

    return step


def prediction_step(config: DictConfig, hardware: Hardware, batch_size: int, *, fold: bool = True) -> Step:
    """What predicting does with a batch: to the device, normalised, through the network, and the logits back."""
    network = build_network(config.model, CHANNELS)
    if fold:
        network = folded(network, CHANNELS, config.preprocess.size)
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
