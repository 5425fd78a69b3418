"""A classifier measured on phantom patients: its tables, from which every number follows, and its refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import metrics as oracle
from torch import Tensor

from lgg_seg.data.datamodule import DataModule
from lgg_seg.errors import UserError
from lgg_seg.evaluate import measure
from lgg_seg.evaluation import EvaluationSettings
from lgg_seg.evaluation.classification import ClassifierEvaluation
from lgg_seg.evaluation.subsets import choose_threshold, evaluate
from lgg_seg.inference.runner import TorchRunner
from lgg_seg.losses import BCE
from lgg_seg.networks import SliceClassifier
from lgg_seg.networks.classifier import Target
from lgg_seg.runs.folder import RunFolder
from lgg_seg.training.experiment import Experiment
from tests.configs import composed

SETTINGS = EvaluationSettings(n_bootstrap=50)
LOSS = BCE()


class Brightness(SliceClassifier):
    """The brighter the slice, the surer."""

    def forward(self, x: Tensor) -> Tensor:
        return 4 * x.flatten(1).mean(dim=1, keepdim=True)


@pytest.fixture(scope="module")
def data(phantom_root: Path) -> DataModule:
    words = [
        "model=classifier_resnet50",
        "model.target=grade",
        "loss=bce",
        "preprocess.size=16",
        "split.val=3",
        "split.test=5",
    ]
    module = Experiment.of(composed(*words)).existing_data(phantom_root)
    module.setup()
    return module


def classifier(target: Target) -> TorchRunner:
    hardware = Experiment.of(composed("trainer=debug")).trainer.prepare()
    return TorchRunner(Brightness(target), hardware, 4)


def measured(data: DataModule, target: Target, threshold: float = 0.5, **settings: Any) -> ClassifierEvaluation:
    chosen = EvaluationSettings(n_bootstrap=50, **settings)
    evaluation = evaluate(classifier(target), data, "test", LOSS, threshold, chosen)
    assert isinstance(evaluation, ClassifierEvaluation)
    return evaluation


def written(evaluation: ClassifierEvaluation, folder: Path) -> tuple[dict, pd.DataFrame, pd.DataFrame]:
    threshold = {"value": evaluation.threshold, "from": "fixed"}
    content = evaluation.result("test", "patient", threshold, SETTINGS, {"parameters": 1})
    evaluation.write(RunFolder(folder), content)
    return (
        json.loads((folder / "metrics.json").read_text(encoding="utf-8")),
        pd.read_csv(folder / "per_patient.csv"),
        pd.read_csv(folder / "per_slice.csv"),
    )


@pytest.mark.parametrize("target", ["tumour", "grade"])
def test_the_slices_numbers_follow_from_their_table_by_scikit_learn(
    data: DataModule, tmp_path: Path, target: Target
) -> None:
    content, patients, slices = written(measured(data, target), tmp_path)
    metrics = content["metrics"]
    predicted = slices.probability >= 0.5
    assert (content["patients"], content["slices"]) == (len(patients), len(slices))
    assert content["positive_slices"] == slices.label.sum() == patients.positive_slices.sum()
    assert metrics["slice/auroc"]["value"] == pytest.approx(oracle.roc_auc_score(slices.label, slices.probability))
    assert metrics["slice/accuracy"]["value"] == pytest.approx(oracle.accuracy_score(slices.label, predicted))
    assert metrics["slice/f1"]["value"] == pytest.approx(oracle.f1_score(slices.label, predicted))
    assert slices.correct.tolist() == (predicted == slices.label).astype(int).tolist()
    assert metrics["loss"] == pytest.approx(oracle.log_loss(slices.label, slices.probability), rel=1e-4)
    for name in ("slice/accuracy", "slice/auroc", "patient/accuracy"):
        low, high = metrics[name]["ci95"]
        assert low <= metrics[name]["value"] <= high
    assert patients[["tp", "fp", "fn", "tn"]].sum(axis=1).eq(patients.slices).all()


def test_the_label_of_presence_is_that_of_the_mask_on_the_native_grid(data: DataModule, tmp_path: Path) -> None:
    """At 16 x 16 a small tumour may be lost; the label is about the slice, not about the network's grid."""
    _, _, slices = written(measured(data, "tumour"), tmp_path)
    for one in data.index.slices:
        row = slices[(slices.patient == one.patient) & (slices.slice == one.number)]
        if len(row):
            assert row.label.item() == int(one.tumour_pixels > 0)


