"""A run goes on for more epochs, on data that have moved; what would change nothing, or too much, is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lgg_seg.comparison.runs import read_run
from lgg_seg.config.resume import ResumeArguments, resume_arguments
from lgg_seg.errors import UserError
from lgg_seg.reporting.metadata import precision
from lgg_seg.runs.folder import RunFolder
from lgg_seg.train import resume
from lgg_seg.training.resumption import Changes
from tests.configs import composed
from tests.workplace import Workplace, lgg


@pytest.fixture
def moved(trained_run: Path, tmp_path: Path) -> RunFolder:
    """A finished run of six epochs whose data are no longer where they were."""
    folder = RunFolder(shutil.copytree(trained_run, tmp_path / "run"))
    config, overrides = folder.read_config()
    config.data.root = str(tmp_path / "gone")
    folder.write_config(config, overrides)
    return folder


def test_a_finished_run_goes_on_for_more_epochs_on_data_that_have_moved(
    moved: RunFolder, trained_run: Path, phantom_root: Path, workplace: Workplace
) -> None:
    moved.write_json("provenance.json", moved.read_json("provenance.json") | {"precision": "16-mixed"})
    done = lgg(workplace, f"resume={moved.path}", "trainer.max_epochs=8", f"data.root={phantom_root}")
    assert done.returncode == 0, done.stderr
    assert "the schedule is that of 8 epochs now" in done.stderr
    before, history = (pd.read_csv(path / "history.csv") for path in (trained_run, moved.path))
    pd.testing.assert_frame_equal(history.head(6), before)
    assert history["epoch"].tolist() == list(range(8))
    assert history["lr"][6] > before["lr"][5], "six eighths of a cosine, no longer its end"
    config, overrides = moved.read_config()
    assert (config.trainer.max_epochs, config.data.root) == (8, str(phantom_root))
    assert "trainer.max_epochs=6" not in overrides
    assert {"trainer.max_epochs=8", f"data.root={phantom_root}"} <= set(overrides)
    assert moved.read_json("provenance.json")["max_epochs"] == [6, 8]
    (resumed,) = moved.read_json("provenance.json")["resumed_on"]
    assert resumed == {"hardware": moved.read_json("provenance.json")["hardware"], "precision": "32-true"}
    run = read_run(moved.path, moved.path)
    assert precision(run) == "16-mixed, then 32-true"
    assert (run.state, run.config["trainer"]["max_epochs"]) == ("finished", "6, then 8")


def test_data_that_have_moved_leave_an_interrupted_run_as_it_was(moved: RunFolder) -> None:
    moved.set_status("interrupted", "SystemExit")
    before = {path.name: path.read_bytes() for path in moved.path.iterdir() if path.is_file()}
    with pytest.raises(UserError, match=r"gone .*data\.root=FOLDER"):
        resume(moved.path)
    assert {path.name: path.read_bytes() for path in moved.path.iterdir() if path.name in before} == before


CONTENT: dict[str, Any] = {"epoch": 5, "callbacks": {"EarlyStopping{'mode': 'max'}": {"stopped_epoch": 0}}}


@pytest.mark.parametrize(
    ("words", "content", "epochs", "says"),
    [
        ((), CONTENT, None, "has finished after 6 epochs; give a larger trainer.max_epochs"),
        ((), CONTENT, 6, "has finished after 6 epochs"),
        (("scheduler=onecycle",), CONTENT, 50, "one cycle over all epochs"),
        ((), CONTENT | {"callbacks": {"EarlyStopping": {"stopped_epoch": 5}}}, 50, "stopped early after 6 epochs"),
    ],
)
def test_a_length_that_changes_nothing_or_too_much_is_refused(
    words: tuple[str, ...], content: dict[str, Any], epochs: int | None, says: str, tmp_path: Path
) -> None:
    (tmp_path / "status.json").write_text(json.dumps({"state": "finished"}), encoding="utf-8")
    with pytest.raises(UserError, match=says):
        Changes(epochs).check(RunFolder(tmp_path), composed(*words), content)


def test_only_device_length_and_place_of_the_data_stand_beside_resume() -> None:
    words = ["resume=run", "trainer.max_epochs=40", "data.root=lgg", "device=cpu"]
    assert resume_arguments(words) == ResumeArguments(Path("run"), "cpu", 40, Path("lgg"))
    for wrong in ("trainer.max_epochs=many", "trainer.max_epochs=0", "data.root=", "optimizer.lr=1"):
        with pytest.raises(UserError, match=wrong.partition("=")[0]):
            resume_arguments(["resume=run", wrong])
