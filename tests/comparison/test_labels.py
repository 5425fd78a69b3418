"""What configurations are called, what is told of their training, and how a search is ranked."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lgg_seg.comparison.recipes import recipes
from lgg_seg.comparison.runs import find_runs
from lgg_seg.comparison.search import RESULTS, read_search
from lgg_seg.comparison.tables import build_leaderboard
from tests.comparison.run_folders import write_run


def labels(folder: Path) -> set[str]:
    return {entry.label for table in build_leaderboard(find_runs([folder])).tables for entry in table.entries}


def test_a_typed_name_is_the_label(tmp_path: Path) -> None:
    write_run(tmp_path / "0", ["model=unet_slim", "loss=bce", "name=small"])
    write_run(tmp_path / "1", ["model=unet_bn", "loss=dice"])
    assert labels(tmp_path) == {"small", "unet_bn, dice"}


def test_networks_under_one_typed_name_are_told_apart(tmp_path: Path) -> None:
    for model in ("unet_slim", "unet_bn"):
        write_run(tmp_path / model, [f"model={model}", "name=mine"])
    assert labels(tmp_path) == {"mine, unet_slim", "mine, unet_bn"}


def test_a_label_has_at_most_two_differences_and_those_are_the_rare_ones(tmp_path: Path) -> None:
    base = {"loss": "bce", "optimizer.lr": "0.001", "data.batch_size": "8", "preprocess.size": "64"}
    changes: list[dict[str, str]] = [
        {}, {"loss": "dice"}, {"optimizer.lr": "0.01"}, {"data.batch_size": "4"}, {"preprocess.size": "32"},
        {"loss": "dice", "optimizer.lr": "0.02", "data.batch_size": "2"},
        {"loss": "dice", "optimizer.lr": "0.02", "data.batch_size": "2", "preprocess.size": "16"},
    ]  # fmt: skip
    for number, change in enumerate(changes):
        write_run(tmp_path / str(number), ["model=unet_bn", *(f"{k}={v}" for k, v in (base | change).items())])
    found = labels(tmp_path)
    assert {"unet_bn", "unet_bn, dice", "unet_bn, lr=0.01", "unet_bn, batch_size=4", "unet_bn, size=32"} <= found
    assert len(found) == len(changes), "no two are called the same"
    assert all(label.count(",") <= 2 for label in found)


def test_a_label_tells_what_was_typed_or_differs_within_its_network(tmp_path: Path) -> None:
    write_run(tmp_path / "0", ["model=unet_efficientnet"])
    write_run(tmp_path / "1", ["model=unet_efficientnet", "model.weights=null"])
    write_run(tmp_path / "2", ["model=unet_bn", "optimizer.lr=0.003"])
    write_run(tmp_path / "3", ["model=unet_slim"])
    imagenet, random = "unet_efficientnet, weights=imagenet", "unet_efficientnet, weights=null"
    assert labels(tmp_path) == {imagenet, random, "unet_bn, lr=0.003", "unet_slim"}


def test_a_label_never_drops_weights_that_are_not_the_networks_default(tmp_path: Path) -> None:
    segformer = ["model=smp", "model.architecture=Segformer", "model.encoder=mit_b0", "model.weights=null"]
    write_run(tmp_path / "0", [*segformer, "optimizer.lr=0.003"])
    write_run(tmp_path / "1", ["model=unet_bn", "optimizer.lr=0.001"])
    random = "smp, architecture=Segformer, encoder=mit_b0, weights=null"
    assert labels(tmp_path) == {random, "unet_bn, lr=0.001"}, "beside a network that is always random, too"
    write_run(tmp_path / "2", ["model=unet_efficientnet", "model.weights=null", "optimizer.lr=0.002"])
    assert "unet_efficientnet, lr=0.002, weights=null" in labels(tmp_path)
    write_run(tmp_path / "alone" / "3", ["model=unet_resnet50", "model.weights=null"])
    assert labels(tmp_path / "alone") == {"unet_resnet50, weights=null"}


def test_the_recorded_segformer_is_never_called_without_its_random_weights() -> None:
    folds = Path(__file__).parents[2] / "experiments" / "benchmark" / "folds"
    called = {label for label in labels(folds) if label.startswith("smp")}
    assert called == {"smp, architecture=Segformer, encoder=mit_b0, weights=null"}


def test_recipes_tell_what_is_shared_and_what_differs(tmp_path: Path) -> None:
    write_run(tmp_path / "0", ["model=unet_bn", "optimizer.lr=0.01", "loss=bce"])
    write_run(tmp_path / "1", ["model=unet_bn", "optimizer.lr=0.02", "loss=bce"])
    (table,) = build_leaderboard(find_runs([tmp_path])).tables
    common, rows = recipes(table.entries)
    assert [list(row) for row in rows] == [["rate"]] * len(rows)
    assert {row["rate"] for row in rows} == {"0.01", "0.02"}
    assert common["data"].endswith(", fingerprint ffffffff")
    assert common["patients"] == "8 train, 1 val"
    assert common["loss"] == "bce"
    assert {"size", "network", "optimizer", "epochs", "augmentation"} <= set(common)


def test_a_search_is_ranked_by_validation_and_compares_no_trial_by_the_test(tmp_path: Path) -> None:
    history = []
    for number, (epochs, dice) in enumerate(((3, 0.9), (1, 0.5), (2, 0.7))):
        write_run(tmp_path / str(number), ["model=unet_bn", f"optimizer.lr=0.0{number + 1}"], dice=dice, epochs=epochs)
        history.append({"trial": number, "state": "finished", "score": 0.8, "parameters": {"optimizer.lr": 0.01}})
    csv = tmp_path / "1" / "history.csv"
    csv.write_text(csv.read_text(encoding="utf-8").replace("0.8", "0.95"), encoding="utf-8")
    (tmp_path / RESULTS).write_text(
        yaml.safe_dump({"history": history, "importance": {"optimizer.lr": 1.0}}), encoding="utf-8"
    )
    search = read_search(tmp_path)
    assert search is not None
    (table,) = build_leaderboard(find_runs([tmp_path]), search).tables
    assert table.entries[0].label == "unet_bn, lr=0.02", "the worst in the test, and the best in validation"
    assert table.entries[0].validation_score == pytest.approx(0.95)
    assert not table.statistics.differences
    assert "has the best validation score" in table.verdict


def test_a_sweep_without_trials_is_no_search(tmp_path: Path) -> None:
    assert read_search(tmp_path) is None
    (tmp_path / RESULTS).write_text("study: from before\n", encoding="utf-8")
    assert read_search(tmp_path) is None
