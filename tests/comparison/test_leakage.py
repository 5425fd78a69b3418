from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from lgg_seg.compare import compare_folders
from lgg_seg.comparison.leakage import LeakageTable, leakage_tables
from lgg_seg.comparison.runs import find_runs
from lgg_seg.comparison.tables import build_leaderboard
from lgg_seg.data.splits.split import LEAKY
from lgg_seg.metrics.strata import patient_strata
from lgg_seg.reporting.leakage import finding, leakage_columns, leakage_markdown, leakage_rows, title
from lgg_seg.reporting.table import text_table
from tests.comparison.run_folders import Volume, volumes, write_run


def every_other(volume: Volume, first: int) -> Volume:
    """Two of four slices."""
    return Volume(volume.numbers[first::2], volume.truth[first::2])


NEW = volumes(6)
OLD = NEW | volumes(6, first=6)
SHARED = {name: Volume(one.numbers[1:], one.truth[1:]) for name, one in NEW.items()}
Dice = float | Mapping[str, float]


def both(
    folder: Path, overrides: list[str], by_patient: Dice, leaky: Dice, seed: int = 0, tested: Mapping[str, Volume] = OLD
) -> None:
    """A configuration trained under either split; `tested` are the slices tested under the leaky one."""
    name = "_".join(override.partition("=")[2] for override in overrides) + f"_{seed}"
    overrides = [*overrides, f"seed={seed}"]
    write_run(folder / f"{name}_patient", [*overrides, "split=patient"], dice=by_patient, truths=NEW)
    write_run(folder / f"{name}_leak", [*overrides, "split=slice_random"], dice=leaky, truths=tested, protocol=LEAKY)


def tables(folder: Path) -> list[LeakageTable]:
    return leakage_tables(build_leaderboard(find_runs([folder])))


def counted(run: Path, volumes_: dict[str, Volume]) -> pd.DataFrame:
    """The run's rows of these volumes' slices."""
    rows = pd.read_csv(run / "per_slice.csv").set_index(["patient", "slice"])
    return rows.loc[[(name, number) for name, one in volumes_.items() for number in one.numbers]]


def test_both_splits_are_compared_on_the_same_slices_with_the_mean_below(tmp_path: Path) -> None:
    tested = SHARED | volumes(6, first=6)
    both(tmp_path, ["model=unet_slim"], 0.6, 0.9, tested=tested)
    both(tmp_path, ["model=unet_bn"], 0.7, 0.8, tested=tested)
    [table] = tables(tmp_path)
    assert {row.label for row in table.rows} == {"unet_slim", "unet_bn"}
    slim = next(row for row in table.rows if row.label == "unet_slim").measures
    for run, arm in (("patient", "by_patient"), ("leak", "leaky")):
        rows = counted(tmp_path / f"unet_slim_0_{run}", SHARED)
        total, tumour = rows[["tp", "fp", "fn"]].sum(), rows["truth_pixels"] > 0
        pooled = 2 * total.tp / (2 * total.tp + total.fp + total.fn)
        assert getattr(slim["pooled Dice"], arm).value == pytest.approx(pooled)
        assert getattr(slim["tumour-slice Dice"], arm).value == pytest.approx(rows.loc[tumour, "dice"].mean())
    added = slim["pooled Dice"].added
    assert added.estimate.ci95 is not None
    low, high = added.estimate.ci95
    assert low <= added.value <= high
    mean = table.lines[-1].measures["pooled Dice"]
    values = [row.measures["pooled Dice"].added.value for row in table.rows]
    assert mean.added.value == pytest.approx(sum(values) / 2)
    assert (len(table.patients), len(table.slices)) == (6, 18)
    assert leakage_rows([table])[0]["slices"] == 18
    assert title(table).startswith("The same 18 slices of 6 patients")


def test_differences_are_paired_by_patient(tmp_path: Path) -> None:
    easy_and_hard = {name: 0.3 + 0.1 * number for number, name in enumerate(NEW)}
    both(tmp_path, ["model=unet_slim"], easy_and_hard, easy_and_hard)
    [table] = tables(tmp_path)
    arms = table.rows[0].measures["pooled Dice"]
    assert arms.added.estimate.ci95 == (0.0, 0.0)
    assert arms.by_patient.estimate.ci95 is not None
    low, high = arms.by_patient.estimate.ci95
    assert high - low > 0.1


