"""Results of outcome models as tables on the terminal, rows of a CSV, and ROC curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from rich.table import Table
from rich.text import Text
from sklearn.metrics import roc_curve

from lgg_seg.metrics.arrays import Bools, Floats
from lgg_seg.radiomics.leakage import LEAKS, Protocol
from lgg_seg.radiomics.outcome import FEW_EVENTS, Result
from lgg_seg.statistics.auroc import SUSPICIOUS

Row = Mapping[str, Any]
_COLOURS = ("#7a7a7a", "#2ca25f", "#3b6fb6", "#d81b60", "#e6a700")


def outcome_tables(rows: Sequence[Row]) -> list[Table]:
    """A table a question, a row a set of predictors; what is suspiciously good is marked. The last has the caption."""
    tables = []
    for question in dict.fromkeys(row["question"] for row in rows):
        of_question = [row for row in rows if row["question"] == question]
        first = of_question[0]
        title = f"{question}: {first['meaning']}; yes for {first['positives']} of {first['patients']} patients"
        table = Table(title=title, title_justify="left", caption_justify="left")
        for column in ("predictors", "AUC", "95 % interval", "±", "p", "p (Holm)"):
            table.add_column(column, justify="left" if column == "predictors" else "right")
        for row in of_question:
            interval = row["ci95"]
            table.add_row(
                row["predictors"],
                f"{row['auc']:.3f}" + (" (!)" if row["suspicious"] else ""),
                "-" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}",
                "-" if interval is None else f"{(interval[1] - interval[0]) / 2:.3f}",
                _p(row["p_permutation"]),
                _p(row["p_holm"]),
                style="yellow" if row["suspicious"] else None,
            )
        tables.append(table)
    tables[-1].caption = caption(rows)
    return tables


def caption(rows: Sequence[Row]) -> str:
    """How the numbers were made, and every reservation a reader must know."""
    shuffles = rows[0]["permutations"]
    lines = [
        f"nested cross-validation by patient, {len(rows[0]['repetitions'])} times; scaling, filling of gaps and choice "
        "of the model inside the folds",
        "interval: bootstrap over patients; "
        + (f"p: {shuffles} shuffles of the outcomes" if shuffles else "no p, for nothing was shuffled"),
    ]
    for question in dict.fromkeys(row["question"] for row in rows):
        of_question = [row for row in rows if row["question"] == question]
        positives, patients = of_question[0]["positives"], of_question[0]["patients"]
        events = min(positives, patients - positives)
        if events < FEW_EVENTS:
            widest = max(row["half_width_expected"] for row in of_question)
            lines.append(
                f"FEW EVENTS: {question} has {events} patients of the rarer outcome; any AUC here is known to "
                f"about ±{widest:.2f} (Hanley and McNeil)"
            )
    return "\n".join([*lines, *suspicions(rows)])


def suspicions(rows: Sequence[Row], source: str = "predictors") -> list[str]:
    """A line for each result that is too good to be believed at once; `source` is the key of what it was made from."""
    return [
        f"WARNING: {row['question']} from {row[source]}: AUC {row['auc']:.3f} is beyond {SUSPICIOUS}: look for a leak "
        "before believing it"
        for row in rows
        if max(row["auc"], 1 - row["auc"]) > SUSPICIOUS
    ]


def single_table(rows: Sequence[Row]) -> Table:
    """The published features one by one."""
    notes = [
        "AUC below 0.5: the feature is lower where the answer is yes; p: Mann-Whitney, uncorrected",
        "published (Buda 2019): 1/BEVR for RNASeq cluster R2 against the rest, AUC about 0.80",
        *suspicions(rows, "feature"),
    ]
    table = Table(
        title="single shape features, no model",
        caption="\n".join(notes),
        title_justify="left",
        caption_justify="left",
    )
    for column in ("question", "feature", "yes / all", "AUC", "95 % interval", "p"):
        table.add_column(column, justify="left" if column in ("question", "feature") else "right")
    for row in rows:
        interval = row["ci95"]
        table.add_row(
            row["question"],
            row["feature"],
            f"{row['positives']} / {row['patients']}",
            f"{row['auc']:.3f}",
            "-" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}",
            _p(row["p_mann_whitney"]),
        )
    return table


def leak_table(protocols: Sequence[Protocol]) -> Table:
    """The published number, ours with the leak, and the honest one."""
    table = Table(
        title="death01 from slices: the 100 % of study 004",
        caption="The control has no signal to find: what scores on it has learned to recognise patients.",
        title_justify="left",
        caption_justify="left",
    )
    for column in ("what", "split", "accuracy", "AUC of slices", "AUC of patients"):
        table.add_column(column, justify="left" if column in ("what", "split") else "right")
    for one in protocols:
        interval = one.patient_ci95
        table.add_row(
            one.name,
            Text(one.verdict, style="bold red" if one.verdict.startswith(LEAKS) else ""),
            f"{one.accuracy:.3f}",
            "-" if one.auc is None else f"{one.auc:.3f}",
            ("-" if one.patient_auc is None else f"{one.patient_auc:.3f}")
            + ("" if interval is None else f" ({interval[0]:.3f} to {interval[1]:.3f})"),
        )
    return table


def prediction_rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Each patient's outcome and mean out-of-fold probability, by question and predictors."""
    return [
        {
            "question": one.question.name,
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
        plain = {key: value for key, value in row.items() if key not in (interval, "repetitions")}
        low, high = row[interval] or (None, None)
        plain |= {f"{interval}_low": low, f"{interval}_high": high}
        if "chosen" in row:
            plain["chosen"] = "; ".join(f"{name} ({times})" for name, times in row["chosen"].items())
        made.append(plain)
    return made


def curves_by_question(results: Sequence[Result]) -> dict[str, dict[str, tuple[Bools, Floats]]]:
    """What `roc_figure` draws: outcomes and mean probabilities, by question and by predictors with their AUC."""
    curves: dict[str, dict[str, tuple[Bools, Floats]]] = {}
    for one in results:
        label = f"{one.predictors}: AUC {one.auc:.3f}"
        curves.setdefault(one.question.name, {})[label] = (one.truth, one.scores.mean(axis=0))
    return curves


def roc_figure(curves: Mapping[str, Mapping[str, tuple[Bools, Floats]]]) -> Figure:
    """A panel a question; in it a curve a set of predictors, from outcomes (N,) and scores (N,).

    Args:
        curves: by the panel's title, then by the curve's name.
    """
    figure = Figure(figsize=(4.6 * len(curves) + 0.4, 5.6), layout="constrained")
    for axes, (title, of_panel) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True):
        axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=0.8, linestyle=":")
        for colour, (name, (truth, scores)) in zip(_COLOURS, of_panel.items(), strict=False):
            false, true, _ = roc_curve(truth, scores)
            axes.plot(false, true, color=colour, label=name)
        axes.set(title=title, xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
        axes.legend(frameon=False, fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.14))
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _p(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}"
