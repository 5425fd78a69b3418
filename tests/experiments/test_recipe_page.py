"""The table of the recipe's changes compares like with like."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from experiments.recipe.tables import SEARCHES, rows
from tests.experiments.records import RECORDS

RECIPE = RECORDS / "recipe"


@pytest.mark.parametrize("search", SEARCHES)
def test_every_change_was_measured_on_the_validation_patients_of_the_recipe(search: str) -> None:
    patients = set(pd.read_csv(RECIPE / search / "base" / "per_patient.csv")["patient"])
    tables = sorted((RECIPE / search).rglob("per_patient.csv"))
    assert len(tables) > 3, "the recipe, and what it is compared with"
    for path in tables:
        assert set(pd.read_csv(path)["patient"]) == patients
    assert all(row.metrics["patient/dice"]["mean"] > 0 for row in rows(search))


@pytest.mark.parametrize(
    "folder",
    sorted(path.parent for path in RECIPE.glob("*/*/overrides.yaml")),
    ids=lambda p: f"{p.parent.name}-{p.name}",
)
def test_a_run_changes_one_thing(folder: Path) -> None:
    base, own = (
        set(yaml.safe_load((folder.parent / name / "overrides.yaml").read_text(encoding="utf-8")))
        for name in ("base", folder.name)
    )
    changed = {word.partition("=")[0].partition(".")[0] for word in own - base if not word.startswith("name=")}
    assert len(changed) == (folder.name != "base")
