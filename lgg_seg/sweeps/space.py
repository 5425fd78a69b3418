"""Hydra's sweep syntax as a search space: `choice(a,b)`, `range(1,9)`, `interval(0,1)`, and `tag(log,…)` of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml
from hydra.core.override_parser.types import IntervalSweep, Override, Transformer
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from lgg_seg.errors import UserError


def distribution(override: Override) -> BaseDistribution:
    """The distribution of one key's values.

    `int(interval(1,9))` and `tag(int,interval(1,9))` are whole numbers, both ends among them. Choices are kept as text,
    as they would be typed.

    Raises:
        UserError: an empty space, or a logarithm of zero.
    """
    value = override.value()
    try:
        if isinstance(value, IntervalSweep):
            return _interval(value)
        if override.is_range_sweep():
            return _range([float(v) for v in override.sweep_string_iterator()])
        return CategoricalDistribution(list(dict.fromkeys(map(str, override.sweep_iterator(Transformer.str)))))
    except (ValueError, TypeError) as error:
        raise UserError(f"{override.input_line} is no search space ({' '.join(str(error).split())}).") from error


def search_space(overrides: Iterable[Override]) -> dict[str, BaseDistribution]:
    """The keys that are searched, each with its distribution."""
    return {override.get_key_element(): distribution(override) for override in overrides}


def as_overrides(parameters: dict[str, Any]) -> list[str]:
    """A trial's values as overrides of one run."""
    return [f"{key}={value}" for key, value in parameters.items()]


def parse_value(value: Any) -> Any:
    """The value of a choice that is kept as text."""
    return yaml.safe_load(value) if isinstance(value, str) else value


def _interval(value: IntervalSweep) -> BaseDistribution:
    log = "log" in value.tags
    unknown = value.tags - {"log", "int"}
    if unknown:
        raise ValueError(f"the tag {', '.join(sorted(unknown))} means nothing here; there are log and int")
    low, high = value.start, value.end
    if low is None or high is None:
        raise ValueError("it has no ends")
    if "int" in value.tags or (isinstance(low, int) and isinstance(high, int)):
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(float(low), float(high), log=log)


def _range(values: list[float]) -> BaseDistribution:
    if not values:
        raise ValueError("it is empty")
    low, high = min(values), max(values)
    step = abs(values[1] - values[0]) if len(values) > 1 else 1.0
    if all(v.is_integer() for v in values):
        return IntDistribution(int(low), int(high), step=int(step))
    return FloatDistribution(low, high, step=step)
