"""Every member of every group runs in short: once in `make test`, and with every experiment and debug in `make soak`.

A run takes a member of each group at once, so the largest group says how many runs cover all of them. Where they do not
go together, as a classifier and the Dice loss, one sentence says so before the training, and each is tried alone.
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from omegaconf import DictConfig

from lgg_seg.config.groups import groups
from lgg_seg.config.validation import check_config
from lgg_seg.data.kaggle.index import build_index
from lgg_seg.data.kaggle.listing import without_date
from lgg_seg.data.phantom.generator import write_phantom
from lgg_seg.data.splits.by_patient import BUDA_PATIENTS
from lgg_seg.errors import UserError
from lgg_seg.networks import without_pretrained
from lgg_seg.train import run
from tests.configs import composed
from tests.experiments.test_studies import WHOLE

FIRST = ("trainer", "model", "loss", "scheduler", "split")
"""The groups whose members may not go with a recipe: they are tried alone first."""
OTHERS = sorted(set(groups()) - {"debug", "experiment", "sweep", *FIRST})
ROWS = range(max(len(groups()[group]) for group in (*FIRST, *OTHERS)))
RECIPES = [
    (f"debug={debug}", f"experiment={experiment}")
    for debug, experiment in itertools.product(groups()["debug"], groups()["experiment"])
]
ELSEWHERE = {
    "trainer=ddp",  # starts processes: tests/training/test_distributed.py
    "experiment=demo",  # tests/test_demo.py
    "experiment=quick_cpu",  # tests/test_readme.py
    *(f"experiment={study}" for study in WHOLE),  # tests/experiments/test_studies.py
}
SENTENCES = (
    "of which it makes none: take loss=bce",
    "it has no masks to post-process",
    "its best epoch is chosen by its AUROC",
    "scheduler.monitor=val/dice is not measured in this run; choose",
    "is not a parameter of lgg_seg.",  # of a model or a split that has other settings than the recipe's
    "model.target is no option of DeepLabV3Plus",
    "it must be a fraction of at least 0 and below 1",  # of slices, where the recipe has a number of patients
    "is not on this machine; use trainer=auto",
)
"""What a person reads of members that do not go together."""

PHANTOM = {"patients": 12, "slices": 4, "size": 32}
NARROW = {"filters": 4, "alpha": 0.0625, "hidden": 8}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom of 12 patients with 4 slices each: half of either grade, three under names that `split=buda` tests."""
    root = write_phantom(tmp_path_factory.mktemp("data") / "phantom", **PHANTOM)
    clinical = pd.read_csv(root / "data.csv")
    for patient, name in zip(build_index(root).patients[::4], sorted(BUDA_PATIENTS), strict=False):
        folder = (root / patient.name).rename(root / f"{name}_19990101")
        for file in folder.iterdir():
            file.rename(file.with_name(file.name.replace(patient.name, folder.name)))
        clinical["Patient"] = clinical["Patient"].replace(without_date(patient.name), name)
    clinical["neoplasm_histologic_grade"] = [1, 2] * 6
    clinical.to_csv(root / "data.csv", index=False)
    subsets = {"patient": clinical["Patient"], "subset": ["train"] * 6 + ["val"] * 3 + ["test"] * 3}
    pd.DataFrame(subsets).to_csv(root / "subsets.csv", index=False)
    return root


def members(row: int) -> list[str]:
    """A member of each group that has so many; over all rows, every member of it once."""
    of_groups = [[f"{group}={name}" for name in groups()[group]] for group in (*FIRST, *OTHERS)]
    runnable = [[member for member in of if member not in ELSEWHERE] for of in of_groups]
    return [of[row] for of in runnable if row < len(of)]


def short(words: Sequence[str], root: Path) -> DictConfig:
    """The config of `words`, all that makes a run long cut down, whatever member it comes from."""
    config = composed(*words)
    config.data.update({"root": str(root), "batch_size": 2, "workers": 0})
    config.data.train_patients = 4 if config.data.train_patients else None
    if "patients" in config.data.tree:
        config.data.tree.update(PHANTOM)
    config.model = without_pretrained(config.model)
    config.model.update({key: value for key, value in NARROW.items() if key in config.model})
    config.preprocess.size = PHANTOM["size"]
    config.trainer.enable_progress_bar = False
    config.evaluation.max_patients = 1
    config.split.update(
        {key: value for key, value in {"file": str(root / "subsets.csv")}.items() if key in config.split}
    )
    for subset in ("val", "test"):
        if config.split.get(subset):  # a number of patients, or a share of them or of the slices
            config.split[subset] = 3 if isinstance(config.split[subset], int) else 0.25
    return config


def trained(words: Sequence[str], root: Path, folder: Path) -> str | None:
    """Run it; the sentence of a refusal, before which nothing is trained."""
    try:
        config = short(words, root)
        check_config(config)
        run(config, folder, list(words))
        assert json.loads((folder / "status.json").read_text(encoding="utf-8"))["state"] == "finished"
        return None
    except UserError as error:
        assert not list(folder.glob("checkpoints/*"))
        return str(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # a network of 32 M parameters leaves 800 MB


def try_together(recipe: Sequence[str], chosen: Sequence[str], root: Path, folder: Path) -> None:
    """Run all, else the first alone and the others without it."""
    refusal = trained([*recipe, *chosen], root, folder)
    if refusal is None:
        return
    assert any(sentence in refusal for sentence in SENTENCES), refusal
    if len(chosen) > 1:
        try_together(recipe, chosen[:1], root, folder)
        try_together(recipe, chosen[1:], root, folder)


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("debug", groups()["debug"])
def test_every_member_runs(debug: str, row: int, root: Path, tmp_path: Path) -> None:
    try_together([f"debug={debug}"], members(row), root, tmp_path / "run")


@pytest.mark.parametrize("recipe", [recipe for recipe in RECIPES if recipe[1] not in ELSEWHERE], ids=",".join)
def test_every_recipe_runs_as_it_is(recipe: Sequence[str], root: Path, tmp_path: Path) -> None:
    assert trained([*recipe, "logger=csv"], root, tmp_path / "run") is None


@pytest.mark.soak
@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("recipe", RECIPES, ids=",".join)
def test_every_member_runs_with_every_recipe(recipe: Sequence[str], row: int, root: Path, tmp_path: Path) -> None:
    try_together(recipe, members(row), root, tmp_path / "run")


@pytest.mark.soak
@pytest.mark.parametrize("recipe", RECIPES, ids=",".join)
def test_what_runs_elsewhere_composes_with_every_recipe(recipe: Sequence[str]) -> None:
    for word in ("trainer=ddp", *(f"sweep={sweep}" for sweep in groups()["sweep"])):
        check_config(composed(*recipe, word))
