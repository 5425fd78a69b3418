"""A damaged run folder: one sentence with file and remedy, and it costs a sweep nothing but its own row."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf

from lgg_seg.comparison.runs import find_runs
from lgg_seg.comparison.tables import build_leaderboard
from lgg_seg.errors import UserError
from lgg_seg.evaluate import main, measure
from lgg_seg.inference.trained import from_run
from lgg_seg.runs.checkpoint import read_newest
from lgg_seg.runs.folder import RunFolder
from lgg_seg.sweeps.retries import failures, mark_interrupted
from lgg_seg.train import resume
from lgg_seg.training.resumption import Changes
from tests.comparison.run_folders import write_run


def without(name: str) -> Callable[[Any], Any]:
    return lambda content: {key: value for key, value in content.items() if key != name}


def changed(**values: Any) -> Callable[[Any], Any]:
    return lambda content: content | values


JSON_DAMAGES = [
    ("status.json", lambda _: {}),
    ("status.json", lambda _: [1]),
    ("status.json", changed(state="done")),
    ("provenance.json", without("split")),
    ("provenance.json", changed(split=[1])),
    ("metrics.json", without("cost")),
    ("metrics.json", changed(patients="six")),
    ("metrics.json", changed(threshold=0.5)),
    ("metrics.json", changed(threshold={"value": 5.0, "from": "fixed"})),
    ("metrics.json", changed(threshold={"value": -1.0, "from": "fixed"})),
    ("provenance.json", changed(starting_weights=5)),
    ("provenance.json", changed(starting_weights={"x": 1})),
    ("metrics.json", changed(cost={"parameters": "many"})),
]
TEXTS = [
    ("config.yaml", "[1]"),
    ("config.yaml", "name: ${oc.env:HOME}"),
    ("config.yaml", "a: &a [*a]"),
    ("overrides.yaml", "a: {"),
]
TABLE_DAMAGES = [
    ("per_patient.csv", lambda table: table.assign(dice="high")),
    ("per_patient.csv", lambda table: table.drop(columns="tp")),
    ("per_patient.csv", lambda table: table.assign(patient="one")),
    ("per_slice.csv", lambda table: table.assign(slice=float("inf"))),
    ("history.csv", lambda table: table.assign(**{"val/dice": "high"})),
]


def damage(file: Path, change: Callable[[Any], Any]) -> None:
    if file.suffix == ".json":
        file.write_text(json.dumps(change(json.loads(file.read_text(encoding="utf-8")))), encoding="utf-8")
    else:
        change(pd.read_csv(file)).to_csv(file, index=False)


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep of two. Copy it before changing it."""
    folder = tmp_path_factory.mktemp("two_runs")
    write_run(folder / "sound", ["model=unet_slim"])
    write_run(folder / "damaged", ["model=unet_bn"])
    return folder


@pytest.mark.parametrize(("name", "change"), [*JSON_DAMAGES, *TABLE_DAMAGES])
def test_a_damaged_run_is_a_marked_row_beside_the_others(
    name: str, change: Callable[[Any], Any], two_runs: Path, tmp_path: Path
) -> None:
    shutil.copytree(two_runs, tmp_path, dirs_exist_ok=True)
    damage(tmp_path / "damaged" / name, change)
    board = build_leaderboard(find_runs([tmp_path]), None)
    assert [len(table.entries) for table in board.tables] == [1]
    (row,) = board.unmeasured
    assert row.run.state == "unreadable"
    assert name in (row.run.reason or "")
    assert "restore it from a copy, or" in (row.run.reason or "")
    assert {mark_interrupted(tmp_path / one) for one in ("sound", "damaged")} <= {"finished", "unreadable"}
    assert failures(tmp_path) == {}


@pytest.mark.parametrize(
    ("command", "name", "text"),
    [
        *((command, name, text) for command in (measure, from_run, resume) for name, text in TEXTS),
        (from_run, "status.json", "{}"),
        (resume, "status.json", "[1]"),
        (measure, "provenance.json", "[1]"),
    ],
)
def test_no_command_takes_a_damaged_run(
    command: Callable[[Path], object], name: str, text: str, trained_run: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(trained_run, tmp_path / "run")
    RunFolder(run).set_status("interrupted")
    (run / name).write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=rf"{name} .*; restore it from a copy, or train the run again\.$"):
        command(run)


