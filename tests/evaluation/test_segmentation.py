"""Testing a network: the strata by hand, the numbers whatever the batch size, and a result that is JSON."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lgg_seg.data.datamodule import DataModule
from lgg_seg.errors import UserError
from lgg_seg.evaluation import EvaluationSettings
from lgg_seg.evaluation.segmentation import SegmentationEvaluation, patient_rows, strata
from lgg_seg.evaluation.subsets import choose_threshold, evaluate
from lgg_seg.hardware import Hardware
from lgg_seg.inference.runner import TorchRunner, probabilities
from lgg_seg.losses import Dice
from lgg_seg.metrics.patient import PatientScore, score_patient
from lgg_seg.networks import UNet
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.masks import read_masks
from lgg_seg.training.experiment import Experiment
from tests.configs import composed

SETTINGS = EvaluationSettings(n_bootstrap=50)


@pytest.fixture(scope="module")
def data(phantom_root: Path) -> DataModule:
    module = Experiment.of(composed("preprocess.size=32", "split.val=3", "split.test=4")).existing_data(phantom_root)
    module.prepare_data()
    module.setup("test")
    return module


def segmenter(batch_size: int = 16) -> TorchRunner:
    torch.manual_seed(5)  # untrained, and yet neither all nor nothing is tumour: a seventh, in many pieces
    network = UNet(2, batch_norm=True)
    return TorchRunner(network, Hardware(torch.device("cpu"), "32-true", False), batch_size)


def evaluated(data: DataModule, batch_size: int = 16, **changes: Any) -> SegmentationEvaluation:
    settings = dataclasses.replace(SETTINGS, **changes)
    evaluation = evaluate(segmenter(batch_size), data, "test", Dice(), 0.5, settings)
    assert isinstance(evaluation, SegmentationEvaluation)
    return evaluation


@pytest.fixture(scope="module")
def whole(data: DataModule) -> SegmentationEvaluation:
    return evaluated(data)


def score(patient: str, tumour: int, found: int) -> PatientScore:
    """A patient with `tumour` pixels, of which `found` are predicted, and nothing else is."""
    truth, prediction = np.zeros((2, 4, 8), bool), np.zeros((2, 4, 8), bool)
    truth.flat[:tumour], prediction.flat[:found] = True, True
    return score_patient(patient, [1, 2], prediction.astype(np.float32), truth, prediction)


def test_strata_by_hand() -> None:
    """Dice of f of t pixels found: 2 f / (t + f)."""
    scores = [score("a", 20, 20), score("b", 30, 10), score("c", 6, 2), score("d", 4, 4), score("e", 2, 0)]
    facts = {name: {"institution": place} for name, place in zip("abcde", ("DU", "CS", "DU", "HT", "HT"), strict=True)}
    found = strata([{**row, **facts[str(row["patient"])]} for row in patient_rows(scores)])
    assert found["institution"] == {
        "CS": {"patients": 1, "dice": 0.5},
        "DU": {"patients": 2, "dice": 0.75},
        "HT": {"patients": 2, "dice": 0.5},
    }
    assert found["tumour_size"] == {
        "small": {"patients": 2, "dice": 0.5},
        "medium": {"patients": 2, "dice": 0.75},
        "large": {"patients": 1, "dice": 0.5},
    }


def test_with_two_patients_there_is_no_third_stratum_of_size() -> None:
    found = strata(patient_rows([score("a", 9, 9), score("b", 3, 3)]))
    assert {name: group["patients"] for name, group in found["tumour_size"].items()} == {"small": 1, "medium": 1}


def test_every_test_patient_is_measured_once_in_all_slices(data: DataModule, whole: SegmentationEvaluation) -> None:
    assert tuple(one.patient for one in whole.scores) == data.split.patients(data.index, "test")
    assert len(whole.slice_rows()) == len(whole.losses) == len(data.split.test)
    assert whole.seconds > 0


def test_the_largest_slice_is_the_one_with_most_tumour(data: DataModule, whole: SegmentationEvaluation) -> None:
    for patient, kept in whole.largest.items():
        slices = next(p.slices for p in data.index.patients if p.name == patient)
        one = data.index.slices[kept.slice_id]
        assert one.patient == patient
        assert one.tumour_pixels == kept.truth.sum() == max(s.tumour_pixels for s in slices)
        measured = np.asarray(next(s for s in whole.scores if s.patient == patient).by_slice.predicted)
        assert kept.prediction.sum() == measured[one.number - 1]


@pytest.mark.parametrize("batch_size", [1, 4])
def test_the_batch_size_changes_no_number(data: DataModule, whole: SegmentationEvaluation, batch_size: int) -> None:
    """A pixel within a rounding error of the threshold may change sides, a Dice in the third place may not."""
    other = evaluated(data, batch_size)
    assert other.losses == pytest.approx(whole.losses, rel=1e-4)
    assert [one.dice for one in other.scores] == pytest.approx([one.dice for one in whole.scores], abs=1e-3)


def test_a_result_is_json_with_every_part_of_the_contract(whole: SegmentationEvaluation) -> None:
    threshold = {"value": 0.5, "from": "fixed"}
    content = whole.result("test", "patient", threshold, SETTINGS, {"parameters": 7})
    read = json.loads(json.dumps(content, allow_nan=False))
    assert (read["split"], read["patients"], read["slices"], read["truncated"]) == ("test", 4, 24, False)
    assert read["metrics"]["loss"] == pytest.approx(np.mean(whole.losses))
    assert read["metrics"]["patient/dice"]["mean"] == pytest.approx(np.mean([one.dice for one in whole.scores]))
    assert read["cost"]["parameters"] == 7
    assert read["cost"]["slices_per_second"] > 0
    assert sum(group["patients"] for group in read["strata"]["institution"].values()) == 4


@pytest.mark.parametrize("tumour", [0, 9, 64])
def test_a_result_of_one_patient_without_or_with_nothing_but_tumour_is_json_too(tumour: int) -> None:
    """An undefined number is null, never NaN."""
    alone = SegmentationEvaluation([score("a", tumour, 0)], {}, {}, [0.3, 0.4], seconds=0.1)
    content = alone.result("test", "patient", {"value": 0.5, "from": "fixed"}, SETTINGS, {})
    assert json.loads(json.dumps(content, allow_nan=False))["metrics"]["patient/dice"]["ci95"] is None


def test_a_truncated_test_measures_the_first_patients_and_says_so(
    data: DataModule, whole: SegmentationEvaluation
) -> None:
    few = evaluated(data, max_patients=2)
    assert [one.patient for one in few.scores] == [one.patient for one in whole.scores[:2]]
    settings = dataclasses.replace(SETTINGS, max_patients=2)
    threshold = {"value": 0.5, "from": "fixed"}
    assert few.result("test", "patient", threshold, settings, {})["truncated"] is True


def test_a_fixed_threshold_looks_at_no_patient(data: DataModule) -> None:
    settings = dataclasses.replace(SETTINGS, fixed_threshold=0.35)
    assert choose_threshold(segmenter(), data, Dice(), settings) == {"value": 0.35, "from": "fixed"}


def test_a_threshold_from_validation_has_the_best_mean_patient_dice_there(data: DataModule) -> None:
    settings = dataclasses.replace(SETTINGS, threshold="validation")
    chosen = choose_threshold(segmenter(), data, Dice(), settings)
    assert chosen["from"] == "validation"

    def mean_dice(threshold: float) -> float:
        found = evaluate(segmenter(), data, "val", Dice(), threshold, SETTINGS)
        assert isinstance(found, SegmentationEvaluation)
        return float(np.mean([one.dice for one in found.scores]))

    best = mean_dice(chosen["value"])
    assert all(best >= mean_dice(other) - 1e-9 for other in (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95))


def test_a_threshold_is_not_chosen_on_the_patients_that_are_measured() -> None:
    with pytest.raises(UserError, match="the very patients"):
        EvaluationSettings(threshold="validation", subset="val")


def test_post_processing_takes_pixels_away_and_leaves_the_probabilities_alone(
    data: DataModule, whole: SegmentationEvaluation
) -> None:
    kept = evaluated(data, postprocess="largest_component")
    for ours, plain in zip(kept.scores, whole.scores, strict=True):
        assert 0 < ours.counts.predicted <= plain.counts.predicted
        assert ours.lesions.fp <= 1
        assert np.array_equal(ours.histogram, plain.histogram)
    assert kept.losses == whole.losses
    assert sum(s.counts.predicted for s in kept.scores) < sum(s.counts.predicted for s in whole.scores)


def test_with_tta_the_probability_is_the_mean_with_the_mirror_image(data: DataModule) -> None:
    both, runner = evaluated(data, tta=True), segmenter()
    volume = next(iter(data.volumes("test")))
    plain, mirrored = (
        probabilities(runner.volume_logits(images, volume.statistics).flip(flip), volume.grid.to_native)
        for images, flip in ((volume.images, ()), (volume.images.flip(3), (3,)))
    )
    score = next(one for one in both.scores if one.patient == volume.patient)
    assert score.counts.predicted == ((plain + mirrored) / 2 >= 0.5).sum()
    assert score.counts.predicted != (plain >= 0.5).sum()


def test_an_evaluation_is_written_as_numbers_two_tables_and_masks(
    whole: SegmentationEvaluation, tmp_path: Path
) -> None:
    content = {"patients": 4, "protocol": "slice_random (leaky)"}
    whole.write(RunFolder(tmp_path), content)
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8")) == content
    for table, rows in (("per_patient.csv", 4), ("per_slice.csv", 24)):
        lines = (tmp_path / table).read_text(encoding="utf-8").splitlines()
        assert len(lines) == 1 + rows
        assert all(line.endswith("slice_random (leaky)") for line in lines[1:])


def test_the_masks_written_are_those_that_were_measured(
    data: DataModule, whole: SegmentationEvaluation, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path)
    whole.write(folder, {"protocol": "patient"})
    for one, volume in zip(whole.scores, data.volumes("test"), strict=True):
        kept = read_masks(tmp_path / "masks.npz", one.patient)
        assert np.array_equal(kept.truth, volume.truth)
        assert tuple(kept.numbers) == one.numbers
        assert np.array_equal(kept.prediction.sum(axis=(1, 2)), one.by_slice.predicted)
    with pytest.raises(UserError, match=r"no masks of TCGA_XX"):
        read_masks(tmp_path / "masks.npz", "TCGA_XX")
    (tmp_path / "masks.npz").write_bytes(b"PK damaged")
    with pytest.raises(UserError, match=r"masks.npz cannot be read"):
        read_masks(tmp_path / "masks.npz", whole.scores[0].patient)


def test_patient_rows_have_the_institution_and_missing_sequences(
    data: DataModule, whole: SegmentationEvaluation
) -> None:
    for row in whole.patient_rows():
        patient = next(p for p in data.index.patients if p.name == row["patient"])
        assert row["institution"] == patient.institution
        assert row["missing_sequence"] == (" and ".join(patient.substituted) or "none")
