"""The figures of an evaluation, written into a run's folder."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lgg_seg.data.datamodule import DataModule
from lgg_seg.evaluation.base import Evaluation
from lgg_seg.evaluation.classification import ClassifierEvaluation
from lgg_seg.evaluation.segmentation import SegmentationEvaluation
from lgg_seg.messages import counted, counted_patients
from lgg_seg.metrics.binary import BinaryPredictions, patient_counts, roc
from lgg_seg.metrics.error_kinds import KINDS, slice_error
from lgg_seg.metrics.patient import PatientScore
from lgg_seg.reporting.colours import PREDICTION
from lgg_seg.reporting.figures import (
    MIN_SIDE,
    NEAR,
    Panel,
    extremes,
    operating_figure,
    panel_grid,
    place,
    roc_axes,
    square_around,
    write_png,
)
from lgg_seg.reporting.formatting import with_interval
from lgg_seg.reporting.run_table import TARGETS
from lgg_seg.runs.folder import AtomicFolder
from lgg_seg.statistics.classification import roc_band

ERRORS = 5  # slices of each kind of error
BAND_RESAMPLES = 1000  # behind a ROC curve's band, which is drawn, not read off


def draw_evaluation(
    evaluation: Evaluation, folder: AtomicFolder, data: DataModule, content: dict[str, Any], run: str
) -> None:
    """Write `figures/roc.png` of a classifier; of a segmentation network `roc_pr.png`, `best_and_worst_patients.png`
    and, where a slice has an error of a kind, `errors.png`. `content` is `metrics.json`'s, `run` their title."""
    patients = counted_patients(content["patients"], content["split"])
    title = f"{run}: {patients}, protocol {content['protocol']}"
    figures: dict[str, tuple[Figure, int]] = {}  # with their dots per inch
    if isinstance(evaluation, ClassifierEvaluation):
        figures["roc"] = roc_figure(evaluation, content["metrics"], title), 150
    elif isinstance(evaluation, SegmentationEvaluation):
        curves, dice = evaluation.pixel_curves(), evaluation.dice_by_threshold()
        figures["roc_pr"] = operating_figure(curves, dice, content["threshold"]["value"], title), 150
        best, worst = (_panels(scores, evaluation, data) for scores in extremes(evaluation.ranked))
        rows = {"best": best, "worst": worst} if worst else {"best": best}
        extreme = panel_grid(rows, f"{title}; by Dice, the slice with most tumour of each")
        figures["best_and_worst_patients"] = extreme, 130
        if rows := _error_panels(evaluation, data):
            figures["errors"] = panel_grid(rows, f"{title}; errors by kind, the worst slices of each"), 130
    for name, (figure, dpi) in figures.items():
        with folder.writing(f"figures/{name}.png") as path:
            write_png(figure, path, dpi)


def _panels(scores: Sequence[PatientScore], evaluation: SegmentationEvaluation, data: DataModule) -> list[Panel]:
    panels = []
    for score in scores:
        one = evaluation.largest[score.patient]
        title = f"{score.patient}\nDice {score.dice:.3f}"
        panels.append(Panel(title, data.flair(one.slice_id), one.truth, one.prediction))
    return panels


def _error_panels(evaluation: SegmentationEvaluation, data: DataModule) -> dict[str, list[Panel]]:
    """The worst slices of each kind of error, each of another patient, enlarged; the keys say how many there are."""
    errors = [
        (patient, row, error)
        for patient, masks in evaluation.masks.items()
        for row, (prediction, truth) in enumerate(zip(masks.prediction, masks.truth, strict=True))
        if (error := slice_error(prediction, truth))
    ]
    errors.sort(key=lambda one: (-one[2].pixels, one[0], one[1]))
    slice_ids = {(one.patient, one.number): i for i, one in enumerate(data.index.slices)}
    rows: dict[str, list[Panel]] = {}
    for kind in KINDS:
        of_kind = [one for one in errors if one[2].kind == kind]
        panels: dict[str, Panel] = {}  # of patients
        for patient, row, error in of_kind:
            if patient in panels or len(panels) == ERRORS:
                continue
            masks = evaluation.masks[patient]
            number, truth, prediction = int(masks.numbers[row]), masks.truth[row], masks.prediction[row]
            near = square_around(truth | prediction, NEAR, MIN_SIDE)
            flair = data.flair(slice_ids[patient, number])[near]
            panels[patient] = Panel(f"{patient} / {number}\n{error.pixels:,} px", flair, truth[near], prediction[near])
        if panels:
            rows[f"{kind}\n{counted(len(of_kind), 'slice')}"] = list(panels.values())
    return rows


def roc_figure(evaluation: ClassifierEvaluation, metrics: dict[str, Any], title: str) -> Figure:
    """The ROC curve of the slices, and beside it that of the patients' grades, with 95 % bands over patients."""
    panels = [("slices", evaluation.slices, metrics["slice/auroc"])]
    if (grades := evaluation.grades) is not None:
        panels.append(("patients", grades, metrics["patient/auroc"]))
    figure = Figure(figsize=(4.8 * len(panels), 5.2))
    row = figure.subplots(1, len(panels), squeeze=False)[0]
    place(figure, left=0.65, right=0.15, top=0.8, across=0.65)
    for axes, (name, predictions, area) in zip(row, panels, strict=True):
        value = "of one class alone" if area["value"] is None else f"AUROC {with_interval(area['value'], area['ci95'])}"
        roc_axes(axes, f"{name}: {value}")
        _roc(axes, predictions, evaluation.threshold)
    figure.suptitle(f"{TARGETS[evaluation.target]}\n{title}", x=0.01, ha="left", fontsize="small", wrap=True)
    return figure


def _roc(axes: Axes, predictions: BinaryPredictions, threshold: float) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    if not predictions.truth.any() or predictions.truth.all():
        return
    if predictions.patients > 1:
        grid, low, high = roc_band(predictions, BAND_RESAMPLES)
        axes.fill_between(grid, low, high, color=PREDICTION, alpha=0.15, linewidth=0)
    false, true = roc(predictions, np.ones((1, predictions.patients), np.int64))
    axes.plot(false[0], true[0], color=PREDICTION)
    tp, fp, fn, tn = patient_counts(predictions, threshold).sum(axis=0)
    axes.plot(fp / (fp + tn), tp / (tp + fn), "o", color=PREDICTION, clip_on=False, label=f"threshold {threshold:g}")
    axes.legend(frameon=False, loc="lower right")
