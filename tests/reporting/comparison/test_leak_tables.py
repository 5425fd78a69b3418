from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from lgg_seg.compare import compare_folders
from lgg_seg.data.split import LEAKY
from lgg_seg.reporting.comparison.leak import LeakTable, leak_tables
from lgg_seg.reporting.comparison.leak_lines import finding, grid, leaks_markdown
from lgg_seg.reporting.comparison.runs import find_runs
from lgg_seg.reporting.comparison.tables import build_leaderboard
from tests.reporting.run_folders import volumes, write_run

NEW, OLD = volumes(6), volumes(12)


def both(folder: Path, words: list[str], honest: float, leaky: float, seed: int = 0) -> None:
    """A configuration trained under either split."""
    name = "_".join(word.partition("=")[2] for word in words) + f"_{seed}"
    words = [*words, f"seed={seed}"]
    write_run(folder / f"{name}_patient", [*words, "split=patient"], dice=honest, truths=NEW)
    write_run(folder / f"{name}_leak", [*words, "split=slice_random"], dice=leaky, truths=OLD, protocol=LEAKY)


def tables(folder: Path) -> list[LeakTable]:
    return leak_tables(build_leaderboard(find_runs([folder])))


def test_a_configuration_stands_beside_itself_and_the_mean_below(tmp_path: Path) -> None:
    both(tmp_path, ["model=unet_slim"], 0.6, 0.9)
    both(tmp_path, ["model=unet_bn"], 0.7, 0.8)
    [table] = tables(tmp_path)
    assert {row.label for row in table.rows} == {"unet_slim", "unet_bn"}
    slim = next(row for row in table.rows if row.label == "unet_slim").measures["pooled Dice"]
    per_patient = pd.read_csv(tmp_path / "unet_slim_0_leak" / "per_patient.csv")
    total = per_patient[["tp", "fp", "fn"]].sum()
    assert slim.leaky.value == 2 * total.tp / (2 * total.tp + total.fp + total.fn)
    assert slim.added.value == pytest.approx(0.3, abs=0.01)
    assert slim.added.estimate.ci95 is not None
    low, high = slim.added.estimate.ci95
    assert low <= slim.added.value <= high
    mean = table.mean["pooled Dice"]
    assert mean.added.value == pytest.approx((0.3 + 0.1) / 2, abs=0.01)
    assert (len(table.honest.patients), len(table.leaky.patients)) == (6, 12)


def test_tumour_slices_are_those_of_the_recorded_table(tmp_path: Path) -> None:
    both(tmp_path, ["model=unet_slim"], 0.6, 0.9)
    [table] = tables(tmp_path)
    slices = pd.read_csv(tmp_path / "unet_slim_0_patient" / "per_slice.csv")
    expected = slices.loc[slices.truth_pixels > 0, "dice"].mean()
    assert table.rows[0].measures["tumour-slice Dice"].honest.value == pytest.approx(expected)


def test_seeds_are_averaged(tmp_path: Path) -> None:
    both(tmp_path, ["model=unet_slim"], 0.5, 0.8, seed=0)
    both(tmp_path, ["model=unet_slim"], 0.7, 0.9, seed=1)
    [table] = tables(tmp_path)
    [row] = table.rows
    assert row.measures["pooled Dice"].honest.value == pytest.approx(0.6, abs=0.01)
    assert "One seed" not in finding(table)


@pytest.mark.parametrize("other", ["optimizer.lr=0.01", "model=unet_bn", "evaluation.threshold=0.3"])
def test_what_differs_by_more_than_the_split_is_not_held_against_each_other(tmp_path: Path, other: str) -> None:
    write_run(tmp_path / "a", ["model=unet_slim", "split=patient"])
    write_run(tmp_path / "b", ["model=unet_slim", "split=slice_random", other], protocol=LEAKY)
    assert tables(tmp_path) == []


def test_a_cut_in_a_list_that_leaves_the_tested_patients_new_adds_nothing(tmp_path: Path) -> None:
    write_run(tmp_path / "a", ["split=patient"])
    cut = write_run(tmp_path / "b", ["split=slice_unshuffled"], protocol=LEAKY)
    facts = json.loads((cut / "provenance.json").read_text())
    facts["split"]["train"] = {"TCGA_TR_0000": "known"}
    (cut / "provenance.json").write_text(json.dumps(facts))
    assert tables(tmp_path) == []


def test_two_honest_splits_are_no_leak(tmp_path: Path) -> None:
    write_run(tmp_path / "a", ["split=patient"])
    write_run(tmp_path / "b", ["split=buda"])
    assert tables(tmp_path) == []


@pytest.mark.parametrize(
    ("honest", "leaky", "words"),
    [
        (0.5, 0.9, ": more than the luck of who was tested"),
        (0.9, 0.5, ": less, beyond the luck of who was tested"),
        (0.7, 0.7, ": which the luck of who was tested could explain"),
    ],
)
def test_the_finding_says_what_the_interval_says(tmp_path: Path, honest: float, leaky: float, words: str) -> None:
    both(tmp_path, ["model=unet_slim"], honest, leaky)
    [table] = tables(tmp_path)
    assert words in finding(table)
    assert "One seed each" in finding(table)


def test_compare_writes_it_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both(tmp_path / "runs", ["model=unet_slim"], 0.6, 0.9)
    both(tmp_path / "runs", ["model=unet_bn"], 0.7, 0.8)
    compare_folders([tmp_path / "runs"], tmp_path / "board")
    rows = pd.read_csv(tmp_path / "board" / "leak.csv").set_index("configuration")
    assert rows.loc["mean of 2", "pooled_dice_added"] == pytest.approx(rows["pooled_dice_added"].iloc[:2].mean())
    [table] = tables(tmp_path / "runs")
    for where in ("leaderboard.md", "leaderboard.html"):
        text = (tmp_path / "board" / where).read_text(encoding="utf-8")
        assert finding(table) in text
        assert all(cell in text for row in grid(table) for cell in row)
    page = (tmp_path / "board" / "leaderboard.html").read_text(encoding="utf-8")
    assert 'alt="pooled Dice by patient and with the leak. ' in page
    assert "The leak adds +0.2" in " ".join(capsys.readouterr().out.split())


def test_without_a_leak_nothing_is_said_of_one(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "a", ["split=patient"])
    compare_folders([tmp_path / "runs"], tmp_path / "board")
    assert not (tmp_path / "board" / "leak.csv").exists()
    assert leaks_markdown([]) == ""
    assert "What the leak adds" not in (tmp_path / "board" / "leaderboard.html").read_text(encoding="utf-8")