def test_presence_has_patient_numbers_from_within_each_patient(data: DataModule, tmp_path: Path) -> None:
    content, patients, slices = written(measured(data, "tumour"), tmp_path)
    areas = [oracle.roc_auc_score(group.label, group.probability) for _, group in slices.groupby("patient")]
    assert content["metrics"]["patient/auroc"]["value"] == pytest.approx(np.mean(areas))
    np.testing.assert_allclose(patients.slice_auroc, areas)
    shares = slices.groupby("patient").correct.mean()
    assert content["metrics"]["patient/accuracy"]["value"] == pytest.approx(shares.mean())
    assert "probability" not in patients, "every patient has tumour: there is nothing to predict"


def test_a_patients_grade_is_the_mean_probability_over_all_their_slices(data: DataModule, tmp_path: Path) -> None:
    content, patients, slices = written(measured(data, "grade"), tmp_path)
    by_patient = slices.groupby("patient")
    np.testing.assert_allclose(patients.probability, by_patient.probability.mean(), rtol=1e-6)
    assert patients.label.tolist() == by_patient.label.first().tolist()
    assert patients.label.nunique() == 2
    area = oracle.roc_auc_score(patients.label, patients.probability)
    assert content["metrics"]["patient/auroc"]["value"] == pytest.approx(area)
    assert content["metrics"]["patient/accuracy"]["value"] == pytest.approx(patients.correct.mean())
    assert content["undefined_resamples"]["patient/auroc"] > 0, "of five patients some resamples have one grade alone"


def test_the_threshold_is_chosen_on_validation_patients(data: DataModule) -> None:
    everything = measured(data, "tumour", threshold=0.0)
    assert everything.slices.truth.mean() == pytest.approx(
        everything.result("test", "patient", {"value": 0.0, "from": "fixed"}, SETTINGS, {})["metrics"][
            "slice/accuracy"
        ]["value"]
    )
    one = classifier("tumour")
    fixed = choose_threshold(one, data, LOSS, EvaluationSettings(fixed_threshold=0.3))
    assert fixed == {"value": 0.3, "from": "fixed"}
    settings = EvaluationSettings(threshold="validation")
    chosen = choose_threshold(one, data, LOSS, settings)
    evaluation = evaluate(one, data, "val", LOSS, 0.5, settings)
    assert isinstance(evaluation, ClassifierEvaluation)
    predictions = evaluation.slices
    f1 = [oracle.f1_score(predictions.truth, predictions.probability >= np.float32(t / 200)) for t in range(201)]
    assert chosen["from"] == "validation"
    assert f1[round(chosen["value"] * 200)] == pytest.approx(max(f1))


def test_a_truncated_test_measures_the_first_patients_and_says_so(data: DataModule) -> None:
    few = measured(data, "tumour", max_patients=2)
    settings = EvaluationSettings(n_bootstrap=10, max_patients=2)
    content = few.result("test", "patient", {"value": 0.5, "from": "fixed"}, settings, {})
    assert (content["patients"], content["truncated"]) == (2, True)


def test_weights_that_have_diverged_are_refused_with_the_patient(data: DataModule) -> None:
    class Diverged(SliceClassifier):
        def forward(self, x: Tensor) -> Tensor:
            return torch.full((len(x), 1), torch.nan)

    hardware = Experiment.of(composed("trainer=debug")).trainer.prepare()
    broken = TorchRunner(Diverged("tumour"), hardware, 4)
    with pytest.raises(UserError, match=r"Patient TCGA_.* not numbers"):
        evaluate(broken, data, "test", LOSS, 0.5, SETTINGS)


@pytest.mark.parametrize("given", [{"tta": True}, {"postprocess": "largest_component"}])
def test_what_only_masks_have_is_refused_of_a_classifier(grade_run: Path, given: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="no masks to post-process"):
        measure(grade_run, **given)
    assert not list(grade_run.glob("evaluations/*"))
