"""Which runs are one result, which results one table, and its numbers, on run folders measured by hand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lgg_seg.compare import main
from lgg_seg.comparison.failures import by_difficulty, failed_by_all, strata
from lgg_seg.comparison.runs import find_runs
from lgg_seg.comparison.tables import Leaderboard, build_leaderboard
from lgg_seg.data.splits.split import LEAKY
from lgg_seg.errors import UserError
from lgg_seg.reporting.leaderboard import markdown, print_leaderboard, rows
from tests.comparison.run_folders import Volume, volumes, write_run


def board(folder: Path) -> Leaderboard:
    return build_leaderboard(find_runs([folder]))


def labels(board: Leaderboard) -> list[list[str]]:
    return [[entry.label for entry in table.entries] for table in board.tables]


def test_configurations_are_labelled_by_what_differs_and_ranked_by_patient_dice(tmp_path: Path) -> None:
    write_run(tmp_path / "0", ["model=unet_slim", "loss=bce", "optimizer.lr=1e-3"], dice=0.7)
    write_run(tmp_path / "1", ["model=unet_bn", "loss=bce", "optimizer.lr=1e-3"], dice=0.8)
    write_run(tmp_path / "2", ["model=unet_bn", "loss=bce", "optimizer.lr=0.0001"], dice=0.9)
    assert labels(board(tmp_path)) == [["unet_bn, lr=0.0001", "unet_bn, lr=0.001", "unet_slim, lr=0.001"]]


def test_equal_means_of_other_numbers_of_seeds_are_ordered_by_name(tmp_path: Path) -> None:
    """They differ in the last bit, which must not make one the best of the table and another that of the tests."""
    for name, seeds in (("unet", 2), ("unet_bn", 3)):
        for seed in range(seeds):
            write_run(tmp_path / f"{name}_{seed}", [f"model={name}", f"seed={seed}"])
    [table] = board(tmp_path).tables
    assert len({entry.score for entry in table.entries}) == 2
    assert [(entry.label, entry.difference is None) for entry in table.entries] == [("unet", True), ("unet_bn", False)]


def test_a_label_with_square_brackets_is_printed_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "0", ["name='[/data/x]'"])
    print_leaderboard(board(tmp_path))
    assert capsys.readouterr().out.count("[/data/x]") == 2  # in the table and in the verdict


@pytest.mark.parametrize(("patients", "models", "columns"), [(6, 2, "Holm p first"), (5, 2, "Holm p"), (6, 1, "")])
def test_no_rank_is_told_of_few_patients_or_of_one_configuration_and_the_terminal_tells_no_p_of_one(
    patients: int, models: int, columns: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = {name: 0.3 + 0.1 * i for i, name in enumerate(volumes(patients))}
    for model in ("unet", "unet_bn")[:models]:
        write_run(tmp_path / model, [f"model={model}"], dice=dice, truths=volumes(patients))
    print_leaderboard(board(tmp_path))
    words = capsys.readouterr().out.split()
    text = markdown(board(tmp_path))
    assert ("| ranked first |" in text) == ("Ranked first: the share" in text) == ("first" in columns)
    assert ("first: the share of 10,000 resamples of the patients" in " ".join(words)) == ("first" in columns)
    assert [word for word in ("Holm", "first") if word in words] == [one for one in columns.split() if one != "p"]


def test_a_default_and_the_same_value_asked_for_are_one_configuration(tmp_path: Path) -> None:
    write_run(tmp_path / "0", ["seed=0"])
    write_run(tmp_path / "1", ["seed=1", "model=unet_bn", "loss=bce_dice"])
    (table,) = board(tmp_path).tables
    assert sorted(table.entries[0].seeds) == [0, 1]


def test_one_run_has_the_metrics_of_its_metrics_json(tmp_path: Path) -> None:
    dice = {name: 0.3 + 0.1 * i for i, name in enumerate(volumes(6))}
    run = write_run(tmp_path / "0", dice=dice, n_bootstrap=10_000)
    recorded = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["metrics"]
    (table,) = board(tmp_path).tables
    metrics = table.entries[0].metrics
    for name in sorted(metrics.keys() & recorded.keys()):
        if isinstance(metrics[name], dict):
            assert metrics[name]["mean"] == pytest.approx(recorded[name]["mean"], abs=1e-12), name
            assert metrics[name]["ci95"] == pytest.approx(recorded[name]["ci95"], abs=1e-12), name
        else:
            assert metrics[name] == pytest.approx(recorded[name], abs=1e-9), name
    assert len(metrics) >= 20


def test_other_slices_of_the_same_patients_stand_apart(tmp_path: Path) -> None:
    everyone = volumes(4)
    renumbered = {name: Volume(tuple(n + 1 for n in one.numbers), one.truth) for name, one in everyone.items()}
    write_run(tmp_path / "0", ["model=unet"], truths=everyone)
    write_run(tmp_path / "1", ["model=unet_bn"], truths=renumbered)
    first, second = board(tmp_path).tables
    assert len(first.entries) == len(second.entries) == 1
    assert "other slices of the same patients" in second.reason


def test_a_run_whose_process_died_is_not_called_running(tmp_path: Path) -> None:
    write_run(tmp_path / "0", state="running")
    (one,) = board(tmp_path).unmeasured
    assert (one.run.state, one.run.reason) == ("interrupted", "its process was killed")


def test_the_verdict_says_where_there_is_one_seed_alone(tmp_path: Path) -> None:
    write_run(tmp_path / "0", ["model=unet"], dice=0.5)
    assert "one seed" not in board(tmp_path).tables[0].caveats
    write_run(tmp_path / "1", ["model=unet_bn"], dice=0.9)
    assert "Every configuration was trained with one seed" in board(tmp_path).tables[0].caveats


def test_the_leaderboard_in_markdown_says_of_which_table_the_times_cannot_be_compared(tmp_path: Path) -> None:
    write_run(tmp_path / "0", ["model=unet"])
    write_run(tmp_path / "1", ["model=unet_bn"], processor="Other CPU")
    write_run(tmp_path / "2", ["model=unet_slim"], truths=volumes(5), processor="Third CPU")
    first, second = markdown(board(tmp_path)).split("## ")[1:3]
    hardware = "different hardware, so their times cannot be compared: Other CPU (1 run), Test CPU (1 run)."
    assert hardware in first
    assert "their times" not in second


def test_only_networks_of_several_seeds_are_called_clearly_worse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (0, 1):
        for model, dice in (("unet", 0.5), ("unet_bn", 0.9)):
            write_run(tmp_path / f"{model}_{seed}", [f"model={model}", f"seed={seed}"], dice=dice)
        assert main([str(tmp_path)]) == 0
        words = ("is worse on these patients, with one seed.", "is clearly worse.")
        page = (tmp_path / "leaderboard.html").read_text(encoding="utf-8")
        for text in (capsys.readouterr().out, (tmp_path / "leaderboard.md").read_text(encoding="utf-8"), page):
            said = " ".join(text.split())
            assert [word in said for word in words] == [seed == 0, seed == 1]
            assert ("clearly worse" in said) == (seed == 1)


@pytest.mark.parametrize(
    ("overrides", "more", "reason"),
    [
        (["model=unet_slim"], {"truths": volumes(5)}, "other patients: 5 measured, of whom 5"),
        (["model=unet_slim", "split=slice_random"], {"protocol": LEAKY}, "LEAKS"),
    ],
)
def test_results_that_are_not_comparable_stand_apart_with_the_reason(
    tmp_path: Path, overrides: list[str], more: dict[str, Any], reason: str
) -> None:
    write_run(tmp_path / "0", ["model=unet"], dice=0.5)
    write_run(tmp_path / "1", ["model=unet_bn"], dice=0.6)
    write_run(tmp_path / "2", overrides, dice=0.99, **more)
    leaderboard = board(tmp_path)
    assert [len(table.entries) for table in leaderboard.tables] == [2, 1]
    assert leaderboard.tables[0].reason == ""
    assert reason in leaderboard.tables[1].reason
    assert reason in markdown(leaderboard)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("metric_version", 2, "metric version 2, not 1"),
        ("threshold", {"value": 0.4, "from": "validation"}, "threshold chosen on validation patients, not 0.5"),
        ("postprocess", "largest_component", "post-processing largest_component, not none"),
        ("tta", True, "test-time augmentation on, not off"),
        ("truncated", True, "TRUNCATED"),
        ("seen_patients", 3, "LEAKS"),
        ("data_fingerprint", "other", "other data"),
        ("split", "val", "measured on the val patients, not the test patients"),
    ],
)
def test_every_part_of_the_protocol_keeps_runs_apart(tmp_path: Path, key: str, value: object, reason: str) -> None:
    write_run(tmp_path / "0", ["model=unet"])
    write_run(tmp_path / "1", ["model=unet_bn"])
    odd = write_run(tmp_path / "2", ["model=unet_slim"])
    content = json.loads((odd / "metrics.json").read_text(encoding="utf-8")) | {key: value}
    (odd / "metrics.json").write_text(json.dumps(content), encoding="utf-8")
    first, second = board(tmp_path).tables
    assert [entry.label for entry in second.entries] == ["unet_slim"]
    assert reason in second.reason
    assert len(first.entries) == 2


def test_a_leaky_table_comes_last_and_says_so_even_alone(tmp_path: Path) -> None:
    for i, model in enumerate(("unet", "unet_bn", "unet_slim")):
        write_run(tmp_path / "leaky" / str(i), [f"model={model}", "split=slice_random"], dice=0.95, protocol=LEAKY)
    assert "LEAKS" in board(tmp_path).tables[0].reason
    write_run(tmp_path / "honest", ["model=unet"], dice=0.5)
    assert [table.comparability.leaky for table in board(tmp_path).tables] == [False, True]


def test_a_failed_run_is_listed_with_its_reason_until_it_is_repeated(tmp_path: Path) -> None:
    write_run(tmp_path / "0", ["model=unet"])
    write_run(tmp_path / "1", ["model=unet_bn"], state="failed", reason="out of memory")
    leaderboard = board(tmp_path)
    assert [(one.label, one.run.state) for one in leaderboard.unmeasured] == [("unet_bn, seed=0", "failed")]
    assert rows(leaderboard)[-1]["notes"] == "out of memory"
    assert "out of memory" in markdown(leaderboard)
    write_run(tmp_path / "1-2", ["model=unet_bn"])
    assert board(tmp_path).unmeasured == ()


def test_a_damaged_run_is_listed_and_the_others_are_compared(tmp_path: Path) -> None:
    write_run(tmp_path / "0", ["model=unet"])
    for name, file in (("a", "metrics.json"), ("b", "per_patient.csv"), ("c", "config.yaml"), ("d", "status.json")):
        (write_run(tmp_path / name, ["model=unet_bn"]) / file).write_text("{ not what was written", encoding="utf-8")
    hole = write_run(tmp_path / "f", ["model=unet_bn"]) / "per_patient.csv"
    cells = hole.read_text(encoding="utf-8").splitlines()[1].split(",")
    hole.write_text(
        hole.read_text(encoding="utf-8").replace(",".join(cells), ",".join([*cells[:10], "", *cells[11:]])),
        encoding="utf-8",
    )
    cut = write_run(tmp_path / "e", ["model=unet_bn"]) / "per_slice.csv"
    cut.write_text("\n".join(cut.read_text(encoding="utf-8").splitlines()[:-3]) + "\n", encoding="utf-8")
    leaderboard = board(tmp_path)
    assert labels(leaderboard)[0] == ["unet"]
    assert [one.run.state for one in leaderboard.unmeasured] == ["unreadable"] * 6
    assert all(
        file in str(one.run.reason)
        for one, file in zip(
            leaderboard.unmeasured,
            ("metrics", "per_patient", "config", "status", "per_slice", "per_patient"),
            strict=True,
        )
    )


def test_an_evaluation_of_a_run_is_compared_when_its_folder_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "0")
    place = run / "evaluations" / "later"
    place.mkdir(parents=True)
    for name in ("metrics.json", "per_patient.csv", "per_slice.csv"):
        (place / name).write_bytes((run / name).read_bytes())
    assert [one.place for one in find_runs([tmp_path])] == [run]
    assert [(one.place, one.folder) for one in find_runs([place])] == [(place, run)]


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no run"):
        find_runs([tmp_path])
    with pytest.raises(UserError, match="is no folder"):
        find_runs([tmp_path / "nothing"])


def test_latest_and_run_name_runs_as_in_the_other_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("unet", "unet_bn", "unet_slim"):
        write_run(Path("runs") / name, [f"model={name}"])
        os.utime(Path("runs", name, "status.json"), (1e9, 1e9 + (name == "unet_slim")))
    assert main(["latest", "run=runs/unet,runs/unet_bn", "output=board"]) == 0
    assert len(pd.read_csv("board/leaderboard.csv")) == 3
    assert main(["run="]) == 2


def test_an_output_that_is_a_file_is_refused_with_its_own_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "runs" / "unet", ["model=unet"])
    (tmp_path / "board").touch()
    assert main([str(tmp_path / "runs"), f"output={tmp_path / 'board'}"]) == 2
    assert "choose another output=." in capsys.readouterr().err


def test_strata_difficulty_and_common_failures(tmp_path: Path) -> None:
    names = list(volumes(6))
    hard = {**dict.fromkeys(names, 0.9), names[2]: 0.1, names[4]: 0.3}
    write_run(tmp_path / "0", ["model=unet"], dice=hard)
    write_run(tmp_path / "1", ["model=unet_bn"], dice={**hard, names[4]: 0.8})
    (table,) = board(tmp_path).tables
    assert failed_by_all(table) == [names[2]]
    assert by_difficulty(table)[:2] == [names[2], names[4]]
    for one in strata(table):
        places = [table.patients.index(name) for name in one.patients]
        assert one.dice == pytest.approx(table.dice[places].mean(axis=0))
    assert {one.stratum for one in strata(table)} >= {"tumour_size", "tumour_parts", "boundary", "institution"}


def test_a_patient_without_tumour_and_a_single_patient_make_a_table_too(tmp_path: Path) -> None:
    alone = {"TCGA_CS_0000_19960101": Volume((1, 2), np.zeros((2, 8, 8), bool))}
    write_run(tmp_path / "0", ["model=unet"], truths=alone, dice=1.0)
    write_run(tmp_path / "1", ["model=unet_bn"], truths=alone, dice=0.0)
    (table,) = board(tmp_path).tables
    assert [entry.metrics["patient/dice"]["mean"] for entry in table.entries] == [1.0, 0.0]
    assert "nan" not in markdown(board(tmp_path)).lower()
