"""Clinical data (`data.csv`) as numbers: endpoints to predict, and predictors for them.

No code book ships with the data. A code is a category, never a quantity: code 3 is not three times code 1.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lgg_seg.config.suggestions import did_you_mean
from lgg_seg.data.kaggle.index import Index
from lgg_seg.data.labels import GRADE, GRADES
from lgg_seg.errors import UserError

DEATH = "death01"
AGE = "age_at_initial_pathologic"
MOLECULAR = (
    "RNASeqCluster", "MethylationCluster", "miRNACluster", "CNCluster", "RPPACluster", "OncosignCluster", "COCCluster",
)  # fmt: skip
CODED = (
    *MOLECULAR, "histological_type", GRADE, "tumor_tissue_site", "laterality", "tumor_location", "gender", "race",
    "ethnicity", DEATH,
)  # fmt: skip
COLUMNS = (*CODED, AGE)
TARGETS = {"death01": DEATH, "grade": GRADE, **{name: name for name in MOLECULAR}}  # columns by value of `target`
MIN_PATIENTS = 5  # patients needed with and without the outcome: with fewer, a fold would hold none


@dataclass(frozen=True)
class Endpoint:
    """A binary outcome of every patient."""

    name: str  # as in the tables: `death01`, `grade`, `RNASeqCluster:2`
    column: str  # of `data.csv`
    positive: int  # the code of the positive class
    meaning: str

    def labels(self, clinical: pd.DataFrame) -> pd.Series:
        """Labels by patient, 1.0 or 0.0; patients without an entry are left out, never imputed."""
        known = clinical[self.column].dropna()
        return (known == self.positive).astype(float)


def clinical_table(index: Index) -> pd.DataFrame:
    """The known columns of `data.csv`, a row per patient of the data set, NaN for an empty cell."""
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


def endpoints(target: str, clinical: pd.DataFrame) -> list[Endpoint]:
    """Endpoints of `target`: one, or for a molecular column one per cluster, against all other clusters.

    `RNASeqCluster:2` is one cluster alone. Clusters of fewer than `MIN_PATIENTS` patients are left out.
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
        candidates = [Endpoint(name, column, 1, "death on record, whenever it came")]
    elif name == "grade":
        grade_ii, grade_iii = sorted(GRADES, key=GRADES.__getitem__)
        meaning = f"WHO grade III (code {grade_iii}) against II (code {grade_ii})"
        candidates = [Endpoint(name, column, int(grade_iii), meaning)]
    else:
        codes = [int(code)] if code else sorted(int(value) for value in known.unique())
        candidates = [Endpoint(f"{name}:{k}", column, k, f"{name} {k} against the rest") for k in codes]
    positives = {one: int(one.labels(clinical).sum()) for one in candidates}
    enough = [one for one, n in positives.items() if min(n, len(known) - n) >= MIN_PATIENTS]
    if not enough:
        counts = ", ".join(f"{one.name} has {n} of {len(known)}" for one, n in positives.items())
        raise UserError(
            f"{counts} patients, and {MIN_PATIENTS} with and {MIN_PATIENTS} without are the least that can be divided "
            "into folds; use data of more patients or another target"
        )
    return enough


def clinical_predictors(clinical: pd.DataFrame, endpoint: Endpoint) -> pd.DataFrame:
    """Clinical predictors of an endpoint: age and the codes of pathology, tumour site and person.

    Not its own column, `death01`, which is later than all others, or molecular clusters, which derive from each other.
    """
    return encode(clinical[[c for c in COLUMNS if c not in (endpoint.column, DEATH, *MOLECULAR)]])


def encode(table: pd.DataFrame) -> pd.DataFrame:
    """One-hot codes (one column for two) beside the columns that vary and are no codes; an empty cell stays NaN."""
    parts = [pd.DataFrame(index=table.index)]
    for name, column in table.items():
        codes = column.nunique()
        if codes < 2:
            continue
        if name not in CODED:
            parts.append(column.to_frame())
            continue
        one_hot = pd.get_dummies(column, dtype=float, drop_first=codes == 2).rename(columns=f"{name}={{:g}}".format)
        one_hot[column.isna()] = np.nan
        parts.append(one_hot)
    return pd.concat(parts, axis=1)
