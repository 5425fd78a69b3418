"""A real sweep, two networks, two seeds and jobs that fail, through table, statistics and report, checked by hand."""

from __future__ import annotations

import csv
import html
import itertools
import json
import os
import re
import statistics
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import wilcoxon

from tests.workplace import lgg

MODELS = ("unet_slim", "unet_bn")
SWEEP = (
    "experiment=demo trainer.max_epochs=1 trainer.limit_train_batches=4 trainer.limit_val_batches=4 "
    "trainer.enable_progress_bar=false preprocess.size=32 data.tree.size=64 data.tree.slices=8 "
    "callbacks.validation_images=null"
)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("sweep") / "cells"
    words = [*SWEEP.split(), "split.test=8", f"data.root={folder.parent / 'phantom'}", f"hydra.sweep.dir={folder}"]
    # Weights that nobody has fetched, and no network: `smp` fails, and says so.
    offline = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(folder.parent / "hub"),
        "COLUMNS": "120",
        "OMP_NUM_THREADS": "1",
    }
    networks = "model=unet_slim model.alpha=0.125", "model=unet_bn model.filters=4", "model=smp"
    variants = f"hydra.sweeper.variants={json.dumps(networks)}"
    return folder, lgg((folder.parent, offline), "-m", *words, variants, "seed=0,1")


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def cells(folder: Path, model: str) -> list[list[dict[str, str]]]:
    """The tables of patients of a network's two seeds."""
    tables = sorted(folder.glob("*/per_patient.csv"))
    chosen = re.compile(rf"- model={model}$", re.MULTILINE)
    return [
        read(table) for table in tables if chosen.search((table.parent / "overrides.yaml").read_text(encoding="utf-8"))
    ]


def by_hand(folder: Path, model: str) -> dict[str, float]:
    """Each patient's Dice from his counts, averaged over the seeds."""
    dice: dict[str, list[float]] = {}
    for rows in cells(folder, model):
        for row in rows:
            tp, fp, fn = (int(row[name]) for name in ("tp", "fp", "fn"))
            dice.setdefault(row["patient"], []).append(2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 1.0)
    assert all(len(values) == 2 for values in dice.values())
    return {patient: sum(values) / 2 for patient, values in sorted(dice.items())}


def test_the_jobs_that_fail_are_rows_with_their_reason_and_the_exit_code_tells(sweep) -> None:
    folder, done = sweep
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    failed = [row for row in read(folder / "leaderboard.csv") if row["status"] == "failed"]
    assert [row["model"] for row in failed] == ["smp", "smp"]
    assert all("weights" in row["notes"] for row in failed)
    page = html.unescape((folder / "leaderboard.html").read_text(encoding="utf-8"))
    assert failed[0]["notes"] in page
    assert failed[0]["notes"] in " ".join(done.stdout.split())


def test_the_table_agrees_with_the_patients_files(sweep) -> None:
    folder, _ = sweep
    rows = {row["model"]: row for row in read(folder / "leaderboard.csv") if row["status"] == "finished"}
    assert set(rows) == set(MODELS)
    page = (folder / "leaderboard.html").read_text(encoding="utf-8")
    text = (folder / "leaderboard.md").read_text(encoding="utf-8")
    for model, row in rows.items():
        dice = by_hand(folder, model)
        mean = sum(dice.values()) / len(dice)
        assert float(row["patient_dice"]) == pytest.approx(mean, abs=1e-12)
        assert float(row["patient_dice_median"]) == pytest.approx(statistics.median(dice.values()), abs=1e-12)
        assert (row["seeds"], row["folds"], row["patients"]) == ("2", "1", str(len(dice)))
        assert f"{mean:.3f}" in page
        assert f"{mean:.3f}" in text
        tables = cells(folder, model)
        pooled = []
        for table in tables:
            tp, fp, fn = (sum(int(one[name]) for one in table) for name in ("tp", "fp", "fn"))
            pooled.append(2 * tp / (2 * tp + fp + fn))
        assert float(row["pooled_dice"]) == pytest.approx(sum(pooled) / 2, abs=1e-12)
        seed_means = [sum(float(one["dice"]) for one in table) / len(table) for table in tables]
        assert float(row["seed_sd"]) == pytest.approx(statistics.stdev(seed_means), abs=1e-12)


def test_interval_difference_test_and_ranks_agree_with_a_plain_bootstrap_and_scipy(sweep) -> None:
    folder, _ = sweep
    rows = [row for row in read(folder / "leaderboard.csv") if row["status"] == "finished"]
    best, other = (np.array(list(by_hand(folder, row["model"]).values())) for row in rows)
    assert best.mean() >= other.mean()
    generator = np.random.default_rng(99)
    drawn = generator.integers(len(best), size=(20_000, len(best)))
    for row, values in zip(rows, (best, other), strict=True):
        low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
        assert float(row["patient_dice_low"]) == pytest.approx(low, abs=0.01)
        assert float(row["patient_dice_high"]) == pytest.approx(high, abs=0.01)
    gap = other - best
    assert float(rows[1]["difference_to_best"]) == pytest.approx(gap.mean(), abs=1e-9)
    low, high = np.quantile(gap[drawn].mean(axis=1), [0.025, 0.975])
    assert float(rows[1]["difference_low"]) == pytest.approx(low, abs=0.01)
    assert float(rows[1]["difference_high"]) == pytest.approx(high, abs=0.01)
    signs = np.array(list(itertools.product((-1, 1), repeat=int((gap != 0).sum()))))
    ranks = np.argsort(np.argsort(abs(gap[gap != 0]))) + 1
    smaller = min(ranks[gap[gap != 0] > 0].sum(), ranks[gap[gap != 0] < 0].sum())
    p = min(1.0, 2 * float(((signs > 0) @ ranks <= smaller).mean()))
    assert float(rows[1]["wilcoxon_p"]) == pytest.approx(p)
    if (gap != 0).all():
        assert p == pytest.approx(wilcoxon(best, other, method="exact").pvalue)
    assert float(rows[1]["holm_p"]) == float(rows[1]["wilcoxon_p"])  # a single comparison needs no correction
    first = (best[drawn].mean(axis=1) > other[drawn].mean(axis=1)).mean()
    assert float(rows[0]["share_of_first_ranks"]) == pytest.approx(first, abs=0.02)
