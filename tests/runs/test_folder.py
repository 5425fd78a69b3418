"""Files of a run appear whole or not at all, and what cannot be written or read says which file it is."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from omegaconf import OmegaConf

import lgg_seg
from lgg_seg.errors import UserError
from lgg_seg.runs.folder import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    return folder


def names(folder: RunFolder) -> set[str]:
    return {str(path.relative_to(folder.path)) for path in folder.path.rglob("*") if path.is_file()}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_write_leaves_the_old_file_alone(folder: RunFolder, error: type[BaseException]) -> None:
    folder.write_json("table.json", {"dice": 0.5})

    def break_off() -> None:
        with folder.writing("table.json") as path:
            path.write_text('{"dice": 0.', encoding="utf-8")
            raise error

    with pytest.raises(error):
        break_off()
    assert folder.read_json("table.json") == {"dice": 0.5}
    assert names(folder) == {"table.json"}


def test_a_file_appears_only_when_it_is_complete(folder: RunFolder) -> None:
    with folder.writing("figures/roc.png") as path:
        path.write_bytes(b"half")
        assert not (folder.path / "figures" / "roc.png").exists()
        assert path.suffix == ".png", "figures are written in the format of the name's ending"
    assert names(folder) == {"figures/roc.png"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_json_refuses_nan_and_infinity_and_keeps_the_old_file(folder: RunFolder, value: float) -> None:
    folder.write_json("table.json", {"dice": 0.5})
    with pytest.raises(ValueError, match="not JSON compliant"):
        folder.write_json("table.json", {"metrics": {"dice": value}})
    assert folder.read_json("table.json") == {"dice": 0.5}


def test_create_refuses_a_folder_with_a_run_and_names_resume(folder: RunFolder) -> None:
    folder.create()  # without a status nothing has been recorded yet
    folder.set_status("running")
    with pytest.raises(UserError, match=f"{folder.path} already holds a run.*resume={folder.path}"):
        folder.create()


def test_a_file_in_place_of_the_run_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file, no folder", encoding="utf-8")
    with pytest.raises(UserError, match=f"{tmp_path / 'run'} cannot be written"):
        RunFolder(tmp_path / "run").create()


def test_a_file_that_cannot_be_written_is_named(folder: RunFolder) -> None:
    (folder.path / "tables").write_text("a file where a folder should be", encoding="utf-8")
    with pytest.raises(UserError, match=f"{folder.path / 'tables' / 'per_slice.csv'} cannot be written"):
        folder.write_table("tables/per_slice.csv", [{"dice": 1}])
    (folder.path / "table.json").mkdir()
    with pytest.raises(UserError, match=r"table\.json cannot be written .*hydra\.run\.dir"):
        folder.write_json("table.json", {"dice": 1})
    assert names(folder) == {"tables"}


def test_no_cell_of_a_table_is_a_formula_and_numbers_stay_numbers(folder: RunFolder) -> None:
    names = ["=HYPERLINK(1)", "+1+1", "-2+3", "@SUM(1)", "\t=1", "TCGA=1", "-"]
    harmless = names[-2:]
    folder.write_table("table.csv", [{"patient": name, "change": -0.5, "count": 2, "none": None} for name in names])
    table = pd.read_csv(folder.path / "table.csv")
    assert list(table["patient"]) == [name if name in harmless else f"'{name}" for name in names]
    assert (folder.path / "table.csv").read_text(encoding="utf-8").splitlines()[1] == "'=HYPERLINK(1),-0.5,2,"


def test_every_table_is_written_in_one_place() -> None:
    sources = Path(lgg_seg.__file__).parent.rglob("*.py")
    assert [path.name for path in sources if ".to_csv(" in path.read_text("utf-8")] == ["folder.py"]


@pytest.mark.parametrize("content", [None, b"", b'{"state": ', b"\xff\xfe"])
def test_a_json_file_that_is_missing_or_damaged_is_named(folder: RunFolder, content: bytes | None) -> None:
    if content is not None:
        (folder.path / "status.json").write_bytes(content)
    with pytest.raises(UserError, match=r"status\.json (is missing|cannot be read)"):
        folder.read_json("status.json")


def test_read_config_gives_the_resolved_config_and_its_overrides(folder: RunFolder) -> None:
    folder.write_config(OmegaConf.create({"name": "unet", "run": "${name}/1"}), ["name=unet", "x=[1,2]"])
    config, overrides = folder.read_config()
    assert (config.run, overrides) == ("unet/1", ["name=unet", "x=[1,2]"])
    assert "${" not in (folder.path / "config.yaml").read_text(encoding="utf-8")


def test_a_folder_without_a_config_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a run's folder"):
        RunFolder(tmp_path / "nowhere").read_config()


def test_the_status_keeps_the_time_of_the_start(folder: RunFolder) -> None:
    (folder.path / "status.json").write_text(
        json.dumps({"state": "interrupted", "started": "2026-01-31T12:00:00"}), encoding="utf-8"
    )
    folder.set_status("finished")
    status = folder.read_json("status.json")
    assert (status["state"], status["started"]) == ("finished", "2026-01-31T12:00:00")
    assert status["updated"] > status["started"]


def test_display_path_is_relative_below_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert RunFolder(Path("runs/1")).display_path == Path("runs/1")
    assert RunFolder(tmp_path / "runs" / "1").display_path == Path("runs/1")
    assert RunFolder(tmp_path.parent / "elsewhere").display_path == tmp_path.parent / "elsewhere"
