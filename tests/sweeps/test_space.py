"""Hydra's sweep syntax becomes the search space that it describes."""

from __future__ import annotations

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from lgg_seg.errors import UserError
from lgg_seg.sweeps.search import as_overrides, distribution, search_space
from lgg_seg.sweeps.study import parse_value


def parsed(*overrides: str) -> list:
    return OverridesParser.create().parse_overrides(list(overrides))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("interval(0,1)", FloatDistribution(0, 1)),
        ("tag(log,interval(1e-5,1e-2))", FloatDistribution(1e-5, 1e-2, log=True)),
        ("int(interval(1,9))", IntDistribution(1, 9)),
        ("tag(log,int,interval(1,64))", IntDistribution(1, 64, log=True)),
        ("range(1,9)", IntDistribution(1, 8)),  # as everywhere in Hydra and Python, without its end
        ("range(0,10,4)", IntDistribution(0, 8, step=4)),
        ("range(0.25,1,0.25)", FloatDistribution(0.25, 0.75, step=0.25)),
        ("a,b", CategoricalDistribution(["a", "b"])),
        ("1,null,true", CategoricalDistribution(["1", "null", "True"])),
        ("[1,2],'a b'", CategoricalDistribution(["[1,2]", "'a b'"])),
    ],
)
def test_a_value_becomes_its_distribution(value: str, expected: BaseDistribution) -> None:
    assert distribution(*parsed(f"key={value}")) == expected


@pytest.mark.parametrize("value", ["interval(1,0)", "tag(log,interval(0,1))", "range(3,3)", "tag(lgo,interval(1,2))"])
def test_an_invalid_space_is_refused_by_name(value: str) -> None:
    with pytest.raises(UserError, match="key="):
        distribution(*parsed(f"key={value}"))


def test_what_comes_after_training_is_not_searched() -> None:
    with pytest.raises(UserError, match=r"evaluation\.tta comes after it"):
        search_space(parsed("optimizer.lr=interval(0.1,1)", "evaluation.tta=true,false"))


def test_a_choice_is_kept_as_typed_and_parsed_to_its_value() -> None:
    space = distribution(*parsed("key=null,0.1,bce_dice,[1,2],'a b'"))
    assert isinstance(space, CategoricalDistribution)
    for choice, value in zip(space.choices, [None, 0.1, "bce_dice", [1, 2], "a b"], strict=True):
        (again,) = parsed(*as_overrides({"key": choice}))
        assert again.value() == parse_value(choice) == value
