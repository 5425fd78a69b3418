"""The output of an interrupted prediction."""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lgg_seg.data.phantom.generator import write_phantom
from lgg_seg.errors import UserError
from lgg_seg.prediction.output import OutputFolder
from tests.workplace import Command

ENOUGH = 60  # seconds


def test_after_sigterm_the_tables_hold_the_volumes_that_were_done(tmp_path: Path) -> None:
    write_phantom(tmp_path / "tree", patients=30, slices=10, size=64)
    words = ["zoo=unet_slim", "input=tree", "output=out", "overlays=all"]
    command = Command((tmp_path, os.environ | {"OMP_NUM_THREADS": "1"}), *words, module="lgg_seg.predict")
    folders_until(command, tmp_path / "out", 4)
    command.send_signal(signal.SIGTERM)
    done = command.wait(ENOUGH)
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert "Traceback" not in done.stderr
    volumes = pd.read_csv(tmp_path / "out" / "per_volume.csv")
    assert 0 < len(volumes) < 30, "the signal must arrive in the middle"
    slices = pd.read_csv(tmp_path / "out" / "per_slice.csv")
    assert set(slices["volume"]) == set(volumes["volume"])
    for name in volumes["volume"]:
        assert len(list((tmp_path / "out" / name).glob("*_mask.tif"))) == 10
    assert not (tmp_path / "out" / "provenance.json").exists(), "this file means that all is done"


def folders_until(command: Command, out: Path, count: int) -> None:
    """Wait until a job has written some folders."""
    end = time.monotonic() + ENOUGH
    while len([path for path in out.glob("*") if path.is_dir()]) < count and time.monotonic() < end:
        assert command.is_running()
        time.sleep(0.01)


def contents(folder: Path) -> dict[str, bytes]:
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert files.pop("provenance.json")
    return files


def test_after_sigkill_the_same_command_makes_what_is_missing_and_what_has_changed(tmp_path: Path) -> None:
    tree = write_phantom(tmp_path / "tree", patients=12, slices=4, size=64)
    words = ["zoo=unet_slim", "input=tree", "overlays=all", "device=cpu"]
    workplace = (tmp_path, os.environ | {"OMP_NUM_THREADS": "1"})
    command = Command(workplace, *words, "output=out", module="lgg_seg.predict")
    folders_until(command, tmp_path / "out", 7)  # of patients, and one of overlays
    command.send_signal(signal.SIGKILL)
    assert command.wait(ENOUGH).returncode == -signal.SIGKILL
    kept, changed, gone = sorted(path for path in tree.iterdir() if path.is_dir())[:3]
    (changed / f"{changed.name}_1.tif").write_bytes((kept / f"{kept.name}_1.tif").read_bytes())
    shutil.rmtree(gone)
    masks = {one: tmp_path / "out" / one.name / f"{one.name}_1_mask.tif" for one in (kept, changed)}
    before = {one: mask.stat().st_mtime_ns for one, mask in masks.items()}
    (tmp_path / "out" / ".unfinished.jsonl").open("a", encoding="utf-8").write('{"key": "half a li')
    for output in ("out", "whole"):
        done = Command(workplace, *words, f"output={output}", module="lgg_seg.predict").wait(ENOUGH)
        assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert {one: mask.stat().st_mtime_ns == before[one] for one, mask in masks.items()} == {kept: True, changed: False}
    refused = Command(workplace, *words, "output=out", module="lgg_seg.predict").wait(ENOUGH)
    assert refused.returncode == 2, "nothing is missing, and nothing is overwritten"


def test_another_setting_is_another_result_and_another_process_waits(tmp_path: Path) -> None:
    output = OutputFolder(tmp_path)
    with suppress(KeyboardInterrupt), output.job() as journal:
        output.write_image("a_mask.tif", np.zeros((4, 4), np.uint8))
        journal.finish("one", slices=[{"area": np.int64(3)}], volumes=[], issues=[])
        with pytest.raises(UserError, match="being written by another process"), OutputFolder(tmp_path).job():
            pass
        raise KeyboardInterrupt
    with suppress(KeyboardInterrupt), OutputFolder(tmp_path).job() as journal:
        done = journal.finished("one")
        assert journal.finished("other") is None
        assert done is not None
        assert (done.files, done.slices) == (["a_mask.tif"], [{"area": 3}])
        raise KeyboardInterrupt
    output = OutputFolder(tmp_path)
    with suppress(KeyboardInterrupt), output.job() as journal:
        output.write_image("a_mask.tif", np.ones((4, 4), np.uint8))
        journal.finish("other", slices=[], volumes=[], issues=[])
        raise KeyboardInterrupt
    with OutputFolder(tmp_path).job() as journal:
        assert journal.finished("one") is None, "its mask was written over"
        assert journal.finished("other") is not None
    assert [path.name for path in tmp_path.iterdir()] == ["a_mask.tif"]
