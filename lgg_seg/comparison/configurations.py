"""When two runs are of one configuration, and what to call configurations by what differs between them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lgg_seg.comparison.runs import Run
from lgg_seg.runs.identity import configuration_identity, flatten, in_configuration

ABSENT = "-"


def settings(runs: Sequence[Run]) -> dict[str, dict[str, str]]:
    """For each configuration's `configuration_identity`, the values of what differs between the configurations, by key.

    What was asked for on the command lines comes first; where that does not tell two apart, so do the configs' keys.
    """
    firsts: dict[str, Run] = {}
    for run in runs:
        firsts.setdefault(configuration_identity(run.config), run)
    return dict(zip(firsts, _settings(list(firsts.values())), strict=True))


def _settings(runs: Sequence[Run]) -> list[dict[str, str]]:
    asked = [_asked(run) for run in runs]
    # Members of groups, as the network, come before single values.
    named_first = sorted((key for words in asked for key in words), key=lambda key: "." in key)
    keys = list(dict.fromkeys(named_first))
    flat = [flatten(run.config) for run in runs]
    rows = [
        {key: _value(key, words, run, values) for key in keys}
        for words, run, values in zip(asked, runs, flat, strict=True)
    ]
    rows = _differing(rows)
    if len({json.dumps(row) for row in rows}) < len(rows):
        everything = list(dict.fromkeys(key for values in flat for key in values))
        named = [key for key in everything if in_configuration(key)]
        more = _differing([{key: str(values.get(key, ABSENT)) for key in named} for values in flat])
        rows = [row | extra for row, extra in zip(rows, more, strict=True)]
    return rows


def labels(rows: Sequence[Mapping[str, str]], fallbacks: Sequence[str]) -> list[str]:
    """Names for configurations by what differs among these: a group's member alone, any other key with its value."""
    return [label(row, fallback) for row, fallback in zip(_differing(rows), fallbacks, strict=True)]


def label(setting: Mapping[str, str], fallback: str) -> str:
    """A configuration's name: a group's member alone, any other key's last part, where it is the only one, =value.

    The member `none` tells nothing without its group.
    """
    ends = [key.rpartition(".")[2] for key in setting]
    words = [
        value if "." not in key and value != "none" else f"{end if ends.count(end) == 1 else key}={value}"
        for end, (key, value) in zip(ends, setting.items(), strict=True)
        if value != ABSENT
    ]
    return ", ".join(words) or fallback


def _asked(run: Run) -> dict[str, str]:
    words = (word.lstrip("+~").partition("=") for word in run.overrides)
    return {key: value for key, _, value in words if not key.startswith("hydra") and in_configuration(key)}


def _value(key: str, asked: Mapping[str, str], run: Run, flat: Mapping[str, Any]) -> str:
    """As the config has it, whichever way it was typed; of a group, the member."""
    if key in flat:
        value = flat[key]
        return f"{value:g}" if isinstance(value, float) else str(value)
    return str(asked.get(key, run.provenance.get("choices", {}).get(key, ABSENT)))


def _differing(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    keys = [key for key in rows[0] if len({row[key] for row in rows}) > 1] if rows else []
    return [{key: row[key] for key in keys} for row in rows]
