"""The benchmark's folds and learning rates as tables."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any

import pandas as pd

from lgg_seg.comparison.runs import find_runs
from lgg_seg.comparison.segmentation import SegmentationResult
from lgg_seg.comparison.tables import build_leaderboard
from lgg_seg.reporting.formatting import number, one, si, with_interval
from lgg_seg.reporting.table import Column, markdown_table
from lgg_seg.statistics.bootstrap import Summary, summarise

HERE = Path(__file__).parent
RATES, FOLDS, CPU = HERE / "rates", HERE / "folds", HERE / "cpu"
TRIED = (3e-4, 1e-3, 3e-3)
MAX_SMALL = 2e6  # parameters


@dataclass(frozen=True)
class Network:
    """The overrides that choose a network, and its mean validation Dice at each learning rate."""

    overrides: str
    dice: dict[float, float]

    @property
    def rate(self) -> float:
        """The best one."""
        return max(self.dice, key=lambda rate: self.dice[rate])


def network(of: SegmentationResult | Mapping[str, Any]) -> str:
    """The member of `model` with the options that were given to it, as `unet_efficientnet, weights=null` in code.

    It is that of a result, or of a run's provenance.
    """
    provenance = of.runs[0].provenance if isinstance(of, SegmentationResult) else of
    options = [word.removeprefix("model.") for word in provenance["command"] if word.startswith("model.")]
    return f"`{', '.join([provenance['choices']['model'], *options])}`"


def networks() -> list[Network]:
    """Those of the recorded search, the best first."""
    found: dict[str, dict[float, float]] = defaultdict(dict)
    for run in find_runs([RATES]):
        words = " ".join(word for word in run.overrides if word.startswith("model"))
        found[words][run.config["optimizer"]["lr"]] = run.result["metrics"]["patient/dice"]["mean"]
    return sorted((Network(*item) for item in found.items()), key=lambda one: -one.dice[one.rate])


@cache
def results(folder: Path = FOLDS) -> tuple[SegmentationResult, ...]:
    """The networks with their folds merged, the best first; those tested on fewer patients come after."""
    return tuple(entry for table in build_leaderboard(find_runs([folder])).tables for entry in table.entries)


def _dice(entry: SegmentationResult) -> str:
    return with_interval(entry.score, entry.metrics["patient/dice"]["ci95"], number)


RESULT_COLUMNS = (
    Column("", "network", network, left=True),
    Column("", "parameters", lambda entry: entry.cost["parameters"], si),
    Column("", "folds", attrgetter("folds")),
    Column("", "patients", lambda entry: len(entry.patients)),
    Column("", "patient Dice, mean (95 % interval)", text=_dice),
    Column("", "median", lambda entry: entry.metrics["patient/dice"]["median"], number),
    Column("", "pooled", lambda entry: entry.metrics["pooled/dice"], number),
    Column("", "HD95, median", lambda entry: entry.metrics["patient/hd95_px"]["median"], one),
    Column("", "lesion F1", lambda entry: entry.metrics["lesion/f1"], number),
)


@dataclass(frozen=True)
class Pair:
    """Two results on the patients that both tested."""

    first: SegmentationResult
    second: SegmentationResult

    @cached_property
    def dice(self) -> pd.DataFrame:
        """The Dice of the patients of both, a column each."""
        return pd.DataFrame({"first": self.first.patients["dice"], "second": self.second.patients["dice"]}).dropna()

    @property
    def difference(self) -> Summary:
        """The second's Dice minus the first's."""
        return summarise((self.dice["second"] - self.dice["first"]).to_numpy())

    @property
    def gap(self) -> str:
        """The mean of the `difference`, with its interval over the patients."""
        return with_interval(self.difference.mean, self.difference.ci95, "{:+.3f}".format)

    @property
    def movement(self) -> float:
        """The median over the patients of how far their Dice moves."""
        return float((self.dice["second"] - self.dice["first"]).abs().median())


MACHINE_COLUMNS = (
    Column("", "network", lambda pair: network(pair.first), left=True),
    Column("", "patients", lambda pair: len(pair.dice)),
    Column("", "H100, device feed", lambda pair: pair.dice["first"].mean(), number),
    Column("", "a CPU core", lambda pair: pair.dice["second"].mean(), number),
    Column("", "CPU minus H100", text=attrgetter("gap")),
    Column("", "a patient moves by", attrgetter("movement"), number),
)

SMALL_COLUMNS = (
    Column("", "network", lambda pair: network(pair.second), left=True),
    Column("", "parameters", lambda pair: pair.second.cost["parameters"], si),
    Column("", "FLOPs a slice", lambda pair: pair.second.cost["flops_per_slice"], si),
    Column("", "patients", lambda pair: len(pair.dice)),
    Column("", "patient Dice, mean", lambda pair: pair.dice["second"].mean(), number),
    Column("", "median", lambda pair: pair.dice["second"].median(), number),
    Column("", "that of `unet_efficientnet`, mean", lambda pair: pair.dice["first"].mean(), number),
    Column("", "median", lambda pair: pair.dice["first"].median(), number),
    Column("", "minus it", text=attrgetter("gap")),
)

COLUMNS = (
    Column("", "network", lambda network: f"`{network.overrides}`", left=True),
    *(Column("", f"{rate:g}", lambda network, rate=rate: network.dice[rate], number) for rate in TRIED),
    Column("", "taken", attrgetter("rate"), "{:g}".format),
)


def folds() -> str:
    """Each network with the folds that are recorded."""
    return markdown_table(RESULT_COLUMNS, results())


def machines() -> str:
    """Each network's folds on a GPU and on a CPU's core, on the patients that both tested."""
    on_cpu = {network(entry): entry for entry in results(CPU)}
    pairs = [(entry, on_cpu[network(entry)]) for entry in results() if network(entry) in on_cpu]
    return markdown_table(MACHINE_COLUMNS, [Pair(*pair) for pair in pairs])


def small() -> list[Pair]:
    """Each network below two million parameters beside the EfficientNet, trained on a CPU's core."""
    on_cpu = {network(entry): entry for entry in results(CPU)}
    entries = (entry for entry in on_cpu.values() if entry.cost["parameters"] < MAX_SMALL)
    return [Pair(on_cpu["`unet_efficientnet`"], entry) for entry in entries]


def smallest() -> str:
    """What the networks of `small` lack."""
    return markdown_table(SMALL_COLUMNS, small())


def rates() -> str:
    """Each network at each learning rate."""
    return markdown_table(COLUMNS, networks())
