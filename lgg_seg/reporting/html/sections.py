"""One table of the leaderboard as a section of the page: what the template shows of it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lgg_seg.comparison.failures import by_difficulty, failed_by_all, strata
from lgg_seg.comparison.recipes import recipes
from lgg_seg.comparison.segmentation import SegmentationTable
from lgg_seg.errors import UserError
from lgg_seg.reporting.columns import difference, headline, metric_columns
from lgg_seg.reporting.figures import extremes
from lgg_seg.reporting.html import contours, costs, curves, forests, patients
from lgg_seg.reporting.html.drawing import Picture, Style, svg, webp
from lgg_seg.reporting.leaderboard import table_heading
from lgg_seg.reporting.table import Column

MAX_DESCRIBED = 8  # entries that an image's text goes through one by one
NO_MASKS = (
    "No contours can be drawn: of no configuration do all runs hold their masks (masks.npz). Runs made before masks "
    "were kept are measured again, with them, by python -m lgg_seg.evaluate run=RUN."
)


def section(number: int, table: SegmentationTable, styles: Sequence[Style]) -> dict[str, Any]:
    """What the template shows of a table. A leaky one has no figures: they would invite belief."""
    leaky = table.comparability.leaky
    return {
        "number": number,
        "heading": table_heading(table),
        "leaky": leaky,
        "several": len(styles) > 1,
        "compared": len(styles) > 1 and not table.chosen_by_validation,
        "seeded": any(len(entry.seeds) > 1 for entry in table.entries),
        "reason": table.reason.removeprefix("LEAKS: "),
        "table": table,
        "recipes": recipes(table.entries),
        "styles": styles,
        "best": {column.key: best_value(table, column) for column in metric_columns()},
        "position": partial(_position, table),
        "figures": None if leaky else _figures(table, styles),
    }


def best_value(table: SegmentationTable, column: Column) -> float | None:
    """The best value; None where nothing is better or worse: one entry, all alike, or a number without a better."""
    values: list[float] = [value for value in map(column.value, table.entries) if value is not None]
    if not column.better or len(set(values)) < 2:
        return None
    return max(values, key=lambda value: column.better * value)


def _position(table: SegmentationTable, value: float) -> float:
    """Where a mean or an end of an interval lies on the axis that the column's bars share, in per cent of its width."""
    ends = [end for entry in table.entries for end in entry.metrics["patient/dice"]["ci95"] or ()]
    low, high = min(ends), max(ends)
    return 50.0 if high == low else round(100 * (value - low) / (high - low), 2)


def _figures(table: SegmentationTable, styles: Sequence[Style]) -> dict[str, Any]:
    """Every figure of a table; None for those that its runs do not give, or that need several entries."""
    entries, order = table.entries, by_difficulty(table)
    compared = len(styles) > 1 and not table.chosen_by_validation
    pictures, notes = patient_pictures(table, styles)

    def described(alt: str, texts: Iterable[str]) -> str:
        """The text of an image with a number of the first few entries: `… 1 unet_bn: 0.71; …`."""
        parts = [f"{style.number} {style.name}: {text}" for style, text in zip(styles, texts, strict=True)]
        more = f"; and {len(parts) - MAX_DESCRIBED} more, all in the table" if len(parts) > MAX_DESCRIBED else ""
        return f"{alt} {'; '.join(parts[:MAX_DESCRIBED])}{more}"

    sizes = "; ".join(f"{costs.training_patients(entry) or 0:g} patients, {headline(entry)}" for entry in entries)
    count = f"Configurations: {len(styles)}."
    hardest = f"patients from the hardest, {order[0]}, to the easiest, {order[-1]}; configurations: {len(styles)}"
    figures: dict[str, tuple[Figure | None, str]] = {
        "means": (
            forests.forest(table, styles),
            described("Mean patient Dice with 95 % interval.", map(headline, entries)),
        ),
        "differences": (
            forests.difference_forest(table, styles) if compared else None,
            described("Mean paired difference to the best.", map(difference, entries)),
        ),
        "ranks": (
            forests.rank_map(table, styles) if table.tells_ranks else None,
            described("Share of resamples in which each comes first.", map("{:.0%}".format, table.ranks[:, 0])),
        ),
        "sizes": (costs.size_plot(table), f"Mean patient Dice by the number of patients trained on: {sizes}."),
        "learning": (
            curves.learning_plot(table, styles),
            f"Loss and Dice of training and validation patients by epoch, and what chose the epoch. {count}",
        ),
        "reliability": (
            curves.reliability_plot(table, styles),
            f"Share of pixels that are tumour by predicted probability. {count}",
        ),
        "everyone": (
            patients.patient_map(table, styles),
            f"Dice of {len(order)} {hardest}; patients on whom all fail: {len(failed_by_all(table))}.",
        ),
    }
    varying = costs.varying_costs(table)
    against = [described(f"Mean patient Dice against {cost.title}.", map(cost.cell, entries)) for cost in varying]
    return {name: figure and svg(figure, alt) for name, (figure, alt) in figures.items()} | {
        "costs": [svg(costs.cost_plot(table, styles, cost), alt) for cost, alt in zip(varying, against, strict=True)],
        "strata": _strata(table, styles),
        "failed": failed(table),
        "pictures": pictures,
        "notes": notes,
    }


