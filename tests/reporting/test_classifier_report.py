"""A classifier's table and figure hold its target, its patients, and the numbers with their intervals."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from lgg_seg.evaluation import EvaluationSettings
from lgg_seg.evaluation.classification import ClassifierEvaluation, PatientPredictions
from lgg_seg.networks.classifier import Target
from lgg_seg.reporting.run_figures import roc_figure
from lgg_seg.reporting.run_table import print_result, result_table


def evaluation(target: Target, patients: int = 4) -> ClassifierEvaluation:
    generator = np.random.default_rng(0)
    each = []
    for number in range(patients):
        truth = np.arange(8) < 3 if target == "tumour" else np.full(8, number % 2 == 0)
        probability = np.clip(0.6 * generator.random(8) + 0.3 * truth, 0, 1).astype(np.float32)
        each.append(PatientPredictions(f"TCGA_CS_{number}", tuple(range(1, 9)), probability, truth))
    return ClassifierEvaluation(target, 0.5, tuple(each), (0.4,), seconds=1.0)


def content(target: Target, patients: int = 4) -> dict[str, Any]:
    threshold = {"value": 0.5, "from": "fixed"}
    settings = EvaluationSettings(n_bootstrap=100)
    return evaluation(target, patients).result("test", "patient", threshold, settings, {})


def test_the_table_has_the_target_and_every_number_with_its_interval() -> None:
    file = io.StringIO()
    measured = content("tumour")
    Console(file=file, width=120).print(result_table(measured, "resnet, seed 1"))
    text = file.getvalue()
    assert "does the slice show tumour? 12 of 32 slices: yes" in text
    assert "4 test patients, 32 slices, protocol patient" in text
    for name, value in measured["metrics"].items():
        line = next(line for line in text.splitlines() if f" {name} " in line)
        if isinstance(value, dict):
            low, high = value["ci95"]
            assert f"{value['value']:.3f}" in line
            assert f"{low:.3f} to {high:.3f}" in line
    assert "None" not in text


def test_a_classifiers_result_is_printed_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(content("grade"), "grade")
    printed = " ".join(capsys.readouterr().out.split())
    assert "WHO grade III" in printed
    assert "patient/dice" not in printed


@pytest.mark.parametrize(("target", "panels"), [("tumour", 1), ("grade", 2)])
def test_the_figure_has_a_curve_a_band_and_the_threshold(target: Target, panels: int, tmp_path: Path) -> None:
    measured = content(target)
    figure = roc_figure(evaluation(target), measured["metrics"], "4 test patients")
    figure.savefig(tmp_path / "roc.png")
    assert len(figure.axes) == panels
    for axes in figure.axes:
        curve = axes.lines[1]
        assert (curve.get_xdata()[0], curve.get_ydata()[0]) == (0, 0)
        assert (curve.get_xdata()[-1], curve.get_ydata()[-1]) == (1, 1)
        assert len(axes.collections) == 1, "the band"
    assert f"AUROC {measured['metrics']['slice/auroc']['value']:.3f}" in figure.axes[0].get_title()
    said = evaluation(target).slices.probability >= 0.5
    truth = evaluation(target).slices.truth
    point = figure.axes[0].lines[2]
    assert point.get_ydata()[0] == pytest.approx(said[truth].mean())
    assert point.get_xdata()[0] == pytest.approx(said[~truth].mean())


def test_a_single_patient_is_drawn_without_a_band_and_one_grade_without_a_curve(tmp_path: Path) -> None:
    measured = content("grade", patients=1)
    figure = roc_figure(evaluation("grade", patients=1), measured["metrics"], "1 test patient")
    figure.savefig(tmp_path / "roc.png")
    assert [axes.get_title() for axes in figure.axes] == ["slices: of one class alone", "patients: of one class alone"]
    alone = roc_figure(evaluation("tumour", patients=1), content("tumour", 1)["metrics"], "1 test patient")
    assert not alone.axes[0].collections
