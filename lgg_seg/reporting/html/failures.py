"""Who fails: the patients on whom every entry does, and pictures of the hardest and the easiest."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lgg_seg.comparison.failures import by_difficulty, failed_by_all
from lgg_seg.comparison.tables import SegmentationTable
from lgg_seg.errors import UserError
from lgg_seg.reporting.html import contours
from lgg_seg.reporting.html.embed import Picture, png
from lgg_seg.reporting.html.style import Look

MOST_PATIENTS = 4
DPI = 130
NO_MASKS = (
    "No contours can be drawn: of no configuration do all runs hold their masks (masks.npz). Runs made before masks "
    "were kept are measured again, with them, by python -m lgg_seg.evaluate run=RUN."
)
_FACTS: tuple[tuple[str, str, Callable[[Mapping[Hashable, Any]], str]], ...] = (
    ("tumour voxels", "truth_voxels", lambda row: f"{row['truth_voxels']:,.0f}"),
    ("slices with tumour", "tumour_slices", lambda row: f"{row['tumour_slices']:.0f} of {row['slices']:.0f}"),
    ("parts", "lesion_tp", lambda row: f"{row['lesion_tp'] + row['lesion_fn']:.0f}"),
    ("boundary complexity", "boundary_complexity", lambda row: f"{row['boundary_complexity']:.2f}"),
    ("institution", "institution", lambda row: str(row["institution"])),
    ("missing sequence", "missing_sequence", lambda row: str(row["missing_sequence"])),
)


@dataclass(frozen=True)
class FailedPatient:
    """A patient on whom every entry fails: the best Dice, the number of the entry that has it, and what is known."""

    name: str
    best: float
    by: int
    facts: dict[str, str]


def failed(table: SegmentationTable) -> list[FailedPatient]:
    """The worst first."""
    known = table.entries[0].patients
    found = []
    for name in failed_by_all(table):
        dice = table.dice[table.patients.index(name)]
        row = known.loc[[name]].to_dict("records")[0]
        facts = {title: words(row) for title, column, words in _FACTS if column in row}
        found.append(FailedPatient(name, float(dice.max()), int(dice.argmax()) + 1, facts))
    return found


def pictures(table: SegmentationTable, looks: Sequence[Look]) -> tuple[dict[str, tuple[Picture, ...]], tuple[str, ...]]:
    """Pictures of patients by heading, and in words what could not be shown."""
    places = contours.with_masks(table)
    if not places:
        return {}, (NO_MASKS,)
    notes = []
    passed = [str(looks[k].number) for k in range(places[-1]) if k not in places]
    if passed:
        notes.append(f"Not drawn, as not all of their runs hold masks: configurations {', '.join(passed)}.")
    found: dict[str, tuple[Picture, ...]] = {}
    black: list[str] = []
    for heading, names in _chosen(by_difficulty(table)).items():
        strips = []
        for name in names:
            try:
                shown = contours.drawn(table, looks, places, name)
            except UserError as error:
                notes.append(f"{name} could not be drawn: {error}")
                continue
            if not shown.background:
                black.append(name)
            mean = float(np.mean(table.dice[table.patients.index(name)]))
            caption = f"{name}: Dice {mean:.3f}" + (" over all configurations" if len(looks) > 1 else "")
            alt = f"{caption}; slice {shown.number}. The true outline in green, predicted outlines in magenta."
            strips.append(png(contours.strip(shown), "", alt, caption, DPI))
        found[heading] = tuple(strips)
    if black:
        notes.append(
            "Contours stand on black where the data tree of the run is gone, or no longer holds the slices that were "
            f"measured: {', '.join(black)}."
        )
    return found, tuple(notes)


def _chosen(order: Sequence[str]) -> dict[str, Sequence[str]]:
    few = min(MOST_PATIENTS, max(1, len(order) // 2))
    hardest = {"The hardest": order[:few]}
    return hardest | ({"The easiest": order[::-1][:few]} if len(order) > 1 else {})