def test_two_cross_validations_measure_every_slice_both_ways(tmp_path: Path) -> None:
    names = list(NEW)
    for fold in range(2):
        overrides = ["split.n_splits=2", f"split.fold={fold}"]
        people = {name: NEW[name] for name in names[fold::2]}
        slices = {name: every_other(NEW[name], fold) for name in names}
        write_run(tmp_path / f"a{fold}", ["split=kfold", *overrides], dice=0.6, truths=people)
        write_run(tmp_path / f"b{fold}", ["split=slice_kfold", *overrides], dice=0.9, truths=slices, protocol=LEAKY)
    board = build_leaderboard(find_runs([tmp_path]))
    [table] = leakage_tables(board)
    assert table.slices == {(name, number) for name in names for number in NEW[name].numbers}
    [leaky] = [one.entries[0] for one in board.tables if one.comparability.leaky]
    assert (leaky.folds, list(leaky.seeds), leaky.notes) == (2, [0], ())
    recorded = pd.concat([pd.read_csv(tmp_path / f"b{fold}" / "per_slice.csv") for fold in range(2)])
    sums = recorded.groupby("patient")[["tp", "fp", "fn", "tn"]].sum()
    assert (leaky.patients[list(sums)] == sums).all(axis=None)
    dice = 2 * sums.tp / (2 * sums.tp + sums.fp + sums.fn)
    assert leaky.patients["dice"].to_dict() == pytest.approx(dice.to_dict())
    assert leaky.metrics["patient/dice"]["mean"] == pytest.approx(dice.mean())
    assert leaky.seed_scores == pytest.approx({0: dice.mean()})
    assert leaky.metrics["slice/dice"] == pytest.approx(recorded["dice"].mean())
    assert set(leaky.patients["slices"]) == {4}
    assert leaky.metrics["lesion/f1"] is leaky.metrics["patient/hd95_px"] is None  # of volumes, which no fold holds
    assert "tumour_parts" not in patient_strata(leaky.patients.reset_index().to_dict("records"))
    compare_folders([tmp_path], tmp_path / "board")
    rows = pd.read_csv(tmp_path / "board" / "leaderboard.csv").set_index("protocol")
    assert rows["patient_hd95_px"].isna()[LEAKY]
    assert rows.loc["patient", "patient_hd95_px"] > 0


def test_a_seed_that_lacks_a_fold_of_slices_is_left_out(tmp_path: Path) -> None:
    for fold, seed in ((0, 0), (1, 0), (0, 1)):
        overrides = ["split=slice_kfold", "split.n_splits=2", f"split.fold={fold}", f"seed={seed}"]
        slices = {name: every_other(one, fold) for name, one in NEW.items()}
        write_run(tmp_path / f"{fold}_{seed}", overrides, truths=slices, protocol=LEAKY)
    [table] = build_leaderboard(find_runs([tmp_path])).tables
    assert table.entries[0].notes == ("seed 1 lacks 12 slices that another seed has, and is left out",)


def test_seeds_are_averaged(tmp_path: Path) -> None:
    both(tmp_path, ["model=unet_slim"], 0.5, 0.8, seed=0)
    both(tmp_path, ["model=unet_slim"], 0.7, 0.9, seed=1)
    [table] = tables(tmp_path)
    [row] = table.rows
    assert row.measures["pooled Dice"].by_patient.value == pytest.approx(0.6, abs=0.01)
    assert "One seed" not in finding(table)


@pytest.mark.parametrize(
    "other",
    ["optimizer.lr=0.01", "model=unet_bn", "evaluation.threshold=0.3", "split.test=0.2", "split.seed=1", "seed=1"],
)
def test_configurations_that_differ_in_more_than_the_split_are_not_compared(tmp_path: Path, other: str) -> None:
    write_run(tmp_path / "a", ["model=unet_slim", "split=patient"])
    write_run(tmp_path / "b", ["model=unet_slim", "split=slice_random", other], protocol=LEAKY)
    assert tables(tmp_path) == []
    write_run(tmp_path / "c", ["model=unet_slim", "split=slice_random"], protocol=LEAKY)
    assert len(tables(tmp_path)) == 1


