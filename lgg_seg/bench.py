"""`python -m lgg_seg.bench key=value …`: how fast this machine trains and predicts, beside plain PyTorch."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from lgg_seg.cli.arguments import Argument, arguments_of
from lgg_seg.cli.console import command
from lgg_seg.cli.progress import tracked
from lgg_seg.config.groups import groups
from lgg_seg.config.overrides import compose_config
from lgg_seg.config.suggestions import did_you_mean
from lgg_seg.errors import UserError, require
from lgg_seg.hardware import Accelerator, Hardware, Precision, choose_hardware, configure_process
from lgg_seg.networks.build import build_network, target_of
from lgg_seg.runs.cost import network_cost
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.provenance import code_state, hardware_metadata, versions
from lgg_seg.runs.status import out_of_memory
from lgg_seg.speed import CHANNELS, Step, clock, fetching, prediction, quickest, training


@dataclass(frozen=True)
class Rates:
    """Slices a second, in plain PyTorch and as a run does it."""

    plain: float
    ours: float


@dataclass(frozen=True)
class NetworkSpeed:
    """One network's rates; `cost` is what `metrics.json` has of a network, its latency that of a single slice."""

    model: str
    train: Rates
    predict: Rates
    cost: dict[str, Any]


@dataclass(frozen=True)
class Benchmark:
    """Everything measured: networks, and slices a second that one process fetches under each augmentation."""

    size: int
    batch_size: int
    hardware: Hardware
    networks: tuple[NetworkSpeed, ...]
    fetched: dict[str, float]


def bench(
    model: Annotated[str, Argument("members of the group model, with commas between them")] = "unet_bn",
    augment: Annotated[str, Argument("members of the group augment, likewise")] = "moderate",
    size: Annotated[int, Argument("side of the slices in pixels")] = 256,
    batch_size: Annotated[int, Argument("slices at once")] = 16,
    seconds: Annotated[float, Argument("how long each thing is repeated")] = 5,
    device: Annotated[Accelerator, Argument("auto, cpu, gpu or mps")] = "auto",
    precision: Annotated[Precision, Argument("auto, 32-true, bf16-mixed or 16-mixed")] = "auto",
    threads: Annotated[int | None, Argument("of the CPU; null: one a core")] = None,
    output: Annotated[Path | None, Argument("a .json file for the numbers and where they come from")] = None,
) -> Benchmark:
    """Time training steps, predictions and the fetching of batches, the plain way of PyTorch in turn with ours.

    Plain: float32, channels first, an optimizer that is not fused. Ours: what a run with these words would take. Both
    are helped by the process's allocator and threads. The pixels are noise; no weights and no data are needed.

    Raises:
        UserError: there is no such network, augmentation or device; the device runs out of memory; `output` exists
            or cannot be written.
    """
    for name, value in (("size", size), ("batch_size", batch_size), ("threads", threads)):
        require(value is None or value >= 1, name, value, "1 or more")
    require(0 < seconds < float("inf"), "seconds", seconds, "a finite number above 0")
    models, augments = (_members(group, asked) for group, asked in (("model", model), ("augment", augment)))
    if output is not None:
        _require_writable(output)
    configure_process(threads)
    hardware = choose_hardware(device, precision)
    try:
        found = Benchmark(
            size,
            batch_size,
            hardware,
            tuple(
                _network(name, size, batch_size, seconds, hardware) for name in tracked(models, "timing the networks")
            ),
            _fetched(augments, size, batch_size, seconds, clock(hardware)),
        )
    except Exception as error:
        if out_of_memory(error):
            raise UserError("The device ran out of memory; try a smaller batch_size or size.") from error
        raise
    if output is not None:
        RunFolder(output.parent).write_json(output.name, _record(found))
    return found


