"""Patient leakage of study 004 (Nandwana 2022): its "100 %" with the leak, a control, and the same by patient.

`python -m experiments.study_004.leak [data.root=FOLDER] [output=FOLDER] [seed=0]`, in the folder of a checkout.

The article imputes every gap of `data.csv`, that of `death01` included, from four neighbours and rounds; joins the rows
to the slices by patient; and calls all points classified. A patient's clinical row is thereby in the table twenty to
ninety times, and a split over slices tests on patients who were trained on. The article names neither its classifier
nor its split: a random forest and five folds over the slices are our assumption. The code it was deployed with takes
the standard deviation of the mask's pixel values, not of the tumour's coordinates, and so does this.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, replace
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict

from lgg_seg.cli.arguments import arguments_of
from lgg_seg.cli.console import command
from lgg_seg.cli.logs import configure_logs
from lgg_seg.data.kaggle.index import build_index
from lgg_seg.data.kaggle.listing import DEFAULT_ROOT
from lgg_seg.errors import UserError
from lgg_seg.metrics.arrays import Bools, Floats, Ints
from lgg_seg.radiomics.__main__ import Output, Root, Seed, measure_masks, new_folder, provenance
from lgg_seg.radiomics.clinical import DEATH, clinical_table
from lgg_seg.radiomics.nested import RoundedImputer
from lgg_seg.reporting.formatting import number, three, with_interval
from lgg_seg.reporting.outcomes import flat, roc_figure
from lgg_seg.reporting.table import Column, rich_table
from lgg_seg.statistics.auroc import auc, auc_interval
from lgg_seg.statistics.bootstrap import Interval

FOLDS = 5
LEAKS = "LEAKS"
_COLUMNS = (
    Column("", "what", attrgetter("name"), left=True),
    Column("", "split", attrgetter("verdict"), left=True),
    Column("", "accuracy", attrgetter("accuracy"), three),
    Column("", "AUC of slices", attrgetter("auc"), number),
    Column("", "AUC of patients", text=lambda one: with_interval(one.patient_auc, one.patient_ci95)),
)


@dataclass(frozen=True)
class Protocol:
    """Result of one way of testing; None where it is unknown."""

    name: str
    verdict: str  # `LEAKS: …`, `by patient`, …, as in every output
    accuracy: float  # of slices
    auc: float | None = None  # of slices
    patient_auc: float | None = None  # by the mean probability of a patient's slices
    patient_ci95: Interval = None  # 95 % bootstrap interval of `patient_auc`
    slices: int | None = None  # number of tested slices
    patients: int | None = None


class Comparison(NamedTuple):
    """Rows of the table; and by curve of the figure, outcomes and out-of-fold probabilities of the slices (N,)."""

    protocols: tuple[Protocol, ...]
    curves: dict[str, tuple[Bools, Floats]]


class _Tested(NamedTuple):
    """Patient, outcome and out-of-fold probability of each slice (N,)."""

    patients: Ints
    truth: Bools
    scores: Floats


def compare_protocols(per_slice: pd.DataFrame, clinical: pd.DataFrame, seed: int) -> Comparison:
    """Prediction of `death01` of slices as in the article, as a control, and by patient.

    `per_slice` is that of `Features`; `seed` is of the folds, the forest and the control's shuffle.
    """
    known = clinical[clinical[DEATH].notna()]
    if min((known[DEATH] == outcome).sum() for outcome in (0, 1)) < FOLDS:
        raise UserError(
            f"death01 is 1 for {int(known[DEATH].sum())} of {len(known)} patients; {FOLDS} folds take at least {FOLDS} "
            "of either outcome: use data of more patients"
        )
    imputed = pd.DataFrame(RoundedImputer().fit(clinical).transform(clinical), clinical.index, clinical.columns)
    shuffled = imputed.assign(**{DEATH: np.random.default_rng(seed).permutation(imputed[DEATH].to_numpy())})
    leaky, control = _over_slices(per_slice, imputed, seed), _over_slices(per_slice, shuffled, seed)
    by_patient = _by_patient(per_slice, known, seed)
    majority = float(max(by_patient.truth.mean(), 1 - by_patient.truth.mean()))
    split = f"{LEAKS}: patients on both sides"
    rows = (
        Protocol("study 004, as published", "not stated", accuracy=1.0),
        _protocol("join on slices, split over slices", f"{split}, death01 filled in", leaky),
        _protocol("the same, outcomes dealt to patients at random", f"{split}: a control", control),
        _with_patients(_protocol("the same classifier, split by patient", "by patient", by_patient), by_patient),
        Protocol("always the commoner outcome", "nothing learned", majority, 0.5, 0.5),
    )
    tested = {f"{LEAKS}: split over slices": leaky, "split by patient": by_patient}
    curves = {f"{name}: AUC {auc(t.scores, t.truth):.3f}": (t.truth, t.scores) for name, t in tested.items()}
    return Comparison(rows, curves)


def article_features(per_slice: pd.DataFrame) -> pd.DataFrame:
    """Four features of a slice as in the article: area in per cent, SD of the mask, centroid (0 without tumour)."""
    share = per_slice["area_px"] / per_slice["slice_px"]
    return pd.DataFrame(
        {
            "area_percent": 100 * share,
            "mask_sd": np.sqrt(share * (1 - share)),
            "centroid_x": per_slice["centroid_column"].fillna(0),
            "centroid_y": per_slice["centroid_row"].fillna(0),
        }
    )


def _over_slices(per_slice: pd.DataFrame, imputed: pd.DataFrame, seed: int) -> _Tested:
    """The leak: a patient's slices, with one clinical row, are in training and test."""
    joined = imputed.loc[per_slice["patient"]].reset_index(drop=True)
    table = pd.concat([article_features(per_slice), joined.drop(columns=DEATH)], axis=1).to_numpy()
    truth = np.asarray(joined[DEATH].to_numpy() == 1)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    forest = RandomForestClassifier(random_state=seed)
    scores = cross_val_predict(forest, table, truth, cv=folds, method="predict_proba")[:, 1]
    return _Tested(pd.factorize(per_slice["patient"])[0].astype(np.int64), truth, scores)


