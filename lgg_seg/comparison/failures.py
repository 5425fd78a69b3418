"""Where configurations fail: by groups of patients, and on which patients all of them do."""

from dataclasses import dataclass

import numpy as np

from lgg_seg.comparison.segmentation import SegmentationTable
from lgg_seg.metrics.strata import patient_strata

FAILED = 0.5  # Dice of a patient below which less than half of the tumour and its segmentation agree


@dataclass(frozen=True)
class Stratum:
    """A group of patients, with each entry's mean Dice there, in the table's order."""

    stratum: str
    group: str
    patients: tuple[str, ...]
    dice: tuple[float, ...]


def strata(table: SegmentationTable) -> list[Stratum]:
    """The groups of `patient_strata` over the table's patients. The truth is the same for all entries."""
    truth = table.entries[0].patients.loc[table.patients].reset_index()
    records = [{str(column): value for column, value in row.items()} for row in truth.to_dict("records")]
    rows = {name: position for position, name in enumerate(table.patients)}
    return [
        Stratum(name, group, tuple(members), tuple(table.dice[[rows[one] for one in members]].mean(axis=0).tolist()))
        for name, groups in patient_strata(records).items()
        for group, members in groups.items()
    ]


def failed_by_all(table: SegmentationTable) -> list[str]:
    """The patients on whom every entry fails, the worst first."""
    best = table.dice.max(axis=1)
    return [table.patients[i] for i in np.argsort(best, kind="stable") if best[i] < FAILED]


def by_difficulty(table: SegmentationTable) -> list[str]:
    """All patients, from the one with the lowest Dice, averaged over the entries, to the one with the highest."""
    mean = table.dice.mean(axis=1)
    return [table.patients[i] for i in np.argsort(mean, kind="stable")]
