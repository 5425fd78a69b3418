"""CONTRIBUTING names the rooms in the order of the import contract; it and the configs name files that are there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_rooms_are_those_of_the_import_contract_in_its_order() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    rows = re.findall(r"^\| (`.*?) \|", TEXT, flags=re.MULTILINE)
    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == [set(layer.split(" | ")) for layer in reversed(layers)]


PATH = re.compile(r"\b(?:lgg_seg|conf|tests)/[\w/.]*\w")


def test_every_path_it_or_a_config_names_is_there() -> None:
    configs = [path.read_text(encoding="utf-8") for path in (ROOT / "conf").rglob("*.yaml")]
    named = {name for text in (TEXT, *configs) for name in PATH.findall(text)}
    assert len(named) > 20
    assert not {name for name in named if "NAME" not in name and not (ROOT / name).exists()}
