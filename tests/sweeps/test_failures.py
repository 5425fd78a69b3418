"""A failed job leaves its reason, whatever else went wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from lgg_seg.runs.folder import RunFolder
from lgg_seg.sweeps.job import complete_job
from lgg_seg.sweeps.retries import failures, record_failure
from tests.configs import composed


def test_a_failure_records_reason_overrides_and_config_and_logs_the_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = RunFolder(tmp_path / "job")
    record_failure(folder, "no such patient", ["seed=1"], OmegaConf.create({"seed": 1, "a": "${seed}"}), "Trace\n")
    assert folder.read_json("status.json")["state"] == "failed"
    assert folder.read_json("status.json")["reason"] == "no such patient"
    config, overrides = folder.read_config()
    assert (config.a, overrides) == (1, ["seed=1"])
    assert (folder.path / "run.log").read_text(encoding="utf-8") == "Trace\nfailed: no such patient\n"
    assert caplog.messages == ["job failed: no such patient"]


def test_an_unresolvable_config_is_recorded_unresolved(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "job")
    record_failure(folder, "nothing", [], OmegaConf.create({"a": "${nothing}"}))
    assert "${nothing}" in (folder.path / "config.yaml").read_text(encoding="utf-8")


def test_a_failure_keeps_what_the_run_has_written(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "job")
    folder.write_config(OmegaConf.create({"seed": 7}), [])
    record_failure(folder, "nothing", [], OmegaConf.create({"seed": 8}))
    assert folder.read_config()[0].seed == 7


def test_a_failure_that_cannot_be_recorded_does_not_raise(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "job").touch()
    record_failure(RunFolder(tmp_path / "job"), "the disk is full", [], OmegaConf.create())
    assert "job failed: the disk is full" in caplog.messages
    assert "cannot be recorded" in caplog.text


def test_only_the_last_attempt_at_a_job_counts_as_failed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        record_failure(RunFolder(tmp_path / name), "nothing", [], OmegaConf.create())
    assert set(failures(tmp_path)) == {tmp_path / "a", tmp_path / "b"}
    before = failures(tmp_path)
    RunFolder(tmp_path / "a-2").set_status("finished")
    assert failures(tmp_path) == {tmp_path / "b": before[tmp_path / "b"]}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["trainer.devices=2"], "one device"),
        (["data.root=nowhere"], "data=phantom"),
        (["trainer.max_epochs=0"], "1 or more"),
    ],
)
def test_a_user_error_is_one_sentence_in_the_jobs_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = complete_job(composed(*overrides, "trainer.accelerator=cpu"), tmp_path / "job", overrides)
    assert outcome.state == "failed"
    status = RunFolder(tmp_path / "job").read_json("status.json")
    assert message in status["reason"]
    assert "UserError" not in status["reason"]


def test_an_internal_error_leaves_its_traceback_in_the_log_and_its_type_in_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache folder named by something that no path can be."""
    monkeypatch.chdir(tmp_path)
    config = composed("data=phantom", "data.tree.patients=4", "data.tree.size=32", "trainer=debug")
    config.data.cache_dir = "\0"
    assert complete_job(config, tmp_path / "job", []).state == "failed"
    folder = RunFolder(tmp_path / "job")
    assert folder.read_json("status.json")["reason"].startswith("ValueError: ")
    assert "Traceback (most recent call last)" in (folder.path / "run.log").read_text(encoding="utf-8")