def test_seeds_trained_under_one_split_alone_do_not_count(tmp_path: Path) -> None:
    both(tmp_path, ["model=unet_slim"], 0.6, 0.6, seed=0)
    write_run(tmp_path / "more", ["model=unet_slim", "seed=1", "split=patient"], dice=0.9, truths=NEW)
    [table] = tables(tmp_path)
    [row] = table.rows
    assert (row.seeds, row.measures["pooled Dice"].added.value) == ((0,), 0.0)
    assert "One seed" in finding(table)


def test_splits_with_other_seeds_are_labelled_by_them(tmp_path: Path) -> None:
    for seed in (0, 1):
        both(tmp_path / str(seed), ["model=unet_slim", f"split.seed={seed}"], 0.6, 0.9)
    [table] = tables(tmp_path)
    assert {row.label for row in table.rows} == {"unet_slim, seed=0", "unet_slim, seed=1"}


def test_a_leaky_split_whose_tested_patients_are_new_is_no_leak(tmp_path: Path) -> None:
    write_run(tmp_path / "a", ["split=patient"])
    cut = write_run(tmp_path / "b", ["split=slice_random"], protocol=LEAKY)
    provenance = json.loads((cut / "provenance.json").read_text(encoding="utf-8"))
    provenance["split"]["train"] = {"TCGA_TR_0000": "known"}
    (cut / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
    assert tables(tmp_path) == []


def test_tests_without_a_common_slice_are_not_compared(tmp_path: Path) -> None:
    write_run(tmp_path / "a", ["split=patient"], truths=volumes(3))
    write_run(tmp_path / "b", ["split=slice_random"], truths=volumes(3, first=3), protocol=LEAKY)
    assert tables(tmp_path) == []


def test_two_splits_by_patient_are_no_leak(tmp_path: Path) -> None:
    write_run(tmp_path / "a", ["split=patient"])
    write_run(tmp_path / "b", ["split=buda"])
    assert tables(tmp_path) == []


@pytest.mark.parametrize(
    ("by_patient", "leaky", "text"),
    [
        (0.5, 0.9, ": more than the luck of who was tested"),
        (0.9, 0.5, ": less, beyond the luck of who was tested"),
        (
            0.7,
            {name: 0.6 + 0.2 * (number % 2) for number, name in enumerate(NEW)},
            ": which the luck of who was tested could explain",
        ),
    ],
)
def test_the_finding_says_what_the_interval_says(tmp_path: Path, by_patient: Dice, leaky: Dice, text: str) -> None:
    both(tmp_path, ["model=unet_slim"], by_patient, leaky)
    [table] = tables(tmp_path)
    assert text in finding(table)
    assert "One seed each" in finding(table)


def test_compare_writes_the_leakage_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both(tmp_path / "runs", ["model=unet_slim"], 0.6, 0.9)
    both(tmp_path / "runs", ["model=unet_bn"], 0.7, 0.8)
    compare_folders([tmp_path / "runs"], tmp_path / "board")
    rows = pd.read_csv(tmp_path / "board" / "leak.csv").set_index("configuration")
    assert rows.loc["mean of 2", "pooled_dice_added"] == pytest.approx(rows["pooled_dice_added"].iloc[:2].mean())
    [table] = tables(tmp_path / "runs")
    for where in ("leaderboard.md", "leaderboard.html"):
        text = (tmp_path / "board" / where).read_text(encoding="utf-8")
        assert finding(table) in text
        assert all(cell in text for row in text_table(leakage_columns(table), table.lines) for cell in row)
    page = (tmp_path / "board" / "leaderboard.html").read_text(encoding="utf-8")
    assert 'alt="pooled Dice by patient and with the leak. ' in page
    assert "The leak adds +0.2" in " ".join(capsys.readouterr().out.split())


def test_without_a_leak_no_output_mentions_one(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "a", ["split=patient"])
    compare_folders([tmp_path / "runs"], tmp_path / "board")
    assert not (tmp_path / "board" / "leak.csv").exists()
    assert leakage_markdown([]) == ""
    assert "What the leak adds" not in (tmp_path / "board" / "leaderboard.html").read_text(encoding="utf-8")
