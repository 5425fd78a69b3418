"""The same sweep has the same folder, another one another, and so have their jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from lgg_seg.errors import UserError
from lgg_seg.sweeps.naming import MAX_LENGTH, digest, job_name, slug, sweep_folder

SWEEP = ["model=unet,unet_bn", "seed=1,2", "trainer.max_epochs=5"]


@pytest.mark.parametrize(
    "same",
    [
        ["seed=1,2", "trainer.max_epochs=5", "model=unet,unet_bn"],
        ["model=unet_bn,unet", "seed=2,1", "trainer.max_epochs=5"],
        ["model=choice(unet,unet_bn)", "seed=1,2", "trainer.max_epochs=5"],
        [*SWEEP, "hydra/launcher=joblib", "hydra.launcher.n_jobs=3"],
        [*SWEEP, "hydra.sweeper.n_trials=100", "hydra.sweeper.n_jobs=4", "hydra.mode=MULTIRUN"],
        [*SWEEP, "trainer.enable_progress_bar=false", "trainer.threads=1", "hydra.verbose=true"],
    ],
)
def test_order_launcher_and_length_do_not_change_a_sweeps_folder(same: list[str]) -> None:
    assert sweep_folder(same) == sweep_folder(SWEEP)


@pytest.mark.parametrize(
    "other",
    [
        ["model=unet,unet_bn", "seed=1,3", "trainer.max_epochs=5"],
        ["model=unet,unet_bn", "seed=1,2", "trainer.max_epochs=6"],
        ["model=unet,unet_bn", "seed=1,2"],
        [*SWEEP, "loss=dice"],
        [*SWEEP, "hydra/sweeper=optuna"],
        [*SWEEP, "hydra.sweeper.seed=1"],
        [*SWEEP, "sweep=losses"],
    ],
)
def test_what_changes_a_job_or_the_search_changes_the_folder(other: list[str]) -> None:
    assert sweep_folder(other) != sweep_folder(SWEEP)


def test_the_folders_name_holds_what_varies() -> None:
    assert sweep_folder(SWEEP).name.startswith("unet-unet_bn_seed-1-2_")
    assert sweep_folder(["sweep=learning_rate", "model=unet"]).name.startswith("learning_rate_")


def test_a_given_sweep_folder_is_used() -> None:
    assert sweep_folder([*SWEEP, "hydra.sweep.dir=my/sweep"]) == Path("my/sweep")
    assert sweep_folder([*SWEEP, "hydra.sweep.dir='with space'"]) == Path("with space")


@pytest.mark.parametrize("name", ["runs/${now:%S}", "", "' '"])
def test_a_sweep_folder_that_depends_on_the_time_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="no plain path"):
        sweep_folder([*SWEEP, f"hydra.sweep.dir={name}"])


def test_a_job_name_has_the_varying_values_and_a_digest_of_its_identity() -> None:
    overrides = ["model=unet", "seed=1", "optimizer.lr=0.00123456", "trainer.max_epochs=5"]
    name = job_name(overrides, {"model", "optimizer.lr"}, "other", {"a": 1})
    assert name == f"unet_lr-0.001235_{digest({'a': 1})}"
    assert job_name(overrides, {"model", "optimizer.lr"}, "other", {"a": 2}) != name
    assert job_name(overrides, set(), "unet", {"a": 1}) == f"unet_{digest({'a': 1})}"


def test_names_hold_no_character_that_a_file_system_refuses() -> None:
    assert slug("../../a b/c=$HOME;*") == "a-b-c-HOME"
    assert len(slug("x" * 500)) == MAX_LENGTH


def test_the_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})
