"""A table's figures with what stands around them: heading, caption, and their words for those who cannot see them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from lgg_seg.comparison.failures import FAILED, by_difficulty, failed_by_all, strata
from lgg_seg.comparison.tables import SegmentationTable
from lgg_seg.reporting.html import costs, curves, forests, patients
from lgg_seg.reporting.html.embed import Picture, svg
from lgg_seg.reporting.html.style import Look
from lgg_seg.reporting.leaderboard import difference, headline
from lgg_seg.statistics.bootstrap import RESAMPLES

MOST_SPOKEN = 8
"""Entries that an image's text goes through one by one."""

STRATA = {
    "tumour_size": "By tumour size",
    "tumour_parts": "By parts of the tumour",
    "boundary": "By boundary",
    "institution": "By institution",
    "missing_sequence": "By missing sequence",
}


def _spoken(looks: Sequence[Look], words: Sequence[str]) -> str:
    """`1 unet_bn: 0.71; …` for the first few entries."""
    parts = [f"{look.number} {look.name}: {word}" for look, word in zip(looks, words, strict=True)]
    more = f"; and {len(parts) - MOST_SPOKEN} more, all in the table" if len(parts) > MOST_SPOKEN else ""
    return "; ".join(parts[:MOST_SPOKEN]) + more


def distances(table: SegmentationTable, looks: Sequence[Look]) -> list[Picture]:
    """Means with their intervals; with several entries their differences to the best and their ranks, too."""
    entries = table.entries
    several = len(entries) > 1
    caption = "The mean over patients with its 95 % interval. Faint dots are single patients, averaged over seeds."
    if any(len(entry.seeds) > 1 for entry in entries):
        caption += " Black ticks are the means of single seeds."
    means = svg(
        forests.forest(table, looks),
        "Patient Dice" if several else "",
        "Mean patient Dice with 95 % interval. " + _spoken(looks, [headline(entry) for entry in entries]),
        caption + (" The dotted line is the mean of the best." if several else ""),
    )
    if not several:
        return [means]
    gaps = svg(
        forests.difference_forest(table, looks),
        "Difference to the best, patient by patient",
        "Mean paired difference to the best. " + _spoken(looks, [difference(table, entry) for entry in entries]),
        "Mean of the paired differences with its 95 % interval and Holm-corrected p. Filled: clearly worse than the "
        "best. Hollow: these patients cannot separate it from the best.",
    )
    ranks = svg(
        forests.rank_map(table, looks),
        "How sure is the ranking?",
        "Share of resamples in which each comes first. " + _spoken(looks, [f"{s:.0%}" for s in table.ranks[:, 0]]),
        f"The share of {RESAMPLES:,} resamples of the patients in which a configuration has each rank. A sure ranking "
        "is a dark diagonal; where the blue spreads over several ranks, other patients would have ordered them "
        "otherwise.",
    )
    return [means, gaps, ranks]


def against_cost(table: SegmentationTable, looks: Sequence[Look]) -> list[Picture]:
    """A figure for each cost in which entries differ."""
    return [
        svg(
            costs.cost_plot(table, looks, cost),
            "",
            f"Mean patient Dice against {cost.title}. "
            + _spoken(looks, [cost.text(float(entry.cost[cost.key] or 0)) for entry in table.entries]),
            "",
        )
        for cost in costs.varying_costs(table)
    ]


def over_data(table: SegmentationTable) -> Picture | None:
    """Dice by the number of training patients, where that was varied."""
    drawn = curves.size_plot(table)
    if drawn is None:
        return None
    words = [f"{curves.training_patients(entry) or 0:g} patients, {headline(entry)}" for entry in table.entries]
    return svg(
        drawn,
        "",
        f"Mean patient Dice by the number of patients trained on: {'; '.join(words)}.",
        "Mean patient Dice with its 95 % interval by the number of patients trained on, always on the same test "
        "patients.",
    )


def learning(table: SegmentationTable, looks: Sequence[Look]) -> list[Picture]:
    """Learning curves and reliability, where the runs recorded them."""
    found = []
    by_epoch, reliability = curves.learning_plot(table, looks), curves.reliability_plot(table, looks)
    if by_epoch is not None:
        found.append(
            svg(
                by_epoch,
                "Learning curves",
                f"Dice of the validation patients by epoch. Configurations: {len(looks)}.",
                "Dice of the validation patients after each epoch: the median over seeds and folds, and their range. A "
                "run ends where it stopped.",
            )
        )
    if reliability is not None:
        found.append(
            svg(
                reliability,
                "Are the probabilities right?",
                f"Share of pixels that are tumour by predicted probability. Configurations: {len(looks)}.",
                f"Pixels in bins of their predicted probability; bins of fewer than {curves.ENOUGH_PIXELS} pixels are "
                "left out. On the dotted line 0.8 means tumour eight times in ten; below it the network is too sure.",
            )
        )
    return found


def groups_of_patients(table: SegmentationTable, looks: Sequence[Look]) -> list[Picture]:
    """A figure for each stratum that has two groups, and the slices without tumour."""
    found = []
    for name, group in groupby(strata(table), key=lambda one: one.stratum):
        members = list(group)
        if len(members) == 1:  # the mean over everyone once more
            continue
        spoken = "; ".join(f"{one.group} (n = {len(one.patients)}): {one.dice[0]:.3f}" for one in members)
        heading = STRATA.get(name, f"By {name.replace('_', ' ')}")
        alt = f"Mean patient Dice {heading.lower()}. Of {looks[0].name}: {spoken}."
        found.append(svg(patients.stratum_plot(table, looks, members), heading, alt, ""))
    rates = patients.false_positive_plot(table, looks)
    if rates is not None:
        words = [f"{entry.metrics[patients.FALSE_POSITIVES] or 0:.1%}" for entry in table.entries]
        alt = f"Share of the slices without tumour in which something is marked. {_spoken(looks, words)}"
        found.append(svg(rates, "Empty slices marked", alt, ""))
    return found


def everyone(table: SegmentationTable, looks: Sequence[Look]) -> Picture:
    """Every patient with every entry."""
    order = by_difficulty(table)
    several = len(looks) > 1
    caption = f"Dice by patient, the hardest on the left. Orange: failed, below {FAILED}."
    return svg(
        patients.patient_map(table, looks),
        "Every patient with every configuration" if several else "Every patient",
        f"Dice of {len(order)} patients from the hardest, {order[0]}, to the easiest, {order[-1]}; configurations: "
        f"{len(looks)}; patients on whom all fail: {len(failed_by_all(table))}.",
        caption + (" A column that is orange from top to bottom is a patient on whom all fail." if several else ""),
    )