def _strata(table: SegmentationTable, styles: Sequence[Style]) -> list[tuple[str, Picture]]:
    """Heading and figure of each stratum that has two groups; a single one is the mean over everyone once more."""
    figures = []
    for name, members in groupby(strata(table), key=lambda one: one.stratum):
        groups = list(members)
        if len(groups) > 1:
            dice = "; ".join(f"{one.group} (n = {len(one.patients)}): {one.dice[0]:.3f}" for one in groups)
            heading = "By parts of the tumour" if name == "tumour_parts" else f"By {name.replace('_', ' ')}"
            alt = f"Mean patient Dice {heading.lower()}. Of {styles[0].name}: {dice}."
            figures.append((heading, svg(patients.stratum_plot(table, styles, groups), alt)))
    return figures


def failed(table: SegmentationTable) -> list[dict[str, Any]]:
    """The patients on whom every entry fails, the worst first: name, best Dice, number of the entry that has it."""
    rows = table.entries[0].patients.loc[failed_by_all(table)].to_dict("index")
    dice = {name: table.dice[table.patients.index(str(name))] for name in rows}
    return [
        {"name": name, "best": dice[name].max(), "by": int(dice[name].argmax()) + 1, "metadata": _metadata(row)}
        for name, row in rows.items()
    ]


def _metadata(row: Mapping[Any, Any]) -> dict[str, str]:
    """A patient's metadata as text; older runs lack some of the columns."""
    formats = {
        "truth_voxels": ("tumour voxels", "{truth_voxels:,.0f}"),
        "tumour_slices": ("slices with tumour", "{tumour_slices:.0f} of {slices:.0f}"),
        "lesion_tp": ("parts", "{parts:.0f}"),
        "boundary_complexity": ("boundary complexity", "{boundary_complexity:.2f}"),
        "institution": ("institution", "{institution}"),
        "missing_sequence": ("missing sequence", "{missing_sequence}"),
    }
    values = {**row, "parts": row.get("lesion_tp", 0) + row.get("lesion_fn", 0)}
    return {name: text.format(**values) for column, (name, text) in formats.items() if column in row}


def patient_pictures(
    table: SegmentationTable, styles: Sequence[Style]
) -> tuple[dict[str, list[dict[str, Any]]], tuple[str, ...]]:
    """By heading the captions and tiles of the hardest and the easiest patients, and notes on what is not shown."""
    places = contours.with_masks(table)
    if not places:
        return {}, (NO_MASKS,)
    notes = []
    passed = [str(styles[k].number) for k in range(places[-1]) if k not in places]
    if passed:
        notes.append(f"Not drawn, as not all of their runs hold masks: configurations {', '.join(passed)}.")
    chosen = dict(zip(("The hardest", "The easiest"), extremes(by_difficulty(table)), strict=True))
    pictures: dict[str, list[dict[str, Any]]] = {heading: [] for heading, names in chosen.items() if names}
    black: list[str] = []
    pairs = cache(contours.pairs_at)  # a data set is listed once
    for heading, name in ((heading, name) for heading, names in chosen.items() for name in names):
        try:
            panels = contours.slice_panels(table, styles, places, name, pairs)
        except UserError as error:
            notes.append(f"{name} could not be drawn: {error}")
            continue
        if not panels.background:
            black.append(name)
        mean = float(np.mean(table.dice[table.patients.index(name)]))
        caption = f"{name}: Dice {mean:.3f}" + (" over all configurations" if len(styles) > 1 else "")
        whom = ["the whole head with the true outline", *(styles[k].name for k in places)]
        tiles = [
            (panel.title, webp(contours.tile(panel, None if k else panels.frame), f"{name}, {panel.title}: {who}"))
            for k, (panel, who) in enumerate(zip(panels.panels, whom, strict=True))
        ]
        pictures[heading].append({"caption": caption, "tiles": tiles})
    if black:
        notes.append(
            "Contours stand on black where the run's data set is gone, or no longer holds the slices that were "
            f"measured: {', '.join(black)}."
        )
    return pictures, tuple(notes)
