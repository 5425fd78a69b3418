"""The "100 %" of study 004 (Nandwana 2022) made again with its leak, beside the same with the leak closed.

The article fills every gap of `data.csv`, that of `death01` included, from four neighbours and rounds; joins the rows
to the slices by patient; and calls all points classified. Each patient thereby stands in the table twenty to ninety
times with the same clinical row, and a split over slices tests on patients that were trained on. The article names
neither its classifier nor its split: a random forest and five folds over the slices are what we suppose. The code it
was deployed with takes the standard deviation of the mask's pixel values, not of the tumour's coordinates, and so does
this.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import KNNImputer
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from lgg_seg.errors import UserError
from lgg_seg.metrics.arrays import Bools, Floats, Ints
from lgg_seg.radiomics.clinical import DEATH
from lgg_seg.statistics.auroc import auc, auc_interval

FOLDS, NEIGHBOURS = 5, 4
LEAKS = "LEAKS"


@dataclass(frozen=True)
class Protocol:
    """What one way of testing gives; None where it is not known.

    Attributes:
        name: what was done.
        verdict: `LEAKS: …`, `by patient`, …, as it stands in every output.
        accuracy: of slices.
        auc: of slices.
        patient_auc: of patients, by the mean probability of their slices.
        patient_ci95: its 95 % bootstrap interval over patients.
        slices: how many were tested.
        patients: whose they are.
    """

    name: str
    verdict: str
    accuracy: float
    auc: float | None = None
    patient_auc: float | None = None
    patient_ci95: tuple[float, float] | None = None
    slices: int | None = None
    patients: int | None = None

    def as_dict(self) -> dict[str, object]:
        """As it stands in `leak.json`."""
        return asdict(self)


@dataclass(frozen=True)
class Comparison:
    """The rows of the table, and the slices' outcomes and out-of-fold probabilities by row, for the figure."""

    protocols: tuple[Protocol, ...]
    curves: dict[str, tuple[Bools, Floats]]


def compare_protocols(per_slice: pd.DataFrame, clinical: pd.DataFrame, seed: int) -> Comparison:
    """Predict `death01` of slices as the article did, as a control, and by patient.

    Args:
        per_slice: of `Features`.
        clinical: of `clinical_table`.
        seed: of the folds, the forest and the control's shuffle.

    Raises:
        UserError: fewer than `FOLDS` patients have either outcome.
    """
    known = clinical[clinical[DEATH].notna()]
    if min((known[DEATH] == outcome).sum() for outcome in (0, 1)) < FOLDS:
        raise UserError(
            f"death01 is 1 for {int(known[DEATH].sum())} of {len(known)} patients; {FOLDS} folds take at least {FOLDS} "
            "of either outcome: use a tree of more patients"
        )
    filled = pd.DataFrame(
        KNNImputer(n_neighbors=NEIGHBOURS, keep_empty_features=True).fit_transform(clinical).round(),
        index=clinical.index,
        columns=clinical.columns,
    )
    shuffled = filled.assign(**{DEATH: np.random.default_rng(seed).permutation(filled[DEATH].to_numpy())})
    leaky, control = _over_slices(per_slice, filled, seed), _over_slices(per_slice, shuffled, seed)
    honest = _by_patient(per_slice, known, seed)
    majority = max(honest.truth.mean(), 1 - honest.truth.mean())
    split = f"{LEAKS}: patients on both sides"
    rows = (
        Protocol("study 004, as published", "not stated", accuracy=1.0),
        _protocol("join on slices, split over slices", f"{split}, death01 filled in", leaky),
        _protocol("the same, outcomes dealt to patients at random", f"{split}: a control", control),
        _protocol("the same classifier, split by patient", "by patient", honest, of_patients=True),
        Protocol("always the commoner outcome", "nothing learned", float(majority), 0.5, 0.5),
    )
    tested = {f"{LEAKS}: split over slices": leaky, "split by patient": honest}
    curves = {f"{name}: AUC {auc(t.scores, t.truth):.3f}": (t.truth, t.scores) for name, t in tested.items()}
    return Comparison(rows, curves)


@dataclass(frozen=True)
class _Tested:
    patients: Ints
    truth: Bools
    scores: Floats


def article_features(per_slice: pd.DataFrame) -> pd.DataFrame:
    """The article's four numbers of a slice: area in per cent, SD of the mask's values, centroid (0 without tumour)."""
    share = per_slice["area_px"] / per_slice["slice_px"]
    return pd.DataFrame(
        {
            "area_percent": 100 * share,
            "mask_sd": np.sqrt(share * (1 - share)),
            "centroid_x": per_slice["centroid_column"].fillna(0),
            "centroid_y": per_slice["centroid_row"].fillna(0),
        }
    )


def _over_slices(per_slice: pd.DataFrame, filled: pd.DataFrame, seed: int) -> _Tested:
    """The leak: slices of one patient, with one clinical row, are trained on and tested."""
    joined = filled.loc[per_slice["patient"]].reset_index(drop=True)
    table = pd.concat([article_features(per_slice), joined.drop(columns=DEATH)], axis=1).to_numpy()
    truth = np.asarray(joined[DEATH].to_numpy() == 1)
    scores = np.full(truth.size, np.nan)
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(table, truth):
        scores[test] = _forest(seed).fit(table[train], truth[train]).predict_proba(table[test])[:, 1]
    return _Tested(pd.factorize(per_slice["patient"])[0].astype(np.int64), truth, scores)


def _by_patient(per_slice: pd.DataFrame, known: pd.DataFrame, seed: int) -> _Tested:
    """The leak closed: whole patients are held out, gaps are filled from training patients, outcomes never."""
    slices = per_slice[per_slice["patient"].isin(known.index)].reset_index(drop=True)
    patients = pd.Index(known.index).get_indexer(slices["patient"]).astype(np.int64)
    sheet, outcome = known.drop(columns=DEATH).to_numpy(), np.asarray(known[DEATH].to_numpy() == 1)
    shapes, truth = article_features(slices).to_numpy(), outcome[patients]
    scores = np.full(truth.size, np.nan)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(shapes, truth, patients):
        imputer = KNNImputer(n_neighbors=NEIGHBOURS, keep_empty_features=True)
        table = np.concatenate(
            [shapes, imputer.fit(sheet[np.unique(patients[train])]).transform(sheet)[patients]], axis=1
        )
        scores[test] = _forest(seed).fit(table[train], truth[train]).predict_proba(table[test])[:, 1]
    return _Tested(patients, truth, scores)


def _forest(seed: int) -> Any:
    return RandomForestClassifier(random_state=seed)


def _protocol(name: str, verdict: str, tested: _Tested, *, of_patients: bool = False) -> Protocol:
    accuracy = float(((tested.scores > 0.5) == tested.truth).mean())
    row = Protocol(
        name,
        verdict,
        accuracy,
        auc(tested.scores, tested.truth),
        slices=tested.truth.size,
        patients=len(np.unique(tested.patients)),
    )
    if not of_patients:
        return row
    means = pd.DataFrame({"score": tested.scores, "truth": tested.truth}).groupby(tested.patients).mean()
    scores, truth = means["score"].to_numpy(), np.asarray(means["truth"].to_numpy() == 1)
    return Protocol(**{**vars(row), "patient_auc": auc(scores, truth), "patient_ci95": auc_interval(scores, truth)})