@pytest.mark.parametrize("command", [measure, from_run, resume])
@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("preprocess.normalisation", "foo", "preprocess.normalisation is 'foo'; choose from unit, volume"),
        ("evaluation.postprocess", "foo", "evaluation.postprocess is 'foo'; choose from largest_component, none"),
        ("evaluation", None, "The config has no evaluation"),
        ("model.alpha", "x", "model.alpha is 'x'; it must be a number"),
        ("model", [1], "The config has no model"),
    ],
)
def test_no_command_takes_a_config_that_its_code_would_not(
    command: Callable[[Path], object], key: str, value: object, told: str, trained_run: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(trained_run, tmp_path / "run")
    config = OmegaConf.load(run / "config.yaml")
    OmegaConf.update(config, key, value, merge=False)
    OmegaConf.save(config, run / "config.yaml")
    with pytest.raises(UserError, match=rf"config\.yaml: .*{told}"):
        command(run)


def test_a_damaged_run_costs_the_evaluation_of_a_sweep_nothing_but_its_own_row(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("damaged", "sound"):
        shutil.copytree(trained_run, tmp_path / name)
    for name in ("status.json", "provenance.json"):
        (tmp_path / "damaged" / name).write_text("[1]", encoding="utf-8")
    assert main([f"run={tmp_path}"]) == 1
    told = capsys.readouterr()
    assert "provenance.json" in told.err
    assert "1 run measured" in told.out


@pytest.mark.parametrize(
    ("name", "part", "value"),
    [
        ("best.ckpt", "state_dict", [1]),
        ("last.ckpt", "optimizer_states", None),
        ("last.ckpt", "optimizer_states", []),
        ("last.ckpt", "optimizer_states", [{"x": 1}]),
        ("last.ckpt", "optimizer_states", [{"state": {}, "param_groups": []}]),
        ("last.ckpt", "optimizer_states", [{"state": {}, "param_groups": [{"betas": (0.9, 0.99)}]}]),
        ("last.ckpt", "lr_schedulers", []),
        ("last.ckpt", "lr_schedulers", [{"last_epoch": "x"}]),
        ("last.ckpt", "callbacks", {}),
        ("last.ckpt", "callbacks", {"History": {"rows": [{"a": 1}]}}),
        ("last.ckpt", "loops", 1),
        ("last.ckpt", "loops", {}),
        ("last.ckpt", "config", 5),
        ("last.ckpt", "epoch", -5),
        ("last.ckpt", "global_step", 10**18),
        ("last.ckpt", "state_dict", {"network.weight": torch.tensor(float("nan"))}),
        ("last.ckpt", "state_dict", {"network.weight": torch.zeros(1).expand(10**12)}),
    ],
)
def test_a_checkpoint_that_cannot_be_gone_on_from_is_refused_where_no_other_can_take_its_place(
    name: str, part: str, value: object, trained_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = shutil.copytree(trained_run, tmp_path / "run")
    RunFolder(run).set_status("interrupted")
    file = run / "checkpoints" / name
    torch.save(torch.load(file, weights_only=True) | {part: value}, file)
    if name == "last.ckpt":
        checkpoint, _ = read_newest(RunFolder(run))
        assert checkpoint.name == "best.ckpt", "it takes the place"
        assert "put a sound copy in its place, or train again. Epoch" in caplog.text
        checkpoint.unlink()
    with pytest.raises(UserError, match=rf"{name} is no checkpoint of a run: .*; put a sound copy"):
        (from_run if name == "best.ckpt" else resume)(run)


def test_a_finished_run_that_is_refused_stays_finished(
    trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a full disk, and by a state that only PyTorch and the callbacks can tell for another network's."""
    run = RunFolder(Path(shutil.copytree(trained_run, tmp_path / "run")))
    before = {name: (run.path / name).read_text(encoding="utf-8") for name in ("status.json", "config.yaml")}

    def assert_refused(says: str) -> None:
        with pytest.raises(UserError, match=says):
            resume(run.path, changes=Changes(max_epochs=7))
        assert {name: (run.path / name).read_text(encoding="utf-8") for name in before} == before

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10_000))
        assert_refused("needs about .*resume a copy of the run")
    sound = torch.load(run.last, weights_only=True)
    callbacks = {key: state for key, state in sound["callbacks"].items() if "KeptCheckpoint" not in key}
    for part, value, says in (
        ("optimizer_states", [{"state": {0: {}}, "param_groups": [{"params": [0]}]}], "doesn't match the size"),
        ("lr_schedulers", [{"last_epoch": 6}], "lr_lambdas"),
        ("callbacks", callbacks, "it has no state of KeptCheckpoint"),
    ):
        torch.save(sound | {part: value}, run.last)
        shutil.copy(run.last, run.best)
        assert_refused(rf"best\.ckpt cannot be restored \(.*{says}.*\); put a sound copy")
