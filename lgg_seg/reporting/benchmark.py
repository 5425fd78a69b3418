"""The benchmark on the terminal."""

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
    Column("", "ms for one slice", lambda one: one["cost"]["latency_ms"], _digits),
)


def print_benchmark(measured: Mapping[str, Any]) -> None:
    """Print a table of the networks, and a line for each augmentation, of what `lgg_seg.bench.bench` returns."""
    size, machine = measured["size"], measured["hardware"]
    where = machine["gpu"] or f"{machine['processor']}, threads: {machine['threads']}"
    title = f"slices a second at {size} x {size}, {measured['batch_size']} at once, {where}"
    caption = f"plain: float32, channels first. Ours: {measured['precision']}, channels last, fused optimizer."
    console = Console()
    console.print(rich_table(_COLUMNS, measured["networks"], title, caption))
    for name, rate in measured["fetched_by_one_process"].items():
        console.print(f"one process fetches {rate:,.0f} a second with augment={name}", highlight=False)
