"""The published studies: each recipe as its document says it, and runs of them on phantom data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from lgg_seg.config.groups import conf_dir
from lgg_seg.config.instantiate import instantiate, to_plain
from lgg_seg.config.validation import check_config
from lgg_seg.data.phantom.generator import write_phantom
from lgg_seg.data.splits.split import LEAKY
from lgg_seg.networks.build import build_network
from lgg_seg.runs.monitor import SEGMENTATION_MONITORS
from lgg_seg.sweeps.sweeper import grid
from lgg_seg.train import run
from tests.configs import composed

PATIENTS, SLICES, SIZE = 12, 12, 32

ADAM, UNET = "torch.optim.Adam", "lgg_seg.networks.UNet"
STUDY_000 = {
    "model._target_": UNET, "model.filters": 32, "model.batch_norm": True, "loss._target_": "lgg_seg.losses.BCE",
    "optimizer._target_": ADAM, "optimizer.lr": 1e-4, "optimizer.weight_decay": 1e-5, "data.batch_size": 16,
    "trainer.max_epochs": 40, "trainer.gradient_clip_val": 0.01, "callbacks.early_stopping": None,
    "split._target_": "lgg_seg.data.splits.SliceWithinPatientSplit", "split.val": 0.1, "split.test": 0.1,
    "preprocess.size": 256, "preprocess.normalisation": "unit",
}  # fmt: skip
STUDY_001 = {
    "model._target_": UNET, "model.filters": 64, "model.batch_norm": True, "trainer.max_epochs": 94,
    "trainer.monitor": "val/iou", "trainer.deterministic": True, "callbacks.early_stopping": None,
    "split._target_": "lgg_seg.data.splits.PatientSplit", "split.val": 20, "split.test": 11,
    "loss._target_": "lgg_seg.losses.BCE", "optimizer._target_": ADAM, "optimizer.lr": 1e-3, "data.batch_size": 32,
    "augment.transforms": [], "preprocess.crop": "none", "preprocess.skull": "keep",
}  # fmt: skip
STUDY_002 = {
    "model._target_": UNET, "model.filters": 64, "model.batch_norm": False, "loss._target_": "lgg_seg.losses.Dice",
    "loss.smooth": 0.5, "loss.batch": True, "optimizer._target_": ADAM, "optimizer.lr": 1e-3, "data.batch_size": 16,
    "trainer.max_epochs": 100, "trainer.monitor": "val/loss", "callbacks.early_stopping": None,
    "split._target_": "lgg_seg.data.splits.UnshuffledSliceSplit", "preprocess.channels": "grey",
    "augment.transforms": [{"_target_": "albumentations.HorizontalFlip", "p": 0.5}],
    "scheduler._target_": "lgg_seg.schedulers.none",
}  # fmt: skip
STUDY_003 = {
    "model._target_": UNET, "loss._target_": "lgg_seg.losses.BCEDice", "loss.bce_weight": 1.0, "loss.dice_weight": 1.0,
    "optimizer._target_": ADAM, "optimizer.lr": 1e-4,
}  # fmt: skip
STUDY_004 = {
    "preprocess.channels": "flair", "preprocess.sharpen": 1.0, "augment.transforms": [],
    "model._target_": "lgg_seg.networks.UNetPlusPlus",
}  # fmt: skip
RECIPES: dict[str, dict[str, Any]] = {
    "study_000": STUDY_000,
    "study_001": STUDY_001,
    "study_001_subset": STUDY_001 | {"data.train_patients": 8, "split.val": 2, "split.test": 2},
    "study_001_crop": STUDY_001 | {"preprocess.crop": "brain", "preprocess.normalisation": "unit"},
    "study_001_skull": STUDY_001 | {"preprocess.skull": "remove", "preprocess.normalisation": "unit"},
    "study_001_recall": STUDY_001 | {"loss._target_": "lgg_seg.losses.WeightedBCE", "loss.pos_weight": 10.0},
    "study_002": STUDY_002,
    "study_002_decay": STUDY_002 | {"scheduler._target_": "lgg_seg.schedulers.exponential"},
    "study_003": STUDY_003,
    "study_003_before": STUDY_003
    | {"loss._target_": "lgg_seg.losses.BCE", "loss.bce_weight": None, "loss.dice_weight": None},
    "study_004_unetpp": STUDY_004,
    "study_004_resnet50": STUDY_004
    | {"model._target_": "lgg_seg.networks.ResNet50UNet", "model.weights": "imagenet", "model.freeze_encoder": True},
}
LEAKS = {"study_000", "study_002"}
WHOLE = ("study_000", "study_001_subset", "study_001_crop", "study_002", "study_003", "study_004_unetpp",
         "study_004_resnet50")  # fmt: skip
"""The others run in tests/test_every_combination.py, and tests/test_demo.py and tests/test_readme.py run two more."""

# What makes a recipe short, and nothing else of it: 2 batches of 4 slices of 32 x 32 pixels, narrow networks.
SHORT = (
    "data=phantom", f"data.tree.patients={PATIENTS}", f"data.tree.slices={SLICES}", f"data.tree.size={SIZE}",
    f"preprocess.size={SIZE}", "debug=fast", "trainer.accelerator=cpu", "trainer.precision=32-true",
    "trainer.enable_progress_bar=false", "data.workers=0", "data.batch_size=4", "evaluation.max_patients=null",
    "logger=csv",
)  # fmt: skip
NARROW = {UNET: "model.filters=4", "lgg_seg.networks.UNetPlusPlus": "model.filters=4"}


def shortened(experiment: str) -> list[str]:
    """The command line of an experiment, shortened."""
    config = composed(f"experiment={experiment}")
    words = [f"experiment={experiment}", *SHORT]
    words += ["model.weights=null"] if "weights" in config.model else []
    words += [NARROW[config.model._target_]] if config.model._target_ in NARROW else []
    if config.split.get("val", 0) == 20:  # of 110 patients
        words += ["split.val=2", "split.test=2"]
    return words


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_phantom(tmp_path_factory.mktemp("studies") / "tree", patients=PATIENTS, slices=SLICES, size=SIZE)


def test_every_study_of_a_segmentation_has_its_recipe_here() -> None:
    named = {path.stem for path in (conf_dir() / "experiment").glob("study_*.yaml")}
    targets = {name: composed(f"experiment={name}").model._target_ for name in named}
    assert {name for name, target in targets.items() if "Classifier" not in target} == set(RECIPES)


@pytest.mark.parametrize("experiment", RECIPES)
def test_a_recipe_is_what_its_document_and_code_say(experiment: str) -> None:
    config = composed(f"experiment={experiment}")
    check_config(config)
    found = {key: to_plain(OmegaConf.select(config, key)) for key in RECIPES[experiment]}
    assert found == RECIPES[experiment]


@pytest.mark.parametrize("experiment", RECIPES)
def test_an_experiment_says_what_is_published_and_what_was_left_open(experiment: str) -> None:
    text = (conf_dir() / "experiment" / f"{experiment}.yaml").read_text(encoding="utf-8")
    comment = text.partition("defaults:")[0]
    assert all(line.startswith("#") or not line for line in comment.splitlines())
    assert comment.splitlines()[1].startswith("# Study 00")
    assert any(word in comment for word in ("As published:", "Left open", "As study_003"))


def test_study_000_rotates_every_slice_and_flips_it_both_ways() -> None:
    transforms = to_plain(composed("experiment=study_000").augment.transforms)
    assert {node["_target_"].rpartition(".")[2]: node["p"] for node in transforms} == {
        "HorizontalFlip": 0.5, "VerticalFlip": 0.5, "Rotate": 1.0,
    }  # fmt: skip


def test_study_003_augments_in_the_six_ways_it_names() -> None:
    transforms = to_plain(composed("experiment=study_003").augment.transforms)
    assert [node["_target_"].rpartition(".")[2] for node in transforms] == [
        "Rotate", "HorizontalFlip", "VerticalFlip", "CropAndPad", "ColorJitter", "ElasticTransform",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "parameters"), [("unet", 31_031_745), ("unet_slim", 1_942_577), ("r2unet", 39_091_393)]
)
def test_study_002s_networks_are_of_the_published_sizes_whatever_the_input_is_made_of(
    model: str, parameters: int
) -> None:
    config = composed("experiment=study_002", f"model={model}")
    channels = instantiate(config.preprocess, "preprocess").channel_count
    network = build_network(config.model, channels)
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert config.name == f"study_002_{model}"


def test_study_004_trains_its_decoder_alone() -> None:
    config = composed("experiment=study_004_resnet50", "model.weights=null")
    network = instantiate(config.model, "model", in_channels=1)
    trained = {name.split(".")[1] for name, p in network.named_parameters() if p.requires_grad}
    assert trained == {"decoder", "segmentation_head"}


def test_the_leak_is_measured_with_everything_else_equal() -> None:
    params = OmegaConf.load(conf_dir() / "sweep" / "leak.yaml").hydra.sweeper.params
    cells = grid(OverridesParser.create().parse_overrides([f"{key}={value}" for key, value in params.items()]))
    found: dict[str, dict[str, Any]] = {}
    for cell in cells:
        words = dict(word.split("=") for word in cell)
        plain = to_plain(composed(*cell))
        found.setdefault(words["model"], {})[words["split"]] = plain
    assert len(found) == 6
    for by_split in found.values():
        splits = {name: plain.pop("split") for name, plain in by_split.items()}
        assert by_split["patient"] == by_split["slice_random"]
        assert (splits["patient"]["val"], splits["patient"]["test"]) == (0.1, 0.1)
        assert (splits["slice_random"]["val"], splits["slice_random"]["test"]) == (0.1, 0.1)
    assert len({json.dumps(by_split["patient"] | {"model": None, "name": None}) for by_split in found.values()}) == 1


@pytest.mark.parametrize("experiment", WHOLE)
def test_an_experiment_runs_whole_on_phantom_data(experiment: str, tree: Path, tmp_path: Path) -> None:
    words = [*shortened(experiment), f"data.root={tree}"]
    config = composed(*words)
    check_config(config)
    run(config, tmp_path / "run", words)
    assert json.loads((tmp_path / "run" / "status.json").read_text(encoding="utf-8"))["state"] == "finished"
    content = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))
    assert content["protocol"] == (LEAKY if experiment in LEAKS else "patient")
    assert {"minibatch/iou", "minibatch/dice", "minibatch/recall", "slice/iou"} <= content["metrics"].keys()
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert {"train/loss", "val/loss", "train/iou", "val/iou"} <= set(history.columns)
    kept = torch.load(tmp_path / "run" / "checkpoints" / "best.ckpt", weights_only=True)
    (chosen,) = [state for name, state in kept["callbacks"].items() if "'monitor': 'val/" in name and "Kept" in name]
    assert chosen["monitor"] == (config.trainer.monitor or "val/dice")
    assert chosen["monitor"] in SEGMENTATION_MONITORS
    split = json.loads((tmp_path / "run" / "provenance.json").read_text(encoding="utf-8"))["split"]
    if experiment == "study_000":
        assert len(split["train"]) == len(split["val"]) == len(split["test"]) == PATIENTS
    if experiment == "study_001_subset":
        assert [len(split[subset]) for subset in ("train", "val", "test")] == [8, 2, 2]
