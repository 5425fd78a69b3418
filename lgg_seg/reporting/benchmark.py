"""The benchmark on the terminal."""

import sys
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from rich.console import Console

from lgg_seg.reporting.table import Column, rich_table


def _rates(rates: Mapping[str, float]) -> str:
    plain, ours = rates["plain"], rates["ours"]
    return f"{_digits(plain)}, {_digits(ours)} (x {ours / plain:.1f})"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


_COLUMNS = (
    Column("", "network", itemgetter("model"), left=True),
    Column("", "training: plain, ours", itemgetter("train"), _rates),
    Column("", "predicting: plain, ours", itemgetter("predict"), _rates),
    Column("", "one at a time", itemgetter("predict_one"), _rates),
)
PASSES = {"train": 3, "predict": 1, "predict_one": 1}  # forward, and backward to the activations and to the weights


def of_roof(measured: Mapping[str, Any], network: Mapping[str, Any], case: str) -> float:
    """The share that ours reaches of the operations a second of a large matrix product."""
    operations = PASSES[case] * network["cost"]["flops_per_slice"] * network[case]["ours"]
    return float(operations / measured["roof_flops_per_second"])


def print_case(name: str, result: Mapping[str, float]) -> None:
    """A line on stderr for a case that is done, since a benchmark takes minutes."""
    numbers = ", ".join(f"{key.replace('_', ' ')} {_digits(value)}" for key, value in result.items())
    print(f"{name}: {numbers}", file=sys.stderr, flush=True)


def print_benchmark(measured: Mapping[str, Any]) -> None:
    """Print a table of the networks, and lines on all else, of what `lgg_seg.bench.bench` returns."""
    size, machine = measured["size"], measured["hardware"]
    where = machine["gpu"] or f"{machine['processor']}, threads: {machine['threads']}"
    title = f"slices a second at {size} x {size}, {measured['batch_size']} at once, {where}"
    caption = f"plain: float32, channels first, its own process. Ours: {measured['precision']}, channels last, fused."
    console = Console()
    console.print(rich_table(_COLUMNS, measured["networks"], title, caption))
    console.print(
        f"a large matrix product: {measured['roof_flops_per_second'] / 1e12:.3g} TFLOP/s, of which", highlight=False
    )
    for one in measured["networks"]:
        train, predict = (of_roof(measured, one, case) for case in ("train", "predict"))
        console.print(f"{one['model']} reaches {train:.0%} in training, {predict:.0%} in predicting", highlight=False)
    for one in measured["networks"]:
        overhead, protocol = one["overhead"], one["protocol"]
        seconds = {"training": 1 / overhead["run"], "validation": protocol["validation"], "the test": protocol["test"]}
        took = ", ".join(f"{1000 * value:.3g} ms in {name}" for name, value in seconds.items())
        console.print(
            f"a run of {one['model']} adds {overhead['added']:.1%} to a bare loop over its batches; "
            f"a slice takes {took}; an epoch's end takes {protocol['epoch_once']:.2g} s, the test's "
            f"{protocol['test_once']:.2g} s",
            highlight=False,
        )
    for name, rate in measured["fetched_by_one_process"].items():
        console.print(f"one process fetches {rate:,.0f} a second with augment={name}", highlight=False)
    for name, took in measured["start_seconds"].items():
        console.print(f"python -m {name} --help takes {took:.1f} s of CPU", highlight=False)
