"""When two runs are of one configuration, and what to call configurations by what differs between them."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import yaml

from lgg_seg.comparison.runs import Run
from lgg_seg.config.groups import conf_dir
from lgg_seg.messages import as_yaml
from lgg_seg.runs.identity import configuration_identity, flatten, in_configuration

ABSENT = "-"
MAX_TOLD = 2  # settings in a label, beside the weights that a network started from
WEIGHTS = "model.weights"
_LONG = re.compile(r"\d*\.\d+(e-?\d+)?")  # a number that may have more figures than a reader needs


def settings(runs: Sequence[Run]) -> dict[str, dict[str, str]]:
    """For each `configuration_identity` the values of what differs between the configurations, by key.

    Overrides of the command lines come first; where they do not tell two configurations apart, so do the configs' keys.
    """
    by_identity = _firsts(runs)
    firsts = list(by_identity.values())
    overrides = [_overrides(run) for run in firsts]
    flat = [flatten(run.config) for run in firsts]
    # Members of groups, as the network, come before single values.
    keys = list(dict.fromkeys(sorted((key for one in overrides for key in one), key=lambda key: "." in key)))
    each = zip(overrides, firsts, flat, strict=True)
    rows = _differing([{key: _value(key, typed, run, values) for key in keys} for typed, run, values in each])
    if len({json.dumps(row) for row in rows}) < len(rows):
        every_key = dict.fromkeys(key for values in flat for key in values if in_configuration(key))
        more = _differing([{key: as_yaml(values.get(key, ABSENT)) for key in every_key} for values in flat])
        rows = [row | extra for row, extra in zip(rows, more, strict=True)]
    return dict(zip(by_identity, rows, strict=True))


def names(runs: Iterable[Run], settings: Mapping[str, dict[str, str]]) -> dict[str, str]:
    """The label of each configuration by `configuration_identity`; `settings` are those of `settings`."""
    firsts = _firsts(runs)
    return dict(zip(firsts, labels(list(firsts.values()), [settings[one] for one in firsts]), strict=True))


def _firsts(runs: Iterable[Run]) -> dict[str, Run]:
    """The first run of each configuration."""
    firsts: dict[str, Run] = {}
    for run in runs:
        firsts.setdefault(configuration_identity(run.config), run)
    return firsts


def labels(runs: Sequence[Run], rows: Sequence[Mapping[str, str]]) -> list[str]:
    """A label for each configuration, given by one of its runs and its settings: no two are the same.

    It is the `name=` that was typed; else the network with at most two of the settings that set it apart from the
    others of its network or were typed for it, the rarest first; and always with weights that are not its own default:
    a random network must not pass for a pretrained one.
    """
    rows = _shortened(_differing(rows))
    networks = [_network(run, row) for run, row in zip(runs, rows, strict=True)]
    found = []
    for run, row, network, shares in zip(runs, rows, networks, _shares(rows), strict=True):
        same = [other for other, name in zip(rows, networks, strict=True) if name == network]
        own = _differing(same)[0].keys() | _overrides(run).keys()
        found.append(run.given_name or _label(run, {key: row[key] for key in row if key in own}, shares))
    for text, count in Counter(found).items():
        if count > 1:  # what differs among these tells them apart
            alike = [k for k, one in enumerate(found) if one == text]
            within = _differing([rows[k] for k in alike])
            for k, row, shares in zip(alike, within, _shares(within), strict=True):
                found[k] = _label(runs[k], row, shares)
    seen: Counter[str] = Counter()
    for k, text in enumerate(found):
        seen[text] += 1
        found[k] += f" #{seen[text]}" if seen[text] > 1 else ""
    return found


def _shares(rows: Sequence[Mapping[str, str]]) -> list[dict[str, float]]:
    """For each row and key the share of the rows that have its value there."""
    counts = {key: Counter(row[key] for row in rows) for key in rows[0]} if rows else {}
    return [{key: counts[key][value] / len(rows) for key, value in row.items()} for row in rows]


def _label(run: Run, row: Mapping[str, str], shares: Mapping[str, float]) -> str:
    """The run's name or network with at most `MAX_TOLD` settings of its row, and weights that are not the default."""
    telling = [key for key, value in row.items() if value != ABSENT and (run.given_name or key != "model")]
    if len(telling) > MAX_TOLD:
        telling = [key for key in telling if shares[key] <= 0.5]
    weights = {} if run.given_name else _other_weights(run)
    chosen = {*sorted(telling, key=lambda key: shares[key])[:MAX_TOLD], *weights}
    row = {**row, **weights}
    ends = [key.rpartition(".")[2] for key in row]
    told = [  # of a group the member alone, but for `none`
        value if "." not in key and value != "none" else f"{end if ends.count(end) == 1 else key}={value}"
        for end, (key, value) in zip(ends, row.items(), strict=True)
        if key in chosen
    ]
    return ", ".join([run.given_name or _network(run, row), *told])


def _other_weights(run: Run) -> dict[str, str]:
    """The weights that the network started from, where its member has others by default; a user's own member is not at
    hand, and its weights are told where they were typed."""
    model = run.config.get("model", {})
    if "weights" not in model:
        return {}
    defaults = _defaults(run.provenance.get("choices", {}).get("model", ""))
    other = model["weights"] != defaults["weights"] if "weights" in defaults else WEIGHTS in _overrides(run)
    return {WEIGHTS: as_yaml(model["weights"])} if other else {}


@cache
def _defaults(member: str) -> dict[str, Any]:
    """The options of a network as its YAML file has them; none of a member that is not ours."""
    path = conf_dir() / "model" / f"{member}.yaml"
    return dict(yaml.safe_load(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _network(run: Run, row: Mapping[str, str]) -> str:
    member = row.get("model", ABSENT)
    return str(run.provenance.get("choices", {}).get("model", run.label)) if member == ABSENT else member


def _overrides(run: Run) -> dict[str, str]:
    typed = (override.lstrip("+~").partition("=") for override in run.overrides)
    return {key: value for key, _, value in typed if in_configuration(key) and not key.startswith("hydra")}


def _value(key: str, overrides: Mapping[str, str], run: Run, flat: Mapping[str, Any]) -> str:
    """The value as the config has it, however it was typed; of a group, the member."""
    if key in flat:
        value = flat[key]
        return f"{value:g}" if isinstance(value, float) else as_yaml(value)
    return str(overrides.get(key, run.provenance.get("choices", {}).get(key, ABSENT)))


def _shortened(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The rows with numbers of a key to three figures, where that leaves all of them apart."""
    columns = {key: [row[key] for row in rows] for key in rows[0]} if rows else {}
    for key, values in columns.items():
        short = [f"{float(value):.3g}" if _LONG.fullmatch(value) else value for value in values]
        if len(set(short)) == len(set(values)):
            columns[key] = short
    return [{key: values[k] for key, values in columns.items()} for k in range(len(rows))]


def _differing(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    keys = [key for key in rows[0] if len({row[key] for row in rows}) > 1] if rows else []
    return [{key: row[key] for key in keys} for row in rows]
