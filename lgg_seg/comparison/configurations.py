"""When two runs are of one configuration, and what to call configurations by what differs between them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lgg_seg.comparison.runs import Run
from lgg_seg.runs.identity import configuration_identity, flatten, in_configuration

ABSENT = "-"


def settings(runs: Sequence[Run]) -> dict[str, dict[str, str]]:
    """For each `configuration_identity` the values of what differs between the configurations, by key.

    Overrides of the command lines come first; where they do not tell two configurations apart, so do the configs' keys.
    """
    by_identity: dict[str, Run] = {}
    for run in runs:
        by_identity.setdefault(configuration_identity(run.config), run)
    firsts = list(by_identity.values())
    overrides = [_overrides(run) for run in firsts]
    flat = [flatten(run.config) for run in firsts]
    # Members of groups, as the network, come before single values.
    keys = list(dict.fromkeys(sorted((key for one in overrides for key in one), key=lambda key: "." in key)))
    rows = _differing(
        [
            {key: _value(key, typed, run, values) for key in keys}
            for typed, run, values in zip(overrides, firsts, flat, strict=True)
        ]
    )
    if len({json.dumps(row) for row in rows}) < len(rows):
        every_key = dict.fromkeys(key for values in flat for key in values if in_configuration(key))
        more = _differing([{key: str(values.get(key, ABSENT)) for key in every_key} for values in flat])
        rows = [row | extra for row, extra in zip(rows, more, strict=True)]
    return dict(zip(by_identity, rows, strict=True))


def labels(rows: Sequence[Mapping[str, str]], fallbacks: Sequence[str]) -> list[str]:
    """Labels of configurations by what differs among these."""
    return [label(row, fallback) for row, fallback in zip(_differing(rows), fallbacks, strict=True)]


def label(setting: Mapping[str, str], fallback: str) -> str:
    """A configuration's label: the member of a group alone, of any other key its last part, where unique, =value.

    The member `none` says nothing without its group.
    """
    ends = [key.rpartition(".")[2] for key in setting]
    parts = [
        value if "." not in key and value != "none" else f"{end if ends.count(end) == 1 else key}={value}"
        for end, (key, value) in zip(ends, setting.items(), strict=True)
        if value != ABSENT
    ]
    return ", ".join(parts) or fallback


def _overrides(run: Run) -> dict[str, str]:
    typed = (override.lstrip("+~").partition("=") for override in run.overrides)
    return {key: value for key, _, value in typed if in_configuration(key) and not key.startswith("hydra")}


def _value(key: str, overrides: Mapping[str, str], run: Run, flat: Mapping[str, Any]) -> str:
    """The value as the config has it, however it was typed; of a group, the member."""
    if key in flat:
        value = flat[key]
        return f"{value:g}" if isinstance(value, float) else str(value)
    return str(overrides.get(key, run.provenance.get("choices", {}).get(key, ABSENT)))


def _differing(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    keys = [key for key in rows[0] if len({row[key] for row in rows}) > 1] if rows else []
    return [{key: row[key] for key in keys} for row in rows]
