"""The README's leaderboard: the benchmark's networks, and what their recorded folds say about which is better.

Networks whose folds are complete are ranked. Any other is compared with the best of them on the patients that both were
tested on, and has no rank: the patients of one fold may be easier than those of another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from experiments.benchmark.tables import RATES, network, results
from lgg_seg.comparison.runs import find_runs
from lgg_seg.comparison.segmentation import SegmentationResult
from lgg_seg.metrics.arrays import Floats
from lgg_seg.reporting.formatting import ABSENT, number, si, with_interval
from lgg_seg.reporting.table import Column, markdown_table
from lgg_seg.statistics.bootstrap import Interval, summarise
from lgg_seg.statistics.paired import differences
from lgg_seg.statistics.verdict import listed


@dataclass(frozen=True)
class Standing:
    """A network's result; `rank` is None until its folds and another network's are complete.

    `behind` is its Dice minus that of the best network on the same patients, with the 95 % interval; None for the best.
    `side` is -1 where it is worse than the best, 1 where it is better, 0 where the data cannot tell. A ranked network
    takes the interval and a Holm-corrected Wilcoxon test for that, another the interval alone.
    """

    result: SegmentationResult
    rank: int | None = None
    behind: tuple[float, Interval] | None = None
    side: int = 0

    @property
    def name(self) -> str:
        """The network with the options that were given to it."""
        return network(self.result)


def standings(entries: Sequence[SegmentationResult]) -> list[Standing]:
    """Ranked networks, the best first, then the others by their difference to it.

    Raises:
        ValueError: one was not measured as the best was.
    """
    finished = sorted(filter(_is_complete, entries), key=lambda entry: (-entry.score, entry.label))
    best = finished[0]
    for entry in entries:
        if entry.comparability.protocol != best.comparability.protocol:
            raise ValueError(f"{entry.label} was not measured as {best.label} was")
    others = [_unranked(entry, best) for entry in entries if not _is_complete(entry)]
    return _ranked(finished) + sorted(others, key=lambda one: -one.behind[0] if one.behind else 0.0)


def _is_complete(entry: SegmentationResult) -> bool:
    return entry.folds == entry.runs[0].config["split"]["n_splits"]


def _dice(entry: SegmentationResult, like: SegmentationResult) -> Floats:
    return entry.patients.loc[like.patients.index, "dice"].to_numpy(dtype=np.float64)


def _ranked(entries: Sequence[SegmentationResult]) -> list[Standing]:
    if len(entries) == 1:
        return [Standing(entries[0])]
    names = [f"{place:02}" for place in range(len(entries))]
    compared = differences(np.stack([_dice(entry, entries[0]) for entry in entries], axis=1), names)
    to_best = {one.name: one for one in compared.differences}
    rows = [Standing(entries[0], 1)]
    for rank, (name, entry) in enumerate(zip(names[1:], entries[1:], strict=True), start=2):
        one = to_best[name]
        rows.append(Standing(entry, rank, (one.mean, one.ci95), -int(one.significance == "worse")))
    return rows


def _unranked(entry: SegmentationResult, best: SegmentationResult) -> Standing:
    gap = summarise(_dice(entry, entry) - _dice(best, entry))
    low, high = gap.ci95 or (0.0, 0.0)
    return Standing(entry, None, (gap.mean, gap.ci95), int(low > 0) - int(high < 0))


def answer(rows: Sequence[Standing]) -> str:
    """Which network is better, as far as the intervals say."""
    best, ranked, others = rows[0], [one for one in rows[1:] if one.rank], [one for one in rows[1:] if not one.rank]
    patients = len(best.result.patients)
    if ranked:
        one = " (each network trained with one seed)" if all(len(row.result.seeds) == 1 for row in rows) else ""
        first = f"{best.name} has the highest mean Dice on all {patients} patients{one}: it {_sides(ranked)}."
    else:
        first = f"Only {best.name} has been tested on all {patients} patients, so no network can be ranked yet."
    return f"{first} On the patients tested so far, it {_sides(others)}." if others else first


def _sides(rows: Sequence[Standing]) -> str:
    words = {-1: "does better than", 0: "cannot be told from", 1: "does worse than"}
    names = {side: [one.name for one in rows if one.side == side] for side in words}
    return ", and ".join(f"{words[side]} {listed(found, most=len(found))}" for side, found in names.items() if found)


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
        text=lambda one: with_interval(one.behind[0], one.behind[1], "{:+.3f}".format) if one.behind else ABSENT,
    ),
)


def markdown() -> str:
    """The answer, and the table below it."""
    rows = standings(results())
    return f"**{answer(rows)}**\n\n{markdown_table(COLUMNS, rows)}"


def unseen() -> str:
    """What the networks reach on the patients who chose neither recipe nor learning rates."""
    best, *others = results()
    chose = find_runs([RATES])[0].patients["patient"]
    patients = best.patients.index.difference(chose)

    def dice(entry: SegmentationResult) -> Floats:
        return entry.patients.loc[patients, "dice"].to_numpy(dtype=np.float64)

    gaps = {network(one): summarise(dice(best) - dice(one)) for one in others}
    unsure = [name for name, gap in gaps.items() if gap.ci95 and gap.ci95[0] <= 0]
    return (
        f"On the {len(patients)} patients who chose nothing, {network(best)} has a mean of "
        f"{number(dice(best).mean())}. The networks over which the interval of its lead includes 0 there: "
        f"{listed(unsure, most=len(unsure)) if unsure else 'none'}."
    )


def untrained() -> str:
    """Which of the networks that start from random weights differ from each other, as far as intervals say."""
    entries = [one for one in results() if one.runs[0].config["model"].get("weights") is None]
    pairs = list(combinations(entries, 2))  # the better one first
    gaps = [summarise(_dice(better, entries[0]) - _dice(worse, entries[0])) for better, worse in pairs]
    sure = [
        f"{network(better)} is ahead of {network(worse)} by {with_interval(gap.mean, gap.ci95, number)}"
        for (better, worse), gap in zip(pairs, gaps, strict=True)
        if gap.ci95 and gap.ci95[0] > 0
    ]
    spread = entries[0].score - entries[-1].score
    return (
        f"The means of the {len(entries)} networks that start from random weights lie within {spread:.3f}. Of their "
        f"{len(pairs)} pairs, those whose interval excludes 0, without a correction for their number: "
        f"{'; '.join(sure) or 'none'}."
    )
