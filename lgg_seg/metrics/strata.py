"""Strata: groups of patients whose differences a mean over all patients hides."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Groups = dict[str, list[str]]


def patient_strata(rows: Sequence[Mapping[str, Any]]) -> dict[str, Groups]:
    """The patients of each group, from the rows of `per_patient.csv`, which need not hold every column.

    - `tumour_size` and `boundary`: thirds of these patients by tumour voxels and by boundary irregularity; equal
      patients are ordered by name.
    - `tumour_parts`: 26-connected components of the true tumour.
    - `institution`, `missing_sequence`: as the table has them.
    """
    strata = {
        "tumour_size": _thirds(rows, "truth_voxels", ("small", "medium", "large")),
        "tumour_parts": _by(rows, _components),
        "boundary": _thirds(rows, "boundary_complexity", ("smooth", "medium", "irregular")),
        "institution": _by(rows, lambda row: row.get("institution")),
        "missing_sequence": _by(rows, lambda row: row.get("missing_sequence")),
    }
    return {name: groups for name, groups in strata.items() if groups}


def _thirds(rows: Sequence[Mapping[str, Any]], column: str, names: tuple[str, str, str]) -> Groups:
    values = sorted((row[column], row["patient"]) for row in rows if _given(row.get(column)))
    thirds = zip(names, np.array_split([patient for _, patient in values], len(names)), strict=True)
    return {name: third.tolist() for name, third in thirds if len(third)}


def _by(rows: Sequence[Mapping[str, Any]], group_of: Callable[[Mapping[str, Any]], Any]) -> Groups:
    groups: Groups = {}
    for row in rows:
        group = group_of(row)
        if _given(group):
            groups.setdefault(str(group), []).append(row["patient"])
    return dict(sorted(groups.items()))


def _components(row: Mapping[str, Any]) -> str | None:
    if not _given(row.get("lesion_tp")):
        return None
    components = int(row["lesion_tp"]) + int(row["lesion_fn"])
    return str(components) if components < 2 else "2 or more"


def _given(value: Any) -> bool:
    return value is not None and value == value  # NaN is what pandas reads an empty cell as
