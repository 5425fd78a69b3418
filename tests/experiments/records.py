"""The recorded results below experiments/, and how pages write their numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "experiments"
RESULTS = sorted(path.parent for path in RECORDS.rglob("status.json"))


def name(folder: Path) -> str:
    return str(folder.relative_to(RECORDS))


def content(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return found


CLASSIFIED = [folder for folder in RESULTS if content(folder).get("task") == "classification"]


def epochs(folder: Path) -> int:
    return len(pd.read_csv(folder / "history.csv"))


def three(number: float) -> str:
    return f"{number:.3f}"


def interval(numbers: dict[str, Any], value: str) -> str:
    low, high = numbers["ci95"]
    return f"{numbers[value]:.3f} ({low:.3f} to {high:.3f})"
