"""What a benchmark times (training step, prediction, loading, start), and how it times several of them fairly."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from omegaconf import DictConfig

from lgg_seg.config.instantiate import instantiate
from lgg_seg.hardware import Hardware
from lgg_seg.inference.folding import folded
from lgg_seg.inference.runner import TorchRunner
from lgg_seg.networks.build import build_network
from lgg_seg.runs.cost import network_cost
from lgg_seg.training import SegmentationModule
from lgg_seg.training.base import Batch, Parts
from lgg_seg.training.depthwise import depthwise_in_float32
from lgg_seg.training.experiment import Experiment

Step = Callable[[], object]
Timed = Callable[[], float]  # the seconds of one repetition

CHANNELS = 3
WARM_UP, MIN_REPETITIONS = 2, 3
TUMOUR = 0.01  # of the pixels, about as in the data


def network_speed(
    plain: DictConfig, ours: DictConfig, batch_size: int, seconds: float, hardware: Hardware
) -> dict[str, Any]:
    """Slices a second of training and prediction, plain and ours in turn, and the network's cost for a single slice.

    Plain is the config `plain` in float32 with channels first, in a process of its own with the settings that Python
    starts with. Ours is the config `ours` on `hardware` as it is. Prediction is also timed one slice at a time.
    """
    reference = Hardware(hardware.device, "32-true", channels_last=False)
    batches = {"train": batch_size, "predict": batch_size, "predict_one": 1}

    def rates(theirs: Timed, own: Timed, batch: int) -> dict[str, float]:
        times = best_times([theirs, own], seconds)
        return {name: batch / took for name, took in zip(("plain", "ours"), times, strict=True)}

    with apart(reference, timed_steps, plain, reference, batch_size, False) as repeat:
        found = {
            case: rates(partial(repeat, case), timed(step, hardware), batches[case])
            for case, step in timed_steps(ours, hardware, batch_size, fold=True).items()
        }
    network = build_network(ours.model, CHANNELS)
    network = network.to(hardware.device).to(memory_format=hardware.memory_format)
    size = ours.preprocess.size
    return {**found, "cost": network_cost(network, CHANNELS, (size, size), hardware)}


def loading_rates(configs: Sequence[DictConfig], seconds: float, hardware: Hardware) -> list[float]:
    """Slices a second that one process loads under each of the configs, whose data is a phantom."""
    with TemporaryDirectory() as folder:
        steps = [timed(loading_step(config, Path(folder)), hardware) for config in configs]
        return [config.data.batch_size / took for config, took in zip(configs, best_times(steps, seconds), strict=True)]


def roof(hardware: Hardware, seconds: float) -> float:
    """The floating point operations a second of a large matrix product, in the precision that networks run in."""
    size = 2048 if hardware.device.type == "cpu" else 8192
    dtype = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16, "32-true": torch.float32}[hardware.precision]
    a, b = (torch.rand(size, size, device=hardware.device).to(dtype) for _ in range(2))

    def multiply() -> None:
        a @ b
        _wait(hardware)

    (took,) = best_times([timed(multiply, hardware)], seconds)
    return 2 * size**3 / took


def start_seconds(module: str) -> float:
    """Seconds of CPU until a command that is asked for its help has ended: the least of three starts."""
    words = [sys.executable, "-m", module, "--help"]
    took = []
    for _ in range(MIN_REPETITIONS):
        before = os.times()
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        took.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return min(took)


def best_times(steps: Sequence[Timed], seconds: float) -> list[float]:
    """The seconds of each step's fastest repetition.

    The steps take turns, so that other load on the machine slows all of them alike, and the fastest repetition is the
    least disturbed one. Two repetitions before are not counted: compilation, allocation, choice of kernels.

    Args:
        steps: what is timed; each gives its seconds when its work is done, on a GPU too.
        seconds: how long each of them is repeated; three times at least.
    """
    for step in steps:
        for _ in range(WARM_UP):
            step()
    times: list[list[float]] = [[] for _ in steps]
    started = time.perf_counter()
    while len(times[-1]) < MIN_REPETITIONS or time.perf_counter() - started < seconds * len(steps):
        for step, of_step in zip(steps, times, strict=True):
            of_step.append(step())
    return [min(of_step) for of_step in times]


def timed(step: Step, hardware: Hardware) -> Timed:
    """A repetition of the step: CPU time where one CPU thread works, since other processes do not lengthen it."""
    one_thread = hardware.device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if one_thread else time.perf_counter

    def repeat() -> float:
        before = clock()
        step()
        return clock() - before

    return repeat


@contextmanager
def apart(
    hardware: Hardware, make: Callable[..., Mapping[str, Step]], *arguments: object
) -> Iterator[Callable[[str], float]]:
    """The steps of `make(*arguments)` in a process of its own, with as many threads and no other setting of this one.

    Yields:
        repeats the step of a name, and gives its seconds.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    given = (there, torch.get_num_threads(), hardware, make, *arguments)
    process = context.Process(target=_repeat_on_demand, args=given, daemon=True)
    process.start()
    there.close()

    def repeat(name: str) -> float:
        try:
            here.send(name)
            answer = here.recv()
        except (EOFError, ConnectionError) as error:
            raise MemoryError("the process of the plain network was killed") from error
        if isinstance(answer, Exception):
            raise answer
        return float(answer)

    try:
        yield repeat
    finally:
        here.close()
        process.terminate()
        process.join()


def _repeat_on_demand(
    pipe: Connection, threads: int, hardware: Hardware, make: Callable[..., Mapping[str, Step]], *arguments: object
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the other process, which ends this one
    torch.set_num_threads(threads)
    steps: dict[str, Timed] = {}
    with suppress(EOFError, ConnectionError):  # nobody asks any more
        while True:
            name = pipe.recv()
            try:
                steps = steps or {key: timed(step, hardware) for key, step in make(*arguments).items()}
                answer: float | Exception = steps[name]()
            except Exception as error:  # the other process tells it
                answer = error
            pipe.send(answer)


def _wait(hardware: Hardware) -> None:
    if hardware.device.type != "cpu":
        torch.accelerator.synchronize(hardware.device)


def timed_steps(config: DictConfig, hardware: Hardware, batch_size: int, fold: bool) -> dict[str, Step]:
    """What is timed of the config; `fold` predicts as `predict` does, else by the network as it was trained."""
    return {
        "train": training_step(config, hardware, batch_size),
        "predict": prediction_step(config, hardware, batch_size, fold=fold),
        "predict_one": prediction_step(config, hardware, 1, fold=fold),
    }


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
        _wait(hardware)

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
