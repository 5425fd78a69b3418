"""The table of the recipe's changes is what the recorded runs hold, and compares like with like."""

from __future__ import annotations

import pandas as pd
import pytest
import yaml

from experiments.recipe.__main__ import COLUMNS, rows
from lgg_seg.reporting.table import markdown_table
from tests.experiments.records import RECORDS

RECIPE = RECORDS / "recipe"


def test_the_page_has_the_table_of_its_runs() -> None:
    assert markdown_table(COLUMNS, rows()) in (RECIPE / "README.md").read_text(encoding="utf-8")


def test_every_change_was_measured_on_the_validation_patients_of_the_recipe() -> None:
    patients = set(pd.read_csv(RECIPE / "base" / "per_patient.csv")["patient"])
    tables = sorted(RECIPE.rglob("per_patient.csv"))
    assert len(tables) > 3, "the recipe, and what it was evaluated with"
    for path in tables:
        assert set(pd.read_csv(path)["patient"]) == patients
    assert all(row.metrics["patient/dice"]["mean"] > 0 for row in rows())


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in RECIPE.glob("*/overrides.yaml")), ids=lambda p: p.name
)
def test_a_run_changes_one_thing(folder) -> None:
    base, own = (set(yaml.safe_load((RECIPE / name / "overrides.yaml").read_text())) for name in ("base", folder.name))
    changed = {word.partition("=")[0].partition(".")[0] for word in own - base if not word.startswith("name=")}
    assert len(changed) == (folder.name != "base")