def _require_writable(output: Path) -> None:
    require(output.suffix == ".json", "output", output, "a .json file")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.open("x").close()
        output.unlink()
    except FileExistsError as error:
        raise UserError(f"{output} exists, and nothing is overwritten; give another output=.") from error
    except OSError as error:
        raise UserError(f"{output} cannot be written ({error.strerror or error}); give another output=.") from error


def _members(group: str, asked: str) -> list[str]:
    members = groups()[group]
    names = asked.split(",")
    for name in names:
        if name not in members:
            raise UserError(f"{group}={name}: no such choice; {did_you_mean(name, members)}")
    return list(dict.fromkeys(names))


def _network(model: str, size: int, batch_size: int, seconds: float, hardware: Hardware) -> NetworkSpeed:
    words = [f"model={model}", f"preprocess.size={size}"]
    ours, plain = compose_config(words), compose_config([*words, "optimizer.fused=false"])
    if target_of(ours.model) is not None:
        raise UserError(f"model={model} classifies; only networks that segment are timed.")
    reference = replace(hardware, precision="32-true", channels_last=False)

    def rates(kind: Callable[[DictConfig, Hardware, int], Step]) -> Rates:
        steps = [kind(plain, reference, batch_size), kind(ours, hardware, batch_size)]
        return Rates(*(batch_size / took for took in quickest(steps, seconds, clock(hardware))))

    built = build_network(ours.model, CHANNELS, pretrained=False)
    built = built.to(hardware.device).to(memory_format=hardware.memory_format)
    cost = network_cost(built, CHANNELS, (size, size), hardware)
    return NetworkSpeed(model, rates(training), rates(prediction), cost)


def _fetched(
    augments: Sequence[str], size: int, batch_size: int, seconds: float, clock: Callable[[], float]
) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        words = ["data=phantom", f"preprocess.size={size}", f"data.batch_size={batch_size}", "split.val=0"]
        configs = [compose_config([*words, "split.test=0", f"augment={name}"]) for name in augments]
        times = quickest([fetching(config, Path(folder)) for config in configs], seconds, clock)
    return {name: batch_size / took for name, took in zip(augments, times, strict=True)}


def _record(found: Benchmark) -> dict[str, Any]:
    return {
        "unit": "slices a second",
        "size": found.size,
        "batch_size": found.batch_size,
        "networks": [asdict(one) for one in found.networks],
        "fetched_by_one_process": found.fetched,
        "precision": found.hardware.precision,
        "channels_last": found.hardware.channels_last,
        "hardware": hardware_metadata(found.hardware),
        "versions": versions(),
        "code": code_state(),
    }


def print_benchmark(found: Benchmark) -> None:
    """A table of the networks, and a line for each augmentation."""
    facts = hardware_metadata(found.hardware)
    where = facts["gpu"] or f"{facts['processor']}, threads: {facts['threads']}"
    table = Table(
        title=f"slices a second at {found.size} x {found.size}, {found.batch_size} at once, {where}",
        title_justify="left",
        caption=f"plain: float32, channels first. Ours: {found.hardware.precision}, channels last, fused optimizer.",
        caption_justify="left",
    )
    table.add_column("network", overflow="fold")
    for column in ("training: plain, ours", "predicting: plain, ours", "ms for one slice"):
        table.add_column(column, justify="right")
    for one in found.networks:
        table.add_row(one.model, _told(one.train), _told(one.predict), _figures(one.cost["latency_ms"]))
    console = Console()
    console.print(table)
    for name, rate in found.fetched.items():
        console.print(f"one process fetches {rate:,.0f} a second with augment={name}", highlight=False)


def _told(rates: Rates) -> str:
    return f"{_figures(rates.plain)}, {_figures(rates.ours)} (x {rates.ours / rates.plain:.1f})"


def _figures(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


@command
@arguments_of(bench, "lgg_seg.bench [key=value …]")
def main(given: dict[str, Any]) -> int:
    """Measure and print."""
    print_benchmark(bench(**given))
    return 0


if __name__ == "__main__":
    sys.exit(main())
