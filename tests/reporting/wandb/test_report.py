"""The W&B report, offline: what its JSON holds, and that nothing leaky is ranked in its panels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lgg_seg.errors import UserError
from lgg_seg.runs.folder import RunFolder
from lgg_seg.comparison.runs import find_runs
from lgg_seg.comparison.tables import Leaderboard, build_leaderboard
from lgg_seg.reporting.wandb.logger import IDENTITY
from lgg_seg.reporting.wandb.report import forest, publish, write_spec
from tests.comparison.run_folders import write_run


def board(folder: Path, *, logged: bool) -> Leaderboard:
    runs = {"a": ["model=unet"], "b": ["model=unet_bn"], "leaky": ["model=unet", "split=slice_random"]}
    for number, (name, words) in enumerate(runs.items()):
        more: dict[str, Any] = {"protocol": "slice_random (leaky)"} if name == "leaky" else {}
        run = write_run(folder / name, words, dice=0.5 + number / 10, **more)
        if logged:
            RunFolder(run).write_json(IDENTITY, {"id": f"id-of-{name}", "group": None})
    return build_leaderboard(find_runs([folder]))


def blocks(found: Leaderboard, path: Path) -> list[dict[str, Any]]:
    write_spec(found, path)
    content: list[dict[str, Any]] = json.loads(path.read_text())["spec"]["blocks"]
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
