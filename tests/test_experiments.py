"""The recorded results: whole, consistent with their raw counts, and quoted in the README as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
RESULTS = sorted(path.parent for path in (ROOT / "experiments").rglob("metrics.json"))


def row(folder: Path) -> str:
    """A result as a row of the README's table."""
    content: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    metrics, cost = content["metrics"], content["cost"]
    dice, hd95 = metrics["patient/dice"], metrics["patient/hd95_px"]
    low, high = dice["ci95"]
    epochs = len(pd.read_csv(folder / "history.csv"))
    cells = [
        f"`{folder.name}`",
        f"{cost['parameters'] / 1e6:.2f} M",
        f"{epochs}",
        f"**{dice['mean']:.3f}** ({low:.3f} to {high:.3f})",
        f"{dice['median']:.3f}",
        f"{metrics['pooled/dice']:.3f} / {metrics['pooled/iou']:.3f}",
        f"{metrics['tumour_slice/dice']:.3f}",
        f"{hd95['median']:.1f}",
        f"{metrics['detection/auroc']:.3f}",
    ]
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("folder", RESULTS, ids=lambda path: path.name)
def test_the_readme_quotes_the_recorded_numbers(folder: Path) -> None:
    assert row(folder) in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", RESULTS, ids=lambda path: path.name)
def test_the_recorded_numbers_follow_from_the_recorded_counts(folder: Path) -> None:
    metrics = json.loads((folder / "metrics.json").read_text())["metrics"]
    patients, slices = pd.read_csv(folder / "per_patient.csv"), pd.read_csv(folder / "per_slice.csv")
    dice = 2 * patients.tp / (2 * patients.tp + patients.fp + patients.fn)
    assert metrics["patient/dice"]["mean"] == pytest.approx(dice.mean())
    counts = slices.groupby("patient")[["tp", "fp", "fn", "tn"]].sum()
    assert counts.equals(patients.set_index("patient")[["tp", "fp", "fn", "tn"]].sort_index())
    found = counts.sum()
    assert metrics["pooled/iou"] == pytest.approx(found.tp / (found.tp + found.fp + found.fn))


@pytest.mark.parametrize("folder", RESULTS, ids=lambda path: path.name)
def test_a_recorded_run_was_made_from_committed_code_by_the_command_it_names(folder: Path) -> None:
    facts = json.loads((folder / "provenance.json").read_text())
    assert facts["code"]["commit"]
    assert facts["code"]["dirty"] is False
    assert facts["command"][:3] == ["python", "-m", "lgg_seg"]
    assert (folder / "learning_curves.png").is_file()


def test_there_is_a_recorded_result_and_none_is_an_image_of_a_patient() -> None:
    assert RESULTS
    images = {path.name for path in (ROOT / "experiments").rglob("*") if path.suffix in (".png", ".tif", ".jpg")}
    assert images <= {"learning_curves.png", "roc_pr.png"}
