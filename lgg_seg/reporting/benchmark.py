"""The benchmark on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def print_benchmark(measured: Mapping[str, Any]) -> None:
    """Print a table of the networks, and a line for each augmentation, of what `lgg_seg.bench.bench` returns."""
    size, machine = measured["size"], measured["hardware"]
    where = machine["gpu"] or f"{machine['processor']}, threads: {machine['threads']}"
    table = Table(
        title=f"slices a second at {size} x {size}, {measured['batch_size']} at once, {where}",
        title_justify="left",
        caption=f"plain: float32, channels first. Ours: {measured['precision']}, channels last, fused optimizer.",
        caption_justify="left",
    )
    table.add_column("network", overflow="fold")
    for column in ("training: plain, ours", "predicting: plain, ours", "ms for one slice"):
        table.add_column(column, justify="right")
    for one in measured["networks"]:
        table.add_row(one["model"], _rates(one["train"]), _rates(one["predict"]), _digits(one["cost"]["latency_ms"]))
    console = Console()
    console.print(table)
    for name, rate in measured["fetched_by_one_process"].items():
        console.print(f"one process fetches {rate:,.0f} a second with augment={name}", highlight=False)


def _rates(rates: Mapping[str, float]) -> str:
    plain, ours = rates["plain"], rates["ours"]
    return f"{_digits(plain)}, {_digits(ours)} (x {ours / plain:.1f})"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
