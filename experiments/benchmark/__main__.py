"""The benchmark's learning rates as a table: `python -m experiments.benchmark`, in the folder of a checkout."""

from collections import defaultdict
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from lgg_seg.comparison.runs import find_runs
from lgg_seg.reporting.formatting import number
from lgg_seg.reporting.table import Column, markdown_table

RATES = Path(__file__).parent / "rates"
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


def networks() -> list[Network]:
    """Those of the recorded search, the best first."""
    found: dict[str, dict[float, float]] = defaultdict(dict)
    for run in find_runs([RATES]):
        words = " ".join(word for word in run.overrides if word.startswith("model"))
        found[words][run.config["optimizer"]["lr"]] = run.result["metrics"]["patient/dice"]["mean"]
    return sorted((Network(*item) for item in found.items()), key=lambda one: -one.dice[one.rate])


COLUMNS = (
    Column("", "network", lambda network: f"`{network.overrides}`", left=True),
    *(Column("", f"{rate:g}", lambda network, rate=rate: network.dice[rate], number) for rate in TRIED),
    Column("", "taken", attrgetter("rate"), "{:g}".format),
)

if __name__ == "__main__":
    print(markdown_table(COLUMNS, networks()))
