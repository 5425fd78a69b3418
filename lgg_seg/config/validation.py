"""A composed config checked against the code that reads it: every key a parameter, every value of its type.

The signatures of the targets are the schema, so a new network or loss needs no second description of itself.
"""

import inspect
import json
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Union

import pydantic
from omegaconf import DictConfig
from omegaconf.errors import InterpolationResolutionError

from lgg_seg.config.instantiate import (
    MODIFIERS,
    TARGET,
    has_interpolation,
    is_own,
    resolve_target,
    target_nodes,
    to_plain,
)
from lgg_seg.config.suggestions import did_you_mean
from lgg_seg.errors import UserError
from lgg_seg.messages import as_yaml

SETTINGS: dict[str, Any] = {
    "seed": Annotated[int, pydantic.Field(ge=0, lt=2**32, description="a whole number from 0 to 4294967295")],
    "name": Annotated[str, pydantic.Field(min_length=1, description="text that is not empty")],
}
"""The top-level keys beside the groups, with their types."""

OBJECTS = ("data", "split", "preprocess", "augment", "sampler", "model", "loss", "optimizer", "scheduler", "trainer",
           "evaluation")  # fmt: skip
"""The groups without whose object there is no run."""

COLLECTIONS = ("callbacks", "logger")
"""The groups of several objects, or none; null switches one off."""

_START = {"weights": inspect.Parameter("weights", inspect.Parameter.KEYWORD_ONLY, annotation=str | None)}


def check_config(config: DictConfig | dict[str, Any]) -> None:
    """Refuse keys that nothing reads, and values of the wrong type."""
    try:
        plain = to_plain(config)
    except InterpolationResolutionError as error:
        raise UserError(f"The config cannot be resolved: {error}") from error
    if has_interpolation(plain):
        raise UserError("The config has an escaped interpolation (${…}) within a text; write its value.")
    for name, annotation in SETTINGS.items():
        if name not in plain:
            raise UserError(f"The config lacks {name}.")
        _check_value(name, plain[name], annotation)
    for name, value in plain.items():
        if name not in (*SETTINGS, *OBJECTS, *COLLECTIONS) and not isinstance(value, dict) and value is not None:
            raise UserError(f"The config key {name} is read by nothing; {did_you_mean(name, SETTINGS)}")
    check_groups(plain, OBJECTS)
    for group in COLLECTIONS:
        nodes = plain.get(group) or {}
        if not isinstance(nodes, dict):
            raise UserError(f"{group} is {as_yaml(nodes, quoted=True)}; it must be null or a mapping of objects.")
        for name, node in nodes.items():
            if node is not None and not (isinstance(node, dict) and TARGET in node):
                raise UserError(
                    f"{group}.{name} is no object with a _target_: {group}.{name}=null switches one off, and a setting "
                    f"below it needs a member of {group} that has it."
                )
    for group in (name for name in plain if name not in OBJECTS):
        _check_nodes(group, plain[group])


def check_groups(config: DictConfig | Mapping[str, Any], groups: Iterable[str]) -> None:
    """`check_config` of some groups alone, each of one object, from which that object is to be built."""
    for group in groups:
        node = to_plain(config.get(group))
        if not (isinstance(node, dict) and TARGET in node):
            raise UserError(f"The config has no {group}; choose a member with {group}=…, as --help lists them.")
        _check_nodes(group, node)


def parameters(target: Any) -> dict[str, inspect.Parameter]:
    """The parameters of a target that a config can give, annotations evaluated where the target's module allows."""
    try:
        signature = inspect.signature(target, eval_str=True)
    except NameError:  # a library that imports its annotations for type checkers only
        signature = inspect.signature(target)
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {name: p for name, p in signature.parameters.items() if p.kind not in variable}


def keys_of(key: str, node: Mapping[str, Any] | DictConfig) -> dict[str, inspect.Parameter]:
    """The keys that are read of the node `key`: its target's parameters, and `weights`, which any model starts from."""
    found = parameters(resolve_target(node[TARGET], key))
    if node.get("_partial_"):  # what is called later gets its first argument then
        found = {name: p for place, (name, p) in enumerate(found.items()) if place or p.default is not p.empty}
    return found if key != "model" else {**_START, **found}


def takes_options(target: Any) -> bool:
    """Whether an own class hands what it does not name on to a library, which checks it when it is built."""
    kinds = {parameter.kind for parameter in inspect.signature(target).parameters.values()}
    return is_own(target) and inspect.Parameter.VAR_KEYWORD in kinds


def _check_nodes(group: str, content: Any) -> None:
    for key, node in target_nodes(content, group):
        _check_node(key, node)


def _check_node(key: str, node: dict[str, Any]) -> None:
    target, valid = resolve_target(node[TARGET], key), keys_of(key, node)
    for name, value in node.items():
        if name in MODIFIERS or (name not in valid and takes_options(target)):
            continue
        if name not in valid:
            raise UserError(f"{key}.{name} is not a parameter of {node[TARGET]}; {did_you_mean(name, valid)}")
        if not any(target_nodes(value, "")):
            _check_value(f"{key}.{name}", value, valid[name].annotation)


def _check_value(key: str, value: Any, annotation: Any) -> None:
    if value == "???":
        raise UserError(f"{key} has no value yet; give one with {key}=…")
    if annotation is inspect.Parameter.empty or isinstance(annotation, str):
        return
    try:
        adapter = pydantic.TypeAdapter(annotation, config=pydantic.ConfigDict(arbitrary_types_allowed=True))
    except pydantic.PydanticUserError:  # the annotation has a configuration of its own
        adapter = pydantic.TypeAdapter(annotation)
    try:
        # Strict, but by JSON's notion of types: a list may fill a tuple, a whole number a float, a string a path.
        adapter.validate_json(json.dumps(value), strict=True)
    except pydantic.ValidationError as error:
        raise UserError(f"{key} is {as_yaml(value, quoted=True)}; {remedy(value, annotation)}") from error


def remedy(value: Any, annotation: Any) -> str:
    """What to write in place of a value that the annotation does not take."""
    choices = _choices(annotation)
    return did_you_mean(str(value), choices) if choices else f"it must be {describe(annotation)}."


def _choices(annotation: Any) -> list[str]:
    if typing.get_origin(annotation) is Literal:
        return [str(choice) for choice in typing.get_args(annotation)]
    if typing.get_origin(annotation) in (Union, types.UnionType):
        return [choice for part in typing.get_args(annotation) for choice in _choices(part)]
    return []


def describe(annotation: Any) -> str:
    """An annotation in plain English: `int | None` is "a whole number or null"."""
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}
    if annotation in names:
        return names[annotation]
    if typing.get_origin(annotation) is Annotated:
        return next(str(field.description) for field in typing.get_args(annotation)[1:])
    if typing.get_origin(annotation) in (Union, types.UnionType):
        parts = typing.get_args(annotation)
        # Beside plain types, a library's own (a tensor for a rate) cannot be given on a command line.
        return " or ".join(names[part] for part in parts if part in names) or " or ".join(map(describe, parts))
    return str(annotation).replace("typing.", "").replace("collections.abc.", "")
