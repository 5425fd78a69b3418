"""The README's leaderboard: the benchmark's networks, and what their recorded folds say about which is better.

Networks whose folds are complete are ranked. Any other is compared with the best of them on the patients that both were
tested on, and has no rank: the patients of one fold may be easier than those of another.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.benchmark.tables import network, results
from lgg_seg.comparison.segmentation import SegmentationResult
from lgg_seg.reporting.formatting import ABSENT, number, si, with_interval
from lgg_seg.reporting.table import Column, markdown_table
from lgg_seg.statistics.bootstrap import Interval, summarise


@dataclass(frozen=True)
class Standing:
    """A network's result; `rank` is None until its folds and another network's are complete.

    `behind` is None for the best one. Else it is the Dice minus that of the best one on the same patients, with the
    95 % interval.
    """

    result: SegmentationResult
    rank: int | None
    behind: tuple[float, Interval] | None

    @property
    def name(self) -> str:
        """The network with the options that were given to it."""
        return network(self.result.runs[0].provenance)

    @property
    def side(self) -> int:
        """-1 or 1 if the interval of the difference is on one side of 0, else 0."""
        low, high = (self.behind and self.behind[1]) or (0.0, 0.0)
        return int(low > 0) - int(high < 0)


def standings(entries: Sequence[SegmentationResult]) -> list[Standing]:
    """Ranked networks, the best first, then the others by their difference to it."""
    finished = sorted(filter(_is_complete, entries), key=lambda entry: (-entry.score, entry.label))
    best, ranks = finished[0], range(1, len(finished) + 1) if len(finished) > 1 else (None,)
    ranked = [Standing(entry, rank, _behind(entry, best)) for entry, rank in zip(finished, ranks, strict=True)]
    others = [Standing(entry, None, _behind(entry, best)) for entry in entries if entry not in finished]
    return ranked + sorted(others, key=lambda one: -(one.behind or (0.0, None))[0])


def _is_complete(entry: SegmentationResult) -> bool:
    return entry.folds == entry.runs[0].config["split"]["n_splits"]


def _behind(entry: SegmentationResult, best: SegmentationResult) -> tuple[float, Interval] | None:
    if entry is best:
        return None
    if entry.comparability.protocol != best.comparability.protocol:
        raise ValueError(f"{entry.label} was not measured as {best.label} was")
    gap = summarise((entry.patients["dice"] - best.patients.loc[entry.patients.index, "dice"]).to_numpy())
    return gap.mean, gap.ci95


def answer(rows: Sequence[Standing]) -> str:
    """Which network is better, as far as the intervals say."""
    best, ranked, others = rows[0], [one for one in rows[1:] if one.rank], [one for one in rows[1:] if not one.rank]
    patients = len(best.result.patients)
    if ranked:
        first = f"{best.name} has the highest mean Dice on all {patients} patients: it {_sides(ranked)}."
    else:
        first = f"Only {best.name} has been tested on all {patients} patients, so no network can be ranked yet."
    return f"{first} On the patients tested so far, it {_sides(others)}." if others else first


def _sides(rows: Sequence[Standing]) -> str:
    words = {-1: "does better than", 0: "cannot be told from", 1: "does worse than"}
    names = {side: ", ".join(one.name for one in rows if one.side == side) for side in words}
    return ", and ".join(f"{words[side]} {listed}" for side, listed in names.items() if listed)


COLUMNS = (
    Column("", "rank", lambda one: one.rank),
    Column("", "network", lambda one: one.name, left=True),
    Column("", "parameters", lambda one: one.result.cost["parameters"], si),
    Column("", "patients", lambda one: len(one.result.patients)),
    Column(
        "",
        "patient Dice, mean (95 % interval)",
        text=lambda one: with_interval(one.result.score, one.result.metrics["patient/dice"]["ci95"], number),
    ),
    Column("", "median", lambda one: one.result.metrics["patient/dice"]["median"], number),
    Column(
        "",
        "minus the first, on the same patients",
        text=lambda one: with_interval(*one.behind, "{:+.3f}".format) if one.behind else ABSENT,
    ),
)


def markdown() -> str:
    """The answer, and the table below it."""
    rows = standings(results())
    return f"**{answer(rows)}**\n\n{markdown_table(COLUMNS, rows)}"
