"""Outcome models as tables on the terminal, rows of a CSV, and ROC curves."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from matplotlib.figure import Figure
from rich.table import Table
from sklearn.metrics import roc_curve

from lgg_seg.metrics.arrays import Bools, Floats
from lgg_seg.radiomics.model import OutcomeModel
from lgg_seg.radiomics.outcome import Result
from lgg_seg.reporting.figures import roc_axes
from lgg_seg.reporting.formatting import interval, p_value, three, with_interval
from lgg_seg.reporting.table import Column, rich_table
from lgg_seg.statistics.auroc import SUSPICIOUS

FEW_EVENTS = 30  # patients of the rarer outcome below which a table says how wide an interval must be expected
Row = Mapping[str, Any]
_COLOURS = ("#7a7a7a", "#00806a", "#0060a8", "#c8500a", "#e6a700")


_OUTCOMES = (
    Column("", "predictors", itemgetter("predictors"), left=True),
    Column("", "AUC", text=lambda row: three(row["auc"]) + (" (!)" if row["suspicious"] else "")),
    Column("", "95 % interval", itemgetter("ci95"), interval),
    Column("", "±", itemgetter("ci95"), lambda ci95: three((ci95[1] - ci95[0]) / 2)),
    Column("", "p", itemgetter("p_permutation"), p_value),
    Column("", "p (Holm)", itemgetter("p_holm"), p_value),
)
_FEATURES = (
    Column("", "question", itemgetter("question"), left=True),
    Column("", "feature", itemgetter("feature"), left=True),
    Column("", "yes / all", text=lambda row: f"{row['positives']} / {row['patients']}"),
    Column("", "AUC", itemgetter("auc"), three),
    Column("", "95 % interval", itemgetter("ci95"), interval),
    Column("", "p", itemgetter("p_mann_whitney"), p_value),
)


def outcome_tables(rows: Sequence[Row]) -> list[Table]:
    """A table per endpoint, a row per set of predictors; suspicious results are marked. The last has the caption."""
    by_endpoint = _by_endpoint(rows)
    tables: list[Table] = []
    for endpoint, of_endpoint in by_endpoint.items():
        first = of_endpoint[0]
        title = f"{endpoint}: {first['meaning']}; yes for {first['positives']} of {first['patients']} patients"
        below = caption(rows) if len(tables) == len(by_endpoint) - 1 else None
        tables.append(
            rich_table(_OUTCOMES, of_endpoint, title, below, lambda row: "yellow" if row["suspicious"] else None)
        )
    return tables


def answer_table(model: OutcomeModel, patients: Sequence[str], probabilities: Sequence[float]) -> Table:
    """What an outcome model says of new patients, and how far it is to be believed."""
    columns = (Column("", "patient", itemgetter(0), left=True), Column("", "probability", itemgetter(1), three))
    positives, count = sum(model.truth), len(model.truth)
    chance = model.ci95 is None or model.ci95[0] <= 0.5
    below = (
        f"{model.candidate}, from shapes of {model.masks} masks of {count} patients, of whom {positives} had it "
        f"({positives / count:.3f}); out-of-fold AUC {with_interval(model.auc, model.ci95)}"
        + ("; that may be chance: these probabilities tell nothing" if chance else "")
        + ". Research software and no medical device."
    )
    rows = list(zip(patients, probabilities, strict=True))
    return rich_table(columns, rows, f"{model.question}: {model.meaning}", below)


def caption(rows: Sequence[Row]) -> str:
    """Method of the numbers, and every reservation a reader must know."""
    shuffles = rows[0]["permutations"]
    lines = [
        f"nested cross-validation by patient, {len(rows[0]['repetitions'])} times; scaling, filling of gaps and choice "
        "of the model inside the folds",
        "interval: bootstrap over patients; "
        + (f"p: {shuffles} shuffles of the outcomes" if shuffles else "no p, for nothing was shuffled"),
    ]
    for endpoint, of_endpoint in _by_endpoint(rows).items():
        positives, patients = of_endpoint[0]["positives"], of_endpoint[0]["patients"]
        events = min(positives, patients - positives)
        if events < FEW_EVENTS:
            widest = max(row["half_width_expected"] for row in of_endpoint)
            lines.append(
                f"FEW EVENTS: {endpoint} has {events} patients of the rarer outcome; any AUC here is known to "
                f"about ±{widest:.2f} (Hanley and McNeil)"
            )
    return "\n".join([*lines, *suspicions(rows)])


def suspicions(rows: Sequence[Row], source: str = "predictors") -> list[str]:
    """A warning for each result too good to be believed at once; `source` is the key of what it was made from."""
    return [
        f"WARNING: {row['question']} from {row[source]}: AUC {row['auc']:.3f} is beyond {SUSPICIOUS}: look for a leak "
        "before believing it"
        for row in rows
        if max(row["auc"], 1 - row["auc"]) > SUSPICIOUS
    ]


def single_table(rows: Sequence[Row]) -> Table:
    """Published features one by one."""
    notes = [
        "AUC below 0.5: the feature is lower where the answer is yes; p: Mann-Whitney, uncorrected",
        "published (Buda 2019): 1/BEVR for RNASeq cluster R2 against the rest, AUC about 0.80",
        *suspicions(rows, "feature"),
    ]
    return rich_table(_FEATURES, rows, "single shape features, no model", "\n".join(notes))


def prediction_rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Rows of `predictions.csv`: each patient's outcome and mean out-of-fold probability."""
    return [
        {
            "question": one.endpoint.name,
            "predictors": one.predictors,
            "patient": patient,
            "outcome": int(truth),
            "probability": float(probability),
        }
        for one in results
        for patient, truth, probability in zip(one.patients, one.truth, one.scores.mean(axis=0), strict=True)
    ]


