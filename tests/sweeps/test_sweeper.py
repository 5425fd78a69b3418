"""The jobs of a sweep from its overrides."""

from __future__ import annotations

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from lgg_seg.errors import UserError
from lgg_seg.sweeps.command import leave_to_jobs
from lgg_seg.sweeps.sweeper import GridSweeper, fixed, grid, varies, with_variant


def parsed(*overrides: str) -> list:
    return OverridesParser.create().parse_overrides(list(overrides))


def test_a_grid_is_the_product_of_all_values() -> None:
    assert grid(parsed("a=1,2", "b=x", "c=range(2)")) == [
        ["a=1", "b=x", "c=0"],
        ["a=1", "b=x", "c=1"],
        ["a=2", "b=x", "c=0"],
        ["a=2", "b=x", "c=1"],
    ]


def test_a_grid_without_a_choice_is_one_job() -> None:
    assert grid(parsed("a=1", "~b")) == [["a=1", "~b"]]


def test_a_variant_wins_over_what_it_names_and_leaves_the_rest() -> None:
    job = ["model=unet", "optimizer.lr=1e-3", "+trainer.max_steps=9", "seed=1"]
    assert with_variant(job, []) == job
    assert with_variant(job, ["model=unet_bn", "optimizer.lr=1e-4"]) == [*job[2:], "model=unet_bn", "optimizer.lr=1e-4"]
    assert with_variant(job, ["~trainer.max_steps"]) == [job[0], job[1], job[3], "~trainer.max_steps"]


def test_variants_are_a_list_of_texts_in_which_quotes_hold_words_together() -> None:
    assert GridSweeper(variants=["", "a=1 'b=[1, 2]'"]).variants == [[], ["a=1", "b=[1, 2]"]]
    with pytest.raises(UserError, match="must be a list of texts"):
        GridSweeper(variants="seed=1")


def test_a_grid_refuses_an_interval() -> None:
    with pytest.raises(UserError, match="hydra/sweeper=optuna"):
        grid(parsed("a=interval(0,1)"))


@pytest.mark.parametrize(
    ("override", "expected"),
    [("a=1", False), ("a=choice(1)", False), ("a=1,2", True), ("a=interval(0,1)", True), ("a=null", False)],
)
def test_an_override_with_several_values_varies(override: str, expected: bool) -> None:
    assert varies(*parsed(override)) is expected


FIXED = ("a=1", "a.b=1e-3", "a='x y'", "a=[1,2]", "a=true", "a=x/y.z", "a={b:1}", "a=${c}", "a=null")


@pytest.mark.parametrize("override", FIXED)
def test_a_fixed_value_left_to_the_jobs_keeps_its_value(override: str) -> None:
    left = leave_to_jobs(override)
    assert left != override
    (parsed_left,) = parsed(left)
    assert parsed_left.is_sweep_override(), "Hydra does not apply it before the jobs"
    assert parsed(fixed(parsed_left))[0].value() == parsed(override)[0].value()


@pytest.mark.parametrize(
    "override",
    ["model=unet", "a=1,2", "a=interval(0,1)", "~a", "a=", "hydra.verbose=true", "hydra/launcher=x"],
)
def test_groups_sweeps_and_hydra_overrides_are_not_left_to_the_jobs(override: str) -> None:
    assert leave_to_jobs(override) == override
