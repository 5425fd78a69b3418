"""`key=value` arguments of the smaller commands: the parameters of a function, annotated with their help.

A command's module imports at its top what its arguments need, and in its functions what takes seconds: help and a
mistake on the command line are answered at once.
"""

import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic

from lgg_seg.cli.console import command
from lgg_seg.cli.logs import configure_logs
from lgg_seg.config.suggestions import did_you_mean
from lgg_seg.config.validation import remedy
from lgg_seg.errors import UserError
from lgg_seg.messages import as_yaml

_TYPED_ALONE = ("input", "run")  # what people type without its key
_NETWORK, _DATA = ("run", "zoo"), ("data.root", "input")
ELSEWHERE = {
    **dict.fromkeys(("checkpoint", "ckpt", "weights", "model", "network", "experiment"), _NETWORK),
    **dict.fromkeys(("data", "data_dir", "dataset", "images", "folder", "path"), _DATA),
    **dict.fromkeys(("out", "output_dir", "out_dir", "save_dir", "outdir"), ("output",)),
    **dict.fromkeys(("gpu", "gpus", "cuda", "accelerator", "trainer"), ("device",)),
    **dict.fromkeys(("bs", "batch"), ("data.batch_size",)),
    **dict.fromkeys(("image_size", "img_size", "size", "epochs", "lr"), ()),  # of the training alone
    "subset": ("split",),
}  # fmt: skip
"""What people type who know other programs, and which of our arguments may be meant."""


@dataclass(frozen=True)
class Argument:
    """Help of a parameter, and its name for users (`key`) and earlier ones (`was`), which are refused with today's."""

    help: str
    key: str | None = None
    was: tuple[str, ...] = ()


def parse_arguments(arguments: Sequence[str], function: Callable[..., Any]) -> dict[str, Any]:
    """The keyword arguments of `function` from `key=value` arguments."""
    hints, described = _hints(function), _parameters(function)
    keys = {parameter.name: key for key, parameter in described.items()}
    values: dict[str, Any] = {}
    for argument in arguments:
        key, equals, text = argument.partition("=")
        key = keys.get(key, key)
        if new := next((one for one in described if key in _argument(function, described[one].name).was), None):
            raise UserError(f"{key} is called {new} now; see --help.")
        if key not in described:
            alone = [one for one in _TYPED_ALONE if one in described and not equals and not key.startswith("-")]
            raise UserError(
                f"{key}: no such argument; {f'write {alone[0]}={key}.' if alone else _remedy(key, described)}"
            )
        if not equals:
            raise UserError(f"{key} needs a value: {key}=…")
        if not text:
            raise UserError(f"{key}= is empty; give a value, or leave it out.")
        name = described[key].name
        if name in values:
            raise UserError(f"{key}= is given twice; which is meant?")
        text = with_home(text)
        try:
            values[name] = pydantic.TypeAdapter(hints[name]).validate_python(None if text == "null" else text)
        except pydantic.ValidationError as error:
            raise UserError(f"{key} is {text!r}; {remedy(text, hints[name])}") from error
    for key, parameter in described.items():
        if parameter.default is inspect.Parameter.empty and parameter.name not in values:
            raise UserError(f"{key}= is missing: {_argument(function, parameter.name).help}. See --help.")
    return values


def _remedy(key: str, described: Iterable[str]) -> str:
    """Which of our arguments is meant by one that is none."""
    if key not in ELSEWHERE:
        return did_you_mean(key, described)
    ours = [f"{one}=" for one in ELSEWHERE[key] if one in described]
    return f"here it is {' or '.join(ours)}." if ours else f"choose from {', '.join(sorted(described))}."


def several(text: str | None) -> list[str]:
    """The names that a value lists with commas, as `a,b` or `[a,b]`; a comma may also be part of a folder's name."""
    if not text or Path(text).is_dir():
        return [text] if text else []
    listed = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    names = [with_home(name) for name in map(str.strip, listed.split(",")) if name]
    if not names:
        raise UserError(f"{text} is an empty list; name one or more, with commas between them.")
    return names


def with_home(text: str) -> str:
    """A value that begins with `~/`, with the home folder in its place: a shell leaves `key=~/path` alone."""
    return str(Path(text).expanduser()) if text.startswith("~/") else text


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters of `function` by their names for users; what `*args` takes has none."""
    named = [p for p in inspect.signature(function).parameters.values() if p.kind != p.VAR_POSITIONAL]
    return {_argument(function, p.name).key or p.name: p for p in named}


def help_lines(function: Callable[..., Any]) -> str:
    """The first line of a function's docstring, and a line for each of its arguments."""
    lines = [f"  {inspect.cleandoc(function.__doc__ or '').splitlines()[0]}"]
    described = _parameters(function)
    width = max(map(len, described), default=0) + 1
    for key, parameter in described.items():
        required = parameter.default is inspect.Parameter.empty
        default = "required" if required else f"default {as_yaml(parameter.default)}"
        lines.append(f"    {key + '=':<{width}} {_argument(function, parameter.name).help} ({default})")
    return "\n".join(lines)


def arguments_of(
    function: Callable[..., Any], usage: str
) -> Callable[[Callable[[dict[str, Any]], int]], Callable[[list[str]], int]]:
    """Have a command that takes the arguments of `function` as a dictionary take them as `key=value`, and `--help`."""

    def decorate(main: Callable[[dict[str, Any]], int]) -> Callable[[list[str]], int]:
        @functools.wraps(main)
        def wrapped(arguments: list[str]) -> int:
            if wants_help(arguments):
                print(f"usage: python -m {usage}\n\n{help_lines(function)}")
                return 0
            return main(parse_arguments(arguments, function))

        return wrapped

    return decorate


def subcommands(module: str, **commands: Callable[..., int]) -> Callable[..., int]:
    """The main function of a module whose first argument names one of its commands; exit code 2 where none is named."""

    @command
    def main(arguments: list[str]) -> int:
        if not arguments or wants_help(arguments):
            print(f"usage: python -m {module} COMMAND [key=value …]\n")
            for name, function in commands.items():
                print(f"{name}\n{help_lines(function)}\n")
            return 0 if arguments else 2
        name, *rest = arguments
        if name not in commands:
            raise UserError(f"{name}: no such command; {did_you_mean(name, commands)}")
        configure_logs()
        return commands[name](**parse_arguments(rest, commands[name]))

    return main


def wants_help(arguments: Sequence[str]) -> bool:
    """Whether `-h`, `--help` or `help` is among the arguments."""
    return bool({"-h", "--help", "help"} & set(arguments))


def _argument(function: Callable[..., Any], name: str) -> Argument:
    hint = _hints(function, include_extras=True)[name]
    return next((extra for extra in typing.get_args(hint) if isinstance(extra, Argument)), Argument(""))


def _hints(function: Callable[..., Any], include_extras: bool = False) -> dict[str, Any]:
    """The annotations of its parameters; what it returns may be of a type that type checkers alone import."""
    parameters = {name: hint for name, hint in inspect.get_annotations(function).items() if name != "return"}
    holder = types.SimpleNamespace(__annotations__=parameters)
    return typing.get_type_hints(holder, inspect.unwrap(function).__globals__, include_extras=include_extras)
