"""`key=value` arguments of the smaller commands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from lgg_seg.errors import UserError
from lgg_seg.utils.arguments import argument, parse_arguments


@dataclass(frozen=True)
class Arguments:
    run: Path = argument("the run")
    data_root: Path | None = argument("the tree", key="data.root", default=None)
    split: Literal["test", "val"] = argument("which", default="test")
    count: int = argument("how many", default=3)


def parse(*words: str) -> Arguments:
    return parse_arguments(words, Arguments, "python -m something")


def test_words_fill_their_fields_with_their_types() -> None:
    assert parse("run=a/b", "data.root=c", "count=7") == Arguments(Path("a/b"), Path("c"), "test", 7)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "run= is missing"),
        (["run=a", "splt=val"], "did you mean split?"),
        (["run=a", "split=vall"], "did you mean val?"),
        (["run=a", "count=x"], "a whole number"),
        (["run"], "run=…"),
    ],
)
def test_a_mistake_is_refused_with_the_way_out(words: list[str], says: str) -> None:
    with pytest.raises(UserError, match=says.replace("?", r"\?")):
        parse(*words)


def test_help_names_every_argument_and_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse("--help")
    assert end.value.code == 0
    assert "data.root=" in capsys.readouterr().out
