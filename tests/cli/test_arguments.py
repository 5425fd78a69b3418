"""`key=value` arguments of the smaller commands."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

import lgg_seg
from lgg_seg.cli.arguments import Argument, help_lines, parse_arguments, several
from lgg_seg.cli.console import command
from lgg_seg.errors import UserError
from lgg_seg.inference.zoo import MODELS
from lgg_seg.zoo.__main__ import main


def measure(
    run: Annotated[Path, Argument("the run")],
    data_root: Annotated[Path | None, Argument("the tree", key="data.root")] = None,
    split: Annotated[Literal["test", "val"], Argument("which")] = "test",
    count: Annotated[int, Argument("how many")] = 3,
    parts: Annotated[Literal["none", "largest"] | None, Argument("which parts")] = None,
) -> tuple[Any, ...]:
    """Measure a run."""
    return run, data_root, split, count, parts


def test_arguments_are_parsed_to_their_types() -> None:
    given = parse_arguments(["run=a/b", "data.root=c", "count=7"], measure)
    assert given == parse_arguments(["run=a/b", "data_root=c", "count=7"], measure)
    assert measure(**given) == (Path("a/b"), Path("c"), "test", 7, None)
    assert parse_arguments(["run=~/a"], measure) == {"run": Path.home() / "a"}, "the shell leaves it alone"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "run= is missing"),
        (["run=a", "splt=val"], "did you mean split?"),
        (["run=a", "split=vall"], "did you mean val?"),
        (["run=a", "count=x"], "a whole number"),
        (["run"], "run=…"),
        (["latest"], "write run=latest."),
        (["--run"], "did you mean run?"),
        (["run=a", "split=VAL"], "did you mean val?"),
        (["checkpoint=last.ckpt"], "here it is run=."),
        (["run=a", "dataset=b"], "here it is data.root=."),
        (["run=a", "image_size=64"], "choose from count, data.root, parts, run, split."),
        (["run=a", "parts=larges"], "did you mean largest?"),
    ],
)
def test_a_mistake_is_refused_with_a_remedy(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        parse_arguments(arguments, measure)


def test_help_names_every_argument_and_its_default() -> None:
    text = help_lines(measure)
    assert "Measure a run." in text
    assert re.search(r"run=\s+the run \(required\)", text)
    assert re.search(r"data.root=\s+the tree \(default null\)", text)


def test_a_user_error_is_a_sentence_and_an_internal_error_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    @command
    def main(arguments: list[str]) -> int:
        if arguments == ["broken"]:
            raise ZeroDivisionError
        raise UserError("[bracketed] words stay as they are")

    assert main([]) == 2
    assert capsys.readouterr().err == "error: [bracketed] words stay as they are\n"
    with pytest.raises(ZeroDivisionError):
        main(["broken"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run="], "run= is empty; give a value, or leave it out."),
        (["run=a", "count=1", "count=2"], "count= is given twice; which is meant?"),
    ],
)
def test_an_empty_or_second_value_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        parse_arguments(arguments, measure)


def test_every_command_tells_our_version(capsys: pytest.CaptureFixture[str]) -> None:
    @command
    def main(arguments: list[str]) -> int:
        raise AssertionError(arguments)

    assert main(["COMMAND", "--version"]) == 0
    assert capsys.readouterr().out == f"lgg_seg {lgg_seg.__version__}\n"


def test_ctrl_c_ends_a_command_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    @command
    def stopped(_words: list[str]) -> int:
        raise KeyboardInterrupt

    assert stopped([]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_closed_pipe_ends_a_command_without_a_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    script = (
        "import sys\n"
        "from lgg_seg.cli.console import command\n"
        "sys.exit(command(lambda _: print('no one reads this') or 0)([]))"
    )
    with os.fdopen(writer, "wb") as output:
        ended = subprocess.run([sys.executable, "-c", script], stdout=output, stderr=subprocess.PIPE, encoding="utf-8")
    assert (ended.returncode, ended.stderr) == (141, "")


def test_a_broken_pipe_elsewhere_is_raised() -> None:
    @command
    def broken(_words: list[str]) -> int:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        broken([])


@pytest.mark.parametrize(("number", "code", "said"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")])
def test_a_signal_unwinds_any_command(number: str, code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    finished = []

    @command
    def ended(_words: list[str]) -> int:
        try:
            signal.raise_signal(signal.Signals[number])
        finally:
            finished.append(True)
        return 0

    before = signal.getsignal(signal.SIGTERM)
    assert ended([]) == code
    assert capsys.readouterr().err == f"{said}\n"
    assert finished == [True]
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_command_works_in_a_thread_of_another_program() -> None:
    with ThreadPoolExecutor() as threads:
        assert threads.submit(command(lambda _words: 7), []).result() == 7


def test_help_of_the_zoo_names_no_folder_of_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert str(MODELS) not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "names"),
    [("a", ["a"]), ("a,b", ["a", "b"]), ("[a, b/]", ["a", "b/"]), ("x,y", ["x,y"]), ("", []), (None, [])],
)
def test_several_runs_are_listed_as_the_trainings_lists_are_too(
    text: str | None, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x,y").mkdir()
    assert several(text) == names


def test_names_in_a_list_may_begin_with_the_home_folder_and_a_list_holds_one_at_least() -> None:
    assert several("[~/a,b]") == [str(Path.home() / "a"), "b"]
    for empty in ("[]", ","):
        with pytest.raises(UserError, match="is an empty list"):
            several(empty)
