"""What every page is made with: its templates, style sheet and script, read from this folder."""

from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from lgg_seg.reporting.redaction import without_paths


@cache
def environment() -> jinja2.Environment:
    """Templates that escape what they are given, and refuse a name that they are not given; compiled once."""
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(part),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def part(name: str) -> str:
    """The content of a file of this folder."""
    return (files("lgg_seg.reporting.html") / name).read_text(encoding="utf-8")


def _finalize(value: Any) -> Any:
    """Cut the machine's paths in texts of the runs; our own markup is as it is."""
    return without_paths(value) if isinstance(value, str) and not isinstance(value, Markup) else value
