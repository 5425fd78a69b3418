"""`data.csv` as numbers: which columns are codes and which are measured, what is asked of them, what may answer.

No code book ships with the data. A code is a name here, never a quantity: code 3 is not three times code 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lgg_seg.config.suggestions import did_you_mean
from lgg_seg.data.kaggle.index import Index
from lgg_seg.errors import UserError

DEATH = "death01"
GRADE = "neoplasm_histologic_grade"
AGE = "age_at_initial_pathologic"
MOLECULAR = (
    "RNASeqCluster",
    "MethylationCluster",
    "miRNACluster",
    "CNCluster",
    "RPPACluster",
    "OncosignCluster",
    "COCCluster",
)
CODED = (
    *MOLECULAR,
    "histological_type",
    GRADE,
    "tumor_tissue_site",
    "laterality",
    "tumor_location",
    "gender",
    "race",
    "ethnicity",
    DEATH,
)
COLUMNS = (*CODED, AGE)
TARGETS = {"death01": DEATH, "grade": GRADE, **{name: name for name in MOLECULAR}}
"""What can be asked for, and its column."""

FEWEST = 5
"""Of either outcome: with fewer, a fold would hold none."""


@dataclass(frozen=True)
class Question:
    """A yes or no asked of every patient.

    Attributes:
        name: as in the tables: `death01`, `grade`, `RNASeqCluster:2`.
        column: of `data.csv`.
        positive: the code that counts as yes.
        meaning: in words.
    """

    name: str
    column: str
    positive: int
    meaning: str

    def labels(self, clinical: pd.DataFrame) -> pd.Series:
        """1.0 for yes and 0.0 for no by patient; who has no entry is left out, never filled in."""
        known = clinical[self.column].dropna()
        return (known == self.positive).astype(float)


def clinical_table(index: Index) -> pd.DataFrame:
    """The known columns of `data.csv`, a row a patient of the tree, by the tree's names; NaN where a cell is empty.

    Raises:
        UserError: the tree has no `data.csv` with rows for its patients, or a cell is no number.
    """
    file = index.root / "data.csv"
    rows = {patient.name: patient.clinical for patient in index.patients}
    if not any(rows.values()):
        raise UserError(
            f"{file} has no row for any of the {len(rows)} patients, so there is no outcome; put the dataset's "
            "data.csv there, with their names in its column Patient"
        )
    table = pd.DataFrame({name: {c: row.get(c, "") for c in COLUMNS} for name, row in rows.items()}).T
    try:
        return table.replace(["", "NA", "nan"], np.nan).astype(float)
    except ValueError as error:
        raise UserError(f"{file} holds a cell that is no number ({error}); mend or empty it") from error


def questions(target: str, clinical: pd.DataFrame) -> list[Question]:
    """What `target` asks: one question, or for a molecular column one a cluster, against the rest.

    `RNASeqCluster:2` asks for one cluster alone. Clusters of fewer than `FEWEST` patients are left out.

    Raises:
        UserError: there is no such target, `data.csv` does not hold it, or too few patients have either outcome.
    """
    name, _, code = target.partition(":")
    if name not in TARGETS or (code and not code.isdigit()):
        raise UserError(
            f"target is {target!r}; {did_you_mean(name, TARGETS)} One cluster is asked for as RNASeqCluster:2"
        )
    column = TARGETS[name]
    known = clinical[column].dropna()
    if known.empty:
        raise UserError(f"data.csv holds no {column} of these patients; choose another target")
    if name == "death01":
        asked = [Question(name, column, 1, "death on record, whenever it came")]
    elif name == "grade":
        asked = [Question(name, column, 2, "WHO grade III (code 2) against II (code 1)")]
    else:
        codes = [int(code)] if code else sorted(int(value) for value in known.unique())
        asked = [Question(f"{name}:{k}", column, k, f"{name} {k} against the rest") for k in codes]
    enough = [q for q in asked if min((q.labels(clinical) == outcome).sum() for outcome in (0, 1)) >= FEWEST]
    if not enough:
        yes = [int(q.labels(clinical).sum()) for q in asked]
        counts = ", ".join(f"{q.name} has {n} of {len(known)}" for q, n in zip(asked, yes, strict=True))
        raise UserError(
            f"{counts} patients, and {FEWEST} with and {FEWEST} without are the least that can be divided into folds; "
            "use a tree of more patients or another target"
        )
    return enough


def clinical_predictors(clinical: pd.DataFrame, question: Question) -> pd.DataFrame:
    """What the clinical data may say about `question`: age, codes of pathology, of place and of the person.

    Left out are the question's own column; `death01`, which lies in the future of all the others; and every molecular
    cluster, for they are derived from one another (COCCluster from the other six).
    """
    kept = [c for c in COLUMNS if c not in (question.column, DEATH, *MOLECULAR)]
    return encode(clinical[kept])


def molecular_predictors(clinical: pd.DataFrame) -> pd.DataFrame:
    """The molecular clusters, for questions that are not about them."""
    return encode(clinical[list(MOLECULAR)])


def encode(table: pd.DataFrame) -> pd.DataFrame:
    """Codes as columns of 0 and 1, a column a code (one for two codes); NaN throughout where the cell is empty.

    Columns with a single value say nothing and are dropped. Nothing is learned here: no scale, no filling in.
    """
    parts = []
    for name in table.columns:
        column = table[name]
        values: Sequence[float] = sorted(column.dropna().unique())
        if len(values) < 2:
            continue
        if name not in CODED:
            parts.append(column)
            continue
        of_codes = {f"{name}={v:g}": (column == v).astype(float) for v in (values[1:] if len(values) == 2 else values)}
        parts += [one.where(column.notna()).rename(title) for title, one in of_codes.items()]
    return pd.concat(parts, axis=1) if parts else pd.DataFrame(index=table.index)