def _by_patient(per_slice: pd.DataFrame, known: pd.DataFrame, seed: int) -> _Tested:
    """The leak closed: whole patients are held out, gaps are imputed from training patients, outcomes never."""
    slices = per_slice[per_slice["patient"].isin(known.index)].reset_index(drop=True)
    patients = pd.Index(known.index).get_indexer(slices["patient"]).astype(np.int64)
    sheet, truth = known.drop(columns=DEATH).to_numpy(), np.asarray(known[DEATH].to_numpy() == 1)[patients]
    shapes, scores = article_features(slices).to_numpy(), np.full(truth.size, np.nan)
    for train, test in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(shapes, truth, patients):
        # No pipeline: neighbours are patients, each once, not slices.
        imputed = RoundedImputer().fit(sheet[np.unique(patients[train])]).transform(sheet)
        table = np.hstack([shapes, imputed[patients]])
        forest = RandomForestClassifier(random_state=seed).fit(table[train], truth[train])
        scores[test] = forest.predict_proba(table[test])[:, 1]
    return _Tested(patients, truth, scores)


def _protocol(name: str, verdict: str, tested: _Tested) -> Protocol:
    accuracy = float(((tested.scores > 0.5) == tested.truth).mean())
    area, patients = auc(tested.scores, tested.truth), len(np.unique(tested.patients))
    return Protocol(name, verdict, accuracy, area, slices=tested.truth.size, patients=patients)


def _with_patients(row: Protocol, tested: _Tested) -> Protocol:
    means = pd.DataFrame({"score": tested.scores, "truth": tested.truth}).groupby(tested.patients).mean()
    scores, truth = means["score"].to_numpy(), np.asarray(means["truth"].to_numpy() == 1)
    return replace(row, patient_auc=auc(scores, truth), patient_ci95=auc_interval(scores, truth))


def replicate(root: Root = DEFAULT_ROOT, output: Output = None, seed: Seed = 0) -> None:
    """Replicate the 100 % of study 004 with its leak, beside a control on random outcomes and a split by patient."""
    index = build_index(root)
    clinical = clinical_table(index)
    compared = compare_protocols(measure_masks(index).per_slice, clinical, seed)
    folder = new_folder(output, "leak")
    rows = [asdict(one) for one in compared.protocols]
    made = provenance(index, "experiments.study_004.leak", [f"seed={seed}"])
    folder.write_json("leak.json", made | {"protocols": rows})
    folder.write_table("leak.csv", flat(rows, "patient_ci95"))
    with folder.writing("roc_leak.png") as path:
        roc_figure({"death01 of slices": compared.curves}).savefig(path, dpi=130)
    Console().print(_table(compared.protocols))
    print(f"written to {folder.display_path}")


def _table(protocols: tuple[Protocol, ...]) -> Table:
    """The published number, ours with the leak, and ours by patient."""
    title = "death01 from slices: the 100 % of study 004"
    caption = "The control has no signal to find: what scores on it has learned to recognise patients."
    return rich_table(_COLUMNS, protocols, title, caption, lambda one: "bold red" if LEAKS in one.verdict else None)


@command
@arguments_of(replicate, "experiments.study_004.leak [key=value …]")
def main(given: dict[str, Any]) -> int:
    """Replicate, write and print."""
    configure_logs()
    replicate(**given)
    return 0


if __name__ == "__main__":
    sys.exit(main())
