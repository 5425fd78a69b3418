"""The benchmark's folds and learning rates as tables."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

from lgg_seg.comparison.runs import find_runs
from lgg_seg.comparison.segmentation import SegmentationResult
from lgg_seg.comparison.tables import build_leaderboard
from lgg_seg.reporting.formatting import number, one, si, with_interval
from lgg_seg.reporting.table import Column, markdown_table

HERE = Path(__file__).parent
RATES, FOLDS = HERE / "rates", HERE / "folds"
TRIED = (3e-4, 1e-3, 3e-3)


@dataclass(frozen=True)
class Network:
    """The overrides that choose a network, and its mean validation Dice at each learning rate."""

    overrides: str
    dice: dict[float, float]

    @property
    def rate(self) -> float:
        """The best one."""
        return max(self.dice, key=lambda rate: self.dice[rate])


def network(provenance: Mapping[str, Any]) -> str:
    """The member of `model` with the options that were given to it, as `unet_efficientnet, weights=null` in code."""
    options = [word.removeprefix("model.") for word in provenance["command"] if word.startswith("model.")]
    return f"`{', '.join([provenance['choices']['model'], *options])}`"


def networks() -> list[Network]:
    """Those of the recorded search, the best first."""
    found: dict[str, dict[float, float]] = defaultdict(dict)
    for run in find_runs([RATES]):
        words = " ".join(word for word in run.overrides if word.startswith("model"))
        found[words][run.config["optimizer"]["lr"]] = run.result["metrics"]["patient/dice"]["mean"]
    return sorted((Network(*item) for item in found.items()), key=lambda one: -one.dice[one.rate])


def results() -> list[SegmentationResult]:
    """The networks with their folds merged, the best first; those tested on fewer patients come after."""
    return [entry for table in build_leaderboard(find_runs([FOLDS])).tables for entry in table.entries]


def _dice(entry: SegmentationResult) -> str:
    return with_interval(entry.score, entry.metrics["patient/dice"]["ci95"], number)


RESULT_COLUMNS = (
    Column("", "network", lambda entry: network(entry.runs[0].provenance), left=True),
    Column("", "parameters", lambda entry: entry.cost["parameters"], si),
    Column("", "folds", attrgetter("folds")),
    Column("", "patients", lambda entry: len(entry.patients)),
    Column("", "patient Dice, mean (95 % interval)", text=_dice),
    Column("", "median", lambda entry: entry.metrics["patient/dice"]["median"], number),
    Column("", "pooled", lambda entry: entry.metrics["pooled/dice"], number),
    Column("", "HD95, median", lambda entry: entry.metrics["patient/hd95_px"]["median"], one),
    Column("", "lesion F1", lambda entry: entry.metrics["lesion/f1"], number),
)

COLUMNS = (
    Column("", "network", lambda network: f"`{network.overrides}`", left=True),
    *(Column("", f"{rate:g}", lambda network, rate=rate: network.dice[rate], number) for rate in TRIED),
    Column("", "taken", attrgetter("rate"), "{:g}".format),
)


def folds() -> str:
    """Each network with the folds that are recorded."""
    return markdown_table(RESULT_COLUMNS, results())


def rates() -> str:
    """Each network at each learning rate."""
    return markdown_table(COLUMNS, networks())