def flat(rows: Sequence[Row], interval: str = "ci95") -> list[dict[str, Any]]:
    """Rows for a CSV: the interval as two columns, models chosen as text, repetitions left out."""
    made = []
    for row in rows:
        low, high = row[interval] or (None, None)
        plain = {key: value for key, value in row.items() if key not in (interval, "repetitions")}
        plain |= {f"{interval}_low": low, f"{interval}_high": high}
        if "chosen" in row:
            plain["chosen"] = "; ".join(f"{name} ({times})" for name, times in row["chosen"].items())
        made.append(plain)
    return made


def curves_by_endpoint(results: Sequence[Result]) -> dict[str, dict[str, tuple[Bools, Floats]]]:
    """Outcomes and mean probabilities for `roc_figure`, by endpoint and by predictors with their AUROC."""
    curves: dict[str, dict[str, tuple[Bools, Floats]]] = {}
    for one in results:
        label = f"{one.predictors}: AUC {one.auc:.3f}"
        curves.setdefault(one.endpoint.name, {})[label] = (one.truth, one.scores.mean(axis=0))
    return curves


def roc_figure(curves: Mapping[str, Mapping[str, tuple[Bools, Floats]]]) -> Figure:
    """ROC curves, a panel per endpoint, from outcomes (N,) and scores (N,) by panel title and curve name."""
    figure = Figure(figsize=(4.6 * len(curves) + 0.4, 5.6), layout="constrained")
    for axes, (title, of_panel) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True):
        roc_axes(axes, title)
        for colour, (name, (truth, scores)) in zip(_COLOURS, of_panel.items(), strict=False):
            false, true, _ = roc_curve(truth, scores)
            axes.plot(false, true, color=colour, label=name)
        axes.set(aspect="equal")
        axes.legend(frameon=False, fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.14))
    return figure


def _by_endpoint(rows: Sequence[Row]) -> dict[str, list[Row]]:
    return {
        name: [row for row in rows if row["question"] == name] for name in dict.fromkeys(r["question"] for r in rows)
    }
