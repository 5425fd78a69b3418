"""A trained network as one thing to call: what it gives, of one and of several, and what it refuses."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import lgg_seg
from lgg_seg.data.preprocessing import normalise
from lgg_seg.errors import UserError
from lgg_seg.hardware import choose_hardware
from lgg_seg.inference.model import Model, VolumeClassifier
from lgg_seg.inference.runner import TorchRunner
from lgg_seg.inference.trained import TrainedModel, from_run, restore
from lgg_seg.prediction.job import scan_digest
from lgg_seg.runs.folder import RunFolder
from lgg_seg.scans.discover import find_scans

CPU = choose_hardware("cpu", "32-true")


@pytest.fixture(scope="module")
def trained(trained_run: Path) -> TrainedModel:
    return from_run(trained_run)


@pytest.fixture(scope="module")
def volume(phantom_root: Path) -> np.ndarray:
    return find_scans(phantom_root).volumes[0].read(phantom_root).images


def model(*trained: TrainedModel, **settings: Any) -> Model:
    return Model([(one, TorchRunner(one.network, CPU)) for one in trained], **settings)


def other(trained: TrainedModel) -> TrainedModel:
    """Another network of the same kind, with a threshold of its own."""
    torch.manual_seed(3)
    network = type(trained.network)(0.0625)
    return dataclasses.replace(trained, network=network.eval(), threshold=0.3, postprocess="largest_component")


def test_one_line_gives_probabilities_on_the_volumes_own_grid(trained_run: Path, volume: np.ndarray) -> None:
    probability = lgg_seg.load(trained_run, device="cpu").predict(volume)
    assert (probability.shape, probability.dtype) == (volume.shape[:3], np.float32)
    assert probability.min() >= 0
    assert probability.max() <= 1
    assert probability.std() > 0.01, "a trained network says more than one thing"


def test_what_is_loaded_has_its_network_and_its_preprocessing(trained_run: Path, volume: np.ndarray) -> None:
    loaded = lgg_seg.load(str(trained_run), device="cpu", precision="32-true")
    prepared = loaded.preprocess.prepare_volume(volume)
    images = torch.from_numpy(prepared.images.transpose(0, 3, 1, 2).copy())
    with torch.inference_mode():
        statistics = torch.from_numpy(prepared.statistics).expand(len(images), -1, -1)
        by_hand = torch.sigmoid(loaded.network(normalise(images, statistics)))[:, 0]
    assert prepared.images.shape[1:3] == (32, 32)
    assert np.allclose(prepared.grid.to_native(by_hand).numpy(), loaded.predict(volume), atol=1e-5)


def test_several_networks_average_and_one_twice_is_itself(trained: TrainedModel, volume: np.ndarray) -> None:
    second = other(trained)
    one, two = model(trained).predict(volume), model(second).predict(volume)
    assert np.allclose(model(trained, second).predict(volume), (one + two) / 2, atol=1e-6)
    assert np.allclose(model(trained, trained).predict(volume), one, atol=1e-6)


def test_threshold_and_post_processing_default_to_those_tested(trained: TrainedModel) -> None:
    second = other(trained)
    assert (model(second).threshold, model(second).postprocess) == (0.3, "largest_component")
    assert (model(trained, second).threshold, model(trained, second).postprocess) == (pytest.approx(0.4), "none")
    chosen = model(second, threshold=0.9, postprocess="none")
    assert (chosen.threshold, chosen.postprocess) == (0.9, "none")


def test_with_tta_a_mirrored_volume_gives_the_mirrored_probability(trained: TrainedModel, volume: np.ndarray) -> None:
    plain, both = model(trained), model(trained, tta=True)
    mirrored = np.ascontiguousarray(volume[:, :, ::-1])
    assert np.allclose(both.predict(mirrored), both.predict(volume)[:, :, ::-1], atol=1e-5)
    assert not np.allclose(plain.predict(mirrored), plain.predict(volume)[:, :, ::-1], atol=1e-3)


def test_the_batch_size_changes_nothing(trained: TrainedModel, volume: np.ndarray) -> None:
    found = [Model([(trained, TorchRunner(trained.network, CPU, size))]).predict(volume) for size in (1, 4, 16)]
    assert np.allclose(found[0], found[1], atol=1e-4)
    assert np.allclose(found[0], found[2], atol=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((2, 8, 8, 3), np.float32), np.zeros((8, 8, 3), np.uint8), np.zeros((2, 8, 8, 1), np.uint8),
     np.zeros((0, 8, 8, 3), np.uint8)],
    ids=["floats", "a slice", "one channel", "nothing"],
)  # fmt: skip
def test_arrays_other_than_uint8_volumes_are_refused(trained: TrainedModel, wrong: np.ndarray) -> None:
    with pytest.raises(UserError, match=r"must be uint8 \(slices, height, width, 3\)"):
        model(trained).predict(wrong)


def test_a_network_that_gives_no_numbers_is_refused(trained: TrainedModel, volume: np.ndarray) -> None:
    class Diverged(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, :1] * torch.nan

    broken = Model([(trained, TorchRunner(Diverged(), CPU, 4))])
    with pytest.raises(UserError, match="not numbers"):
        broken.predict(volume)


def test_a_classifier_predicts_every_slice_and_makes_no_masks(grade_run: Path, volume: np.ndarray) -> None:
    classifier = from_run(grade_run)
    answer = VolumeClassifier(classifier, TorchRunner(classifier.network, CPU)).predict(volume)
    assert (answer.shape, answer.dtype) == ((len(volume),), np.float32)
    assert ((answer > 0) & (answer < 1)).all()
    with pytest.raises(UserError, match="makes no masks"):
        model(classifier)


def test_a_segmentation_is_no_classifier(trained: TrainedModel) -> None:
    with pytest.raises(UserError, match="no classifier"):
        VolumeClassifier(trained, TorchRunner(trained.network, CPU))


def test_a_model_recognises_its_training_volumes_alone(trained_run: Path, phantom_root: Path) -> None:
    split, seen = RunFolder(trained_run).read_json("provenance.json")["split"], model(from_run(trained_run))
    for source in find_scans(phantom_root).volumes:
        known = seen.was_trained_on(scan_digest(source.read(phantom_root)))
        assert known == (None if source.name in split["test"] else True), source.name


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("TCGA_CS_4942_19970222",), True),
        (("out/tcga-cs-4942 (1997).nii.gz",), True),
        (("TCGACS4942",), True),
        (("p1.nii", "cs4942_flair.nii"), True),
        (("TCGA-HT-7602-01A",), False),
        (("TCGA_CS_49421",), None),
        (("patient 7",), None),
    ],
)
def test_a_barcode_in_any_name_decides_and_otherwise_nobody_knows(
    trained: TrainedModel, names: tuple[str, ...], expected: bool | None
) -> None:
    known = dataclasses.replace(trained, training_volumes={"TCGA_CS_4942_19970222": "0" * 16}, all_recorded=True)
    assert model(known).was_trained_on("1" * 16, *names) is expected
    unrecorded = dataclasses.replace(known, all_recorded=False)
    assert model(unrecorded).was_trained_on("1" * 16, *names) is (expected or None)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda run: (run / "checkpoints" / "best.ckpt").unlink(), "best.ckpt is missing"),
        (lambda run: (run / "checkpoints" / "best.ckpt").write_bytes(b"no"), "damaged"),
        (lambda run: (run / "provenance.json").unlink(), "provenance.json is missing"),
        (lambda run: (run / "config.yaml").write_text("seed: 1", encoding="utf-8"), "config.yaml: .* has no model"),
        (lambda run: (run / "config.yaml").write_text("model: [1]", encoding="utf-8"), "config.yaml: .* has no model"),
    ],
)
def test_a_run_that_cannot_be_restored_says_why(trained_run: Path, tmp_path: Path, spoil: Any, says: str) -> None:
    copied = tmp_path / "run"
    shutil.copytree(trained_run, copied)
    spoil(copied)
    with pytest.raises(UserError, match=says):
        restore(copied)


def test_a_config_from_elsewhere_can_call_nothing_but_networks(trained_run: Path, tmp_path: Path) -> None:
    copied = tmp_path / "run"
    shutil.copytree(trained_run, copied)
    config = (copied / "config.yaml").read_text(encoding="utf-8")
    (copied / "config.yaml").write_text(config.replace("lgg_seg.networks.SlimUNet", "os.system"), encoding="utf-8")
    with pytest.raises(UserError, match="which a config may not use there"):
        restore(copied)


@pytest.mark.parametrize("source", ["unet_slimm", "no/such/folder"])
def test_a_name_that_is_nothing_is_refused(source: str) -> None:
    with pytest.raises(UserError, match="no model of the zoo"):
        lgg_seg.load(source)
