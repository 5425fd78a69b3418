"""The W&B report, offline: what its JSON holds, and that nothing leaky is ranked in its panels."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lgg_seg.comparison.runs import find_runs
from lgg_seg.comparison.tables import Leaderboard, build_leaderboard
from lgg_seg.errors import UserError
from lgg_seg.reporting.wandb.names import IDENTITY
from lgg_seg.reporting.wandb.report import forest, publish, spec
from lgg_seg.runs.folder import RunFolder
from tests.comparison.run_folders import write_run
from tests.comparison.test_classifier_tables import write_classifier


def board(folder: Path, *, logged: bool) -> Leaderboard:
    runs = {"a": ["model=unet"], "b": ["model=unet_bn"], "leaky": ["model=unet", "split=slice_random"]}
    for number, (name, words) in enumerate(runs.items()):
        more: dict[str, Any] = {"protocol": "slice_random (leaky)"} if name == "leaky" else {}
        run = write_run(folder / name, words, dice=0.5 + number / 10, **more)
        if logged:
            RunFolder(run).write_json(IDENTITY, {"id": f"id-of-{name}", "group": None})
    return build_leaderboard(find_runs([folder]))


def blocks(found: Leaderboard, path: Path) -> list[dict[str, Any]]:
    path.write_text(spec(found), encoding="utf-8")
    content: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["spec"]["blocks"]
    return content


def test_the_report_holds_verdict_forest_and_panels_of_runs_without_leakage(tmp_path: Path) -> None:
    found = board(tmp_path / "runs", logged=True)
    content = blocks(found, tmp_path / "report.json")
    text = json.dumps(content, ensure_ascii=False)
    assert found.tables[0].verdict in text
    assert json.dumps(forest(found.tables[0]).splitlines()[0], ensure_ascii=False)[1:-1] in text
    assert "LEAKS" in text
    grids = [block for block in content if block["type"] == "panel-grid"]
    assert len(grids) == 1
    panels = json.dumps(grids)
    assert "id-of-a" in panels
    assert "id-of-b" in panels
    assert "id-of-leaky" not in text


def test_the_report_says_that_unlogged_runs_have_no_panels(tmp_path: Path) -> None:
    content = blocks(board(tmp_path / "runs", logged=False), tmp_path / "report.json")
    assert not [block for block in content if block["type"] == "panel-grid"]
    assert "logger=wandb" in json.dumps(content)


def test_the_text_forest_has_mean_and_interval_at_their_places(tmp_path: Path) -> None:
    found = board(tmp_path / "runs", logged=False)
    for line, entry in zip(forest(found.tables[0]).splitlines(), found.tables[0].entries, strict=False):
        bar = line.partition("│")[2].partition("│")[0]
        dice = entry.metrics["patient/dice"]
        assert bar.index("●") == round(dice["mean"] * (len(bar) - 1))


def test_nothing_is_published_without_a_key_or_to_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    found = board(tmp_path / "runs", logged=False)
    with pytest.raises(UserError, match="ENTITY/PROJECT"):
        publish(found, "alone")
    with pytest.raises(UserError, match="no key"):
        publish(found, "me/lgg")


def panels(folder: Path, path: Path) -> dict[str, list[dict[str, Any]]]:
    """The configs of the only grid's panels, by kind, of runs that were all logged."""
    for status in folder.rglob("status.json"):
        RunFolder(status.parent).write_json(IDENTITY, {"id": f"id-of-{status.parent.name}", "group": None})
    (grid,) = [b for b in blocks(build_leaderboard(find_runs([folder])), path) if b["type"] == "panel-grid"]
    found: dict[str, list[dict[str, Any]]] = {}
    for panel in grid["metadata"]["panelBankSectionConfig"]["panels"]:
        found.setdefault(panel["viewType"], []).append(panel["config"])
    return found


@pytest.mark.parametrize(("words", "part"), [([], "test"), (["evaluation.subset=val"], "validation")])
def test_panels_show_what_the_runs_have_measured(tmp_path: Path, words: list[str], part: str) -> None:
    for name in ("unet", "unet_bn"):
        write_run(tmp_path / "runs" / name, [f"model={name}", *words], subset="val" if words else "test")
    found = panels(tmp_path / "runs", tmp_path / "report.json")
    assert [bar["metrics"] for bar in found["Bar Chart"]] == [
        [f"summary_metrics.{part}/patient/dice.mean"], [f"summary_metrics.{part}/pooled/dice"]
    ]  # fmt: skip
    assert [media["mediaKeys"] for media in found["Media Browser"]] == [[f"{part}/slices"]]
    assert [re.findall(r"\w+/(?:metrics|patients)", json.dumps(table)) for table in found["Weave"]] == [
        [f"{part}/metrics"], [f"{part}/patients"]
    ]  # fmt: skip
    assert found["Run Comparer"] == [{"diffOnly": "split"}]
    assert ["lr"] in [line["metrics"] for line in found["Run History Line Plot"]]


def test_a_search_has_its_parameters_beside_the_validation_score(tmp_path: Path) -> None:
    for number, (rate, loss) in enumerate((("1e-5", "dice"), ("1e-2", "dice"), ("1e-3", "bce"))):
        write_run(tmp_path / "runs" / str(number), ["model=unet", f"optimizer.lr={rate}", f"loss={loss}"])
    found = panels(tmp_path / "runs", tmp_path / "report.json")
    (plot,) = found["Parallel Coordinates Plot"]
    assert [(column["accessor"], column.get("log", False)) for column in plot["columns"]] == [
        ("config:provenance.value.choices.loss", False),
        ("config:optimizer.value.lr", True),
        ("summary:val/dice.max", False),
    ]
    assert [plot["targetKey"] for plot in found["Parameter Importance"]] == ["val/dice.max"]


def test_classifiers_have_their_tables_and_panels(tmp_path: Path) -> None:
    write_classifier(tmp_path / "runs" / "frozen", ["model.freeze_encoder=true"], skill=0.1)
    write_classifier(tmp_path / "runs" / "tuned", ["model.freeze_encoder=false"], skill=0.25)
    found = panels(tmp_path / "runs", tmp_path / "report.json")
    assert found["Bar Chart"][0]["metrics"] == ["summary_metrics.test/slice/auroc.value"]
    assert "Media Browser" not in found
    (table,) = build_leaderboard(find_runs([tmp_path / "runs"])).classifiers
    text = (tmp_path / "report.json").read_text(encoding="utf-8")
    for part in (table.verdict, "# Classifiers", "├"):
        assert json.dumps(part, ensure_ascii=True)[1:-1] in text
