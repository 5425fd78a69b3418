"""What is left to do of a job, and who may do it."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from lgg_seg.errors import UserError
from lgg_seg.runs.folder import RunFolder, State
from lgg_seg.runs.status import read_status, record_status
from lgg_seg.sweeps.retries import job_lock, latest_attempts, mark_interrupted, next_attempt
from tests.workplace import FORKSERVER

WANTED: dict[str, Any] = {"seed": 1, "data": {"root": "/tree"}}


def attempt(path: Path, state: State, *, config: dict[str, Any] = WANTED, checkpoint: bool = False) -> RunFolder:
    folder = RunFolder(path)
    folder.create()
    folder.write_config(OmegaConf.create(config), [])
    folder.set_status(state)
    if checkpoint:
        folder.last.touch()
    return folder


@pytest.mark.parametrize(
    ("state", "checkpoint", "todo", "name"),
    [
        ("finished", True, "nothing", "job"),
        ("interrupted", True, "resume", "job"),
        ("running", True, "resume", "job"),  # killed: nobody holds the claim
        ("interrupted", False, "run", "job-2"),
        ("running", False, "run", "job-2"),
        ("failed", True, "run", "job-2"),
        ("pruned", True, "run", "job-2"),
    ],
)
def test_the_state_of_a_job_decides_what_is_left_to_do(
    tmp_path: Path, state: State, checkpoint: bool, todo: str, name: str
) -> None:
    attempt(tmp_path / "job", state, checkpoint=checkpoint)
    found = next_attempt(tmp_path / "job", WANTED, pruned_counts=False)
    assert (found.todo, found.folder.path.name) == (todo, name)
    if todo == "run":
        assert "running" not in (tmp_path / "job" / "status.json").read_text(encoding="utf-8"), "it is dead"


def test_a_new_job_is_run_in_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()  # Hydra makes it before the job starts
    found = next_attempt(tmp_path / "job", WANTED, pruned_counts=False)
    assert (found.todo, found.folder.path.name) == ("run", "job")


def test_another_run_under_that_name_is_not_touched(tmp_path: Path) -> None:
    attempt(tmp_path / "job", "finished", config=WANTED | {"seed": 2})
    found = next_attempt(tmp_path / "job", WANTED, pruned_counts=False)
    assert (found.todo, found.folder.path.name) == ("run", "job-2")


def test_a_failure_without_a_config_is_not_touched(tmp_path: Path) -> None:
    """A job that could not even be composed has none."""
    RunFolder(tmp_path / "job").set_status("failed", "no such key")
    assert next_attempt(tmp_path / "job", WANTED, pruned_counts=False).folder.path.name == "job-2"


def test_a_retry_that_finished_is_the_result(tmp_path: Path) -> None:
    attempt(tmp_path / "job", "failed")
    attempt(tmp_path / "job-2", "finished")
    found = next_attempt(tmp_path / "job", WANTED, pruned_counts=False)
    assert (found.todo, found.folder.path.name) == ("nothing", "job-2")


def test_a_pruned_trial_is_a_result_for_its_study(tmp_path: Path) -> None:
    attempt(tmp_path / "job", "pruned")
    assert next_attempt(tmp_path / "job", WANTED, pruned_counts=True).todo == "nothing"


def _hold(base: Path, held: Event, release: Event) -> None:
    with job_lock(base, wait=False) as ours:
        assert ours
        held.set()
        release.wait(60)


def test_one_of_two_processes_has_the_lock_and_a_killed_one_releases_it(tmp_path: Path) -> None:
    held, release = FORKSERVER.Event(), FORKSERVER.Event()
    process = FORKSERVER.Process(target=_hold, args=(tmp_path / "job", held, release))
    process.start()
    assert held.wait(60)
    with job_lock(tmp_path / "job", wait=False) as ours:
        assert not ours
    with job_lock(tmp_path / "another", wait=False) as ours:
        assert ours
    process.kill()
    process.join()
    with job_lock(tmp_path / "job", wait=False) as ours:
        assert ours


def test_a_sweep_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"hydra\.sweep\.dir"), job_lock(tmp_path / "file" / "job", wait=False):
        pass


def test_the_last_attempt_at_each_job_counts(tmp_path: Path) -> None:
    for name in ("a", "a-2", "a-3", "b", "seed-2", "nested/c", "nested/c-2"):
        attempt(tmp_path / name, "failed")
    found = {str(path.relative_to(tmp_path)) for path in latest_attempts(tmp_path)}
    assert found == {"a-3", "b", "seed-2", "nested/c-2"}


def test_a_run_of_a_killed_process_is_marked_interrupted_and_what_it_was_writing_goes(tmp_path: Path) -> None:
    folder = attempt(tmp_path / "job", "running")
    partial = folder.checkpoints / ".partial-1-best.ckpt"
    partial.write_bytes(b"half")
    assert read_status(folder)["state"] == "interrupted"
    assert partial.exists(), "who reads alone changes nothing"
    assert mark_interrupted(folder.path) == "interrupted"
    assert folder.read_json("status.json")["reason"] == "its process was killed"
    assert not partial.exists()


def test_a_run_that_is_being_written_stays_running(tmp_path: Path) -> None:
    folder = attempt(tmp_path / "job", "interrupted")
    with record_status(folder), folder.writing("history.csv") as partial:
        folder.set_status("running")
        partial.touch()
        assert mark_interrupted(folder.path) == "running"
        assert partial.exists()


def constantly(value: str | None) -> Callable[[], str | None]:
    return lambda: value


def test_a_result_on_changed_data_does_not_count(tmp_path: Path) -> None:
    folder = attempt(tmp_path / "job", "finished")
    split = {"protocol": "patient", "hash": "0", "train": {}, "val": {}, "test": {}}
    folder.write_json("provenance.json", {"data_fingerprint": "then", "split": split})
    for now, todo, name in (("then", "nothing", "job"), (None, "nothing", "job"), ("now", "run", "job-2")):
        found = next_attempt(tmp_path / "job", WANTED, pruned_counts=False, data=constantly(now))
        assert (found.todo, found.folder.path.name) == (todo, name)
