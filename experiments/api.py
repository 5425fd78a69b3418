"""The page of the Python API, made from the docstrings."""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import lgg_seg
from lgg_seg.inference.model import Model

MODULES = (
    "networks",
    "losses",
    "metrics.overlap",
    "metrics.surface",
    "metrics.morphology",
    "metrics.calibration",
    "statistics.bootstrap",
    "statistics.paired",
    "statistics.ranks",
    "data.splits",
    "schedulers",
)
"""Modules whose public functions and classes can be called on their own."""

_SECTION = re.compile(r"(Args|Attributes|Returns|Raises):")
_ITEM = re.compile(r"(\w[\w.*]*): ")


def markdown() -> str:
    """A section for `lgg_seg.load`, `Model`, and each of `MODULES`."""
    parts = ["## lgg_seg", *_entry("load", lgg_seg.load), *_entry("Model", Model)]
    for name in MODULES:
        module = import_module(f"lgg_seg.{name}")
        parts += [f"## lgg_seg.{name}", _text(module)]
        for public, member in _public(module):
            parts += _entry(public, member)
    return "\n\n".join(parts)


def _public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The functions and classes that a module is for: those of `__all__`, else its own in their order."""
    chosen = getattr(module, "__all__", None)
    for name, member in vars(module).items() if chosen is None else ((one, getattr(module, one)) for one in chosen):
        own = chosen is not None or getattr(member, "__module__", "") == module.__name__
        if own and not name.startswith("_") and (inspect.isfunction(member) or inspect.isclass(member)):
            yield name, member


def _entry(name: str, member: Any) -> list[str]:
    """A heading, the call, the docstring, and of a class its methods."""
    found = [f"### {name}", f"`{name}{_signature(member)}`", _text(member)]
    if inspect.isclass(member):
        methods = [(one, vars(member)[one]) for one in vars(member) if not one.startswith("_")]
        functions = [(one, method) for one, method in methods if inspect.isfunction(method) and method.__doc__]
        found += [f"#### `{name}.{one}{_signature(method)}`\n\n{_text(method)}" for one, method in functions]
    return found


def _signature(member: Any) -> str:
    """Parameters with their defaults, without types, which the docstring gives with their shapes."""
    try:
        parameters = inspect.signature(member).parameters.values()
    except ValueError:
        return "(…)"
    shown = [one.replace(annotation=inspect.Parameter.empty) for one in parameters if one.name != "self"]
    text = str(inspect.Signature(shown))
    return re.sub(r"<(\w+)[^<>]*>", r"\1", text)


def _text(member: Any) -> str:
    """A docstring as Markdown: its sections are lists."""
    lines: list[str] = []
    own = vars(member).get("__doc__") if inspect.isclass(member) else member.__doc__  # a class inherits none
    for line in inspect.cleandoc(own or "").splitlines():
        if match := _SECTION.fullmatch(line):
            lines += [f"*{match[1]}*", ""]
        elif line.startswith("    ") and (item := _ITEM.match(line.strip())):
            lines.append(f"- `{item[1]}`: {line.strip()[item.end() :]}")
        elif line.startswith(">>>"):
            lines.append(f"    {line}")
        else:
            lines.append(f"  {line.strip()}" if line.startswith("    ") and lines[-1:] != [""] else line.strip())
    return "\n".join(lines)
