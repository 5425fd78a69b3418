"""`key=value` arguments of the smaller commands, described by a data class."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pydantic

from lgg_seg.errors import UserError
from lgg_seg.utils.check import describe
from lgg_seg.utils.nearest import did_you_mean

T = TypeVar("T")


def argument(help: str, *, key: str | None = None, default: Any = dataclasses.MISSING) -> Any:
    """A data class field that is an argument; `key` where it is not the field's own name. No default: required."""
    return dataclasses.field(default=default, metadata={"help": help, "key": key})


def parse_arguments(arguments: Sequence[str], schema: Callable[..., T], usage: str) -> T:
    """Fill `schema`, a data class of `argument` fields, from `key=value` words.

    Raises:
        UserError: an unknown key (the nearest is named), a wrong value, or a missing argument.
        SystemExit: with code 0 after `--help`.
    """
    fields = {f.metadata["key"] or f.name: f for f in dataclasses.fields(typing.cast(Any, schema))}
    hints = typing.get_type_hints(schema)
    if {"-h", "--help"} & set(arguments):
        print(usage + "\n")
        for key, f in fields.items():
            default = "required" if f.default is dataclasses.MISSING else f"default {f.default}"
            print(f"  {key + '=':<16} {f.metadata['help']} ({default})")
        raise SystemExit(0)
    values: dict[str, Any] = {}
    for word in arguments:
        key, equals, text = word.partition("=")
        if key not in fields:
            raise UserError(f"{key}: no such argument; {did_you_mean(key, fields)}")
        if not equals:
            raise UserError(f"{key} needs a value: {key}=…")
        name = fields[key].name
        try:
            values[name] = pydantic.TypeAdapter(hints[name]).validate_python(None if text == "null" else text)
        except pydantic.ValidationError as error:
            choices = [str(choice) for choice in typing.get_args(hints[name])]
            remedy = did_you_mean(text, choices) if choices else f"it must be {describe(hints[name])}."
            raise UserError(f"{key} is {text!r}; {remedy}") from error
    for key, f in fields.items():
        if f.default is dataclasses.MISSING and f.name not in values:
            raise UserError(f"{key}= is missing: {f.metadata['help']}. See --help.")
    return schema(**values)
