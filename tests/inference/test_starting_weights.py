"""`model.weights`: a network starts from exactly what is named, or not at all; whom that has seen is never hidden."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from lgg_seg.data.kaggle.index import build_index
from lgg_seg.data.splits import PatientSplit
from lgg_seg.errors import UserError
from lgg_seg.inference.starting_weights import StartingWeights, start
from lgg_seg.inference.trained import from_run
from lgg_seg.inference.zoo import MODELS
from lgg_seg.networks import SMP, ResNet50Classifier
from lgg_seg.runs.provenance import known_patients
from tests.workplace import Workplace, lgg, metrics

SLIM = {"_target_": "lgg_seg.networks.SlimUNet", "alpha": 0.125}
RESNET18 = {"_target_": "lgg_seg.networks.SMP", "architecture": "Unet", "encoder": "resnet18"}


def assert_same(one: nn.Module, other: nn.Module) -> None:
    ours, theirs = one.state_dict(), other.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_of_a_run_they_are_its_best_epoch_and_its_patients(trained_run: Path) -> None:
    network, weights = start(SLIM | {"weights": str(trained_run)}, 3)
    assert weights is not None
    assert_same(network, from_run(trained_run).network)
    split = json.loads((trained_run / "provenance.json").read_text(encoding="utf-8"))["split"]
    assert weights.patients == split["train"] | split["val"]
    assert weights.recorded
    assert weights.sha256 == hashlib.sha256((trained_run / "checkpoints" / "best.ckpt").read_bytes()).hexdigest()


def test_of_the_zoo_they_are_found_by_name_and_by_folder() -> None:
    for source in ("unet_slim", str(MODELS / "unet_slim")):
        network, weights = start({**SLIM, "alpha": 0.25, "weights": source}, 3)
        assert weights is not None
        assert len(weights.patients) > 50
        state = load_file(MODELS / "unet_slim" / "weights.safetensors")
        assert all(torch.equal(value, state[name].float()) for name, value in network.state_dict().items())


def test_of_a_file_with_the_whole_network_they_fill_it_and_nobody_knows_whom_they_saw(tmp_path: Path) -> None:
    trained, path = SMP("Unet", "resnet18"), tmp_path / "whole.pth"
    torch.save(trained.state_dict(), path)
    network, weights = start(RESNET18 | {"weights": str(path)}, 3)
    assert weights is not None
    assert_same(network, trained)
    assert (weights.part, weights.recorded) == ("network", False)


def test_of_a_file_with_the_encoder_alone_they_fill_that(tmp_path: Path) -> None:
    encoder, path = SMP("FPN", "resnet18").encoder, tmp_path / "encoder.safetensors"
    save_file(encoder.state_dict(), path)
    network, weights = start(RESNET18 | {"weights": str(path)}, 3)
    assert weights is not None
    assert isinstance(network, SMP)
    assert_same(network.encoder, encoder)
    assert (weights.part, weights.recorded) == ("encoder", False)
    assert weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_published_ones_of_an_encoder_have_seen_no_patient() -> None:
    node = {"_target_": "lgg_seg.networks.EfficientNetUNet", "weights": "imagenet"}
    _, weights = start(node, 3)
    assert weights is not None
    assert (weights.source, weights.part, dict(weights.patients), weights.recorded) == ("imagenet", "encoder", {}, True)
    assert weights.sha256.startswith("57934424"), "the published file has its digest in its name"


@pytest.mark.parametrize(
    ("node", "channels", "says"),
    [
        (SLIM | {"alpha": 0.25}, 3, r"another shape encoder\.0\.0\.0\.weight \(8 x 3 x 3 x 3, not 16 x 3 x 3 x 3\)"),
        (SLIM, 1, r"another shape encoder\.0\.0\.0\.weight \(8 x 3 x 3 x 3, not 8 x 1 x 3 x 3\): "),
        (
            {"_target_": "lgg_seg.networks.UNetPlusPlus", "filters": 8},
            3,
            r"lacks nodes\.x0_0.*; has besides enc",
        ),
        (RESNET18, 3, r"lacks network\.encoder\.conv1\.weight"),
    ],
)
def test_of_another_network_width_or_number_of_channels_they_are_refused_by_file_and_key(
    node: dict[str, Any], channels: int, says: str, trained_run: Path
) -> None:
    with pytest.raises(UserError, match=rf"^{re.escape(str(trained_run))} holds the weights of another .*{says}") as no:
        start(node | {"weights": str(trained_run)}, channels)
    assert "\n" not in str(no.value)
    assert len(str(no.value)) < 900


def test_what_is_no_weights_is_refused(trained_run: Path, tmp_path: Path) -> None:
    pickled, folder = tmp_path / "whole.pth", tmp_path / "folder"
    torch.save(nn.Linear(1, 1), pickled)
    folder.mkdir()
    for weights, says in {
        str(tmp_path / "no.pth"): "no weights are published for this network",
        "unet_slin": "did you mean unet_slim",
        str(pickled): "could run code",
        str(trained_run / "checkpoints" / "best.ckpt"): "name the folder of its run",
    }.items():
        with pytest.raises(UserError, match=says):
            start(SLIM | {"weights": weights}, 3)
    with pytest.raises(UserError, match=r"nor the folder of a run"):
        start(RESNET18 | {"weights": str(folder)}, 3)


def test_a_classifier_goes_on_from_a_classifier(grade_run: Path) -> None:
    node = {"_target_": "lgg_seg.networks.ResNet50Classifier", "target": "tumour", "hidden": 8}
    network, _ = start(node | {"weights": str(grade_run)}, 3)
    assert isinstance(network, ResNet50Classifier)
    assert network.target == "tumour"
    assert_same(network, from_run(grade_run).network)


@pytest.fixture(scope="module")
def fine_tuned(trained_run: Path, workplace: Workplace) -> tuple[Path, str]:
    """A run that starts from `trained_run` on another division of the same patients, and what it said."""
    words = [f"model.weights={trained_run}", "split.seed=1", "split.val=3", "split.test=4", "optimizer.lr=1e-6"]
    words += ["model=unet_slim", "model.alpha=0.125", "preprocess.size=32", "trainer=debug", "trainer.max_epochs=1"]
    done = lgg(workplace, *words, "evaluation.n_bootstrap=50", "hydra.run.dir=fine_tuned")
    assert done.returncode == 0, done.stderr
    return workplace[0] / "fine_tuned", done.stdout + done.stderr


def test_a_run_says_which_test_patients_its_starting_weights_have_seen(
    fine_tuned: tuple[Path, str], trained_run: Path, workplace: Workplace
) -> None:
    run, said = fine_tuned
    tested = set(pd.read_csv(run / "per_patient.csv").patient)
    seen = tested - set(pd.read_csv(trained_run / "per_patient.csv").patient)
    assert 0 < len(seen) <= 4
    metadata = json.loads((run / "provenance.json").read_text(encoding="utf-8"))["starting_weights"]
    assert set(metadata["seen"]["test"]) == seen
    assert f"{len(seen)} of 4 test patients trained the weights {trained_run.name} or chose their checkpoint" in said
    assert f"SEEN: {len(seen)} of these" in said
    assert metrics(run)["seen_patients"] == len(seen)
    again = lgg(workplace, f"run={run}", module="lgg_seg.evaluate")
    assert f"SEEN: {len(seen)} of these" in again.stdout, again.stderr
    patients = from_run(run).training_volumes.keys()
    assert patients >= from_run(trained_run).training_volumes.keys() | set(metadata["seen"]["test"])


def test_the_checkpoint_published_for_this_data_set_has_seen_everyone(phantom_root: Path, tmp_path: Path) -> None:
    index = build_index(phantom_root, cache_dir=tmp_path)
    split = PatientSplit(val=3, test=4)(index)
    weights = StartingWeights("unet.pt", "network", "e012d006" + 56 * "0", {}, recorded=False)
    assert weights.metadata(index, split)["seen"]["test"] == list(split.patients(index, "test"))
    assert "4 of 4 test patients" in str(weights.warning(index, split))
    recorded = weights.metadata(index, split)["patients"]  # what evaluate, predict and later runs go by
    assert known_patients(index, recorded) == [patient.name for patient in index.patients]
    other = StartingWeights("unet.pt", "network", 64 * "0", {}, recorded=False)
    assert other.metadata(index, split)["seen"]["test"] == []
    assert "is not recorded" in str(other.warning(index, split))


def test_a_run_needs_its_starting_weights_no_more(fine_tuned: tuple[Path, str], tmp_path: Path) -> None:
    run = shutil.copytree(fine_tuned[0], tmp_path / "run")
    config = (run / "config.yaml").read_text(encoding="utf-8")
    (run / "config.yaml").write_text(re.sub(r"weights: .*", "weights: gone", config), encoding="utf-8")
    assert_same(from_run(run).network, from_run(fine_tuned[0]).network)
