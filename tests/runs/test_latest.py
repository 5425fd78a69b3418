"""`latest` in place of a run's folder."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from lgg_seg.errors import UserError
from lgg_seg.runs.latest import find_run
from tests.comparison.run_folders import write_run


def test_latest_is_the_run_that_ended_last_or_the_one_to_go_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no finished run below runs"):
        find_run(Path("latest"))
    for age, (name, state) in enumerate((("a", "finished"), ("b", "finished"), ("c", "interrupted"))):
        status = write_run(tmp_path / "runs" / name, state=state) / "status.json"  # type: ignore[arg-type]  # a literal
        os.utime(status, (age, age))
    assert find_run(Path("latest")) == Path("runs/b")
    assert caplog.messages == ["the latest run is runs/b"]
    assert find_run(Path("latest"), unfinished=True) == Path("runs/c")
    (write_run(tmp_path / "runs" / "damaged") / "status.json").write_text("{", encoding="utf-8")
    assert find_run(Path("latest")) == Path("runs/b"), "past another run's damage"
    assert find_run(Path("elsewhere")) == Path("elsewhere")
