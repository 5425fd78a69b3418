"""A classifier's result: its table on the terminal and its ROC curve."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.table import Table

from lgg_seg.evaluation.classification import ClassifierEvaluation
from lgg_seg.metrics.binary import BinaryPredictions, patient_counts, roc
from lgg_seg.reporting.figures import PREDICTION
from lgg_seg.reporting.formatting import number
from lgg_seg.statistics.classification import roc_band

QUESTIONS = {"tumour": "does the slice show tumour?", "grade": "is the tumour of WHO grade III rather than II?"}
BAND_RESAMPLES = 1000
"""Of the curve's band, which is drawn, not read off."""


def classification_table(result: dict[str, Any], title: str, caption: str) -> Table:
    """`metrics.json` for people: each number with its interval over patients."""
    question = f"{QUESTIONS[result['target']]} {result['positive_slices']} of {result['slices']} slices: yes"
    table = Table(title=title, caption=f"{question}\n{caption}", title_justify="left", caption_justify="left")
    for column in ("metric", "value", "95 % interval"):
        table.add_column(column, justify="left" if column == "metric" else "right")
    for name, value in result["metrics"].items():
        if isinstance(value, dict):
            interval = " to ".join(map(number, value["ci95"])) if value["ci95"] else "-"
            table.add_row(name, number(value["value"]), interval, style="bold" if name == "slice/auroc" else None)
        else:
            table.add_row(name, number(value), "")
    return table


def roc_figure(evaluation: ClassifierEvaluation, metrics: dict[str, Any], title: str) -> Figure:
    """The ROC curve of the slices, and beside it that of the patients' grades, with 95 % bands over patients."""
    panels = [("slices", evaluation.slices, metrics["slice/auroc"])]
    if (grades := evaluation.grades) is not None:
        panels.append(("patients", grades, metrics["patient/auroc"]))
    figure = Figure(figsize=(4.8 * len(panels), 5.2), layout="constrained")
    for axes, (name, answers, area) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _roc(axes, answers, evaluation.threshold)
        interval = f" ({area['ci95'][0]:.3f} to {area['ci95'][1]:.3f})" if area["ci95"] else ""
        known = area["value"] is not None
        axes.set_title(f"{name}: AUROC {area['value']:.3f}{interval}" if known else f"{name}: of one class alone")
    figure.suptitle(f"{QUESTIONS[evaluation.target]}\n{title}", x=0.01, ha="left", fontsize="small")
    return figure


def _roc(axes: Axes, answers: BinaryPredictions, threshold: float) -> None:
    axes.plot([0, 1], [0, 1], color="#b0b0b0", linewidth=0.8, linestyle=":")
    if answers.truth.any() and not answers.truth.all():
        ones = np.ones((1, answers.patients), np.int64)
        if answers.patients > 1:
            grid, low, high = roc_band(answers, BAND_RESAMPLES)
            axes.fill_between(grid, low, high, color=PREDICTION, alpha=0.15, linewidth=0)
        false, true = roc(answers, ones)
        axes.plot(false[0], true[0], color=PREDICTION)
        tp, fp, fn, tn = patient_counts(answers, threshold).sum(axis=0)
        axes.plot(
            fp / (fp + tn), tp / (tp + fn), "o", color=PREDICTION, clip_on=False, label=f"threshold {threshold:g}"
        )
        axes.legend(frameon=False, loc="lower right")
    axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.spines[["top", "right"]].set_visible(False)
