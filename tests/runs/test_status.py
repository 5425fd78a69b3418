"""`status.json` is true whatever becomes of a run."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from lgg_seg.errors import Pruned, UserError
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.status import read_status, record_status


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    return folder


@contextmanager
def going_on(folder: RunFolder) -> Iterator[None]:
    """A run that trains, new or resumed."""
    with record_status(folder):
        folder.set_status("running")
        yield


def status(folder: RunFolder) -> tuple[str, str | None]:
    content = folder.read_json("status.json")
    return content["state"], content["reason"]


def test_a_run_is_running_and_then_finished(folder: RunFolder) -> None:
    with record_status(folder):
        assert status(folder) == ("running", None)
    assert status(folder) == ("finished", None)


@pytest.mark.parametrize("error", [ValueError("no slices"), UserError("no slices")])
def test_a_run_that_raises_has_failed_with_a_reason(folder: RunFolder, error: Exception) -> None:
    with pytest.raises(type(error), match="no slices"), record_status(folder):
        raise error
    assert status(folder) == ("failed", "no slices" if isinstance(error, UserError) else "ValueError: no slices")


def test_a_trial_stopped_by_its_study_is_pruned_with_a_reason(folder: RunFolder) -> None:
    with pytest.raises(Pruned), record_status(folder):
        raise Pruned("hopeless")
    assert status(folder) == ("pruned", "hopeless")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143)])
def test_a_stopped_run_is_interrupted_and_the_log_names_resume_if_that_works(
    folder: RunFolder, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    words = "Ctrl-C" if isinstance(error, KeyboardInterrupt) else "SIGTERM"
    for checkpoint, says in (
        (False, "no epoch is finished, so start it anew"),
        (True, f"resume={folder.display_path}"),
    ):
        if checkpoint:
            folder.last.touch()
        with pytest.raises(type(error)), going_on(folder):
            raise error
        assert status(folder) == ("interrupted", words)
        assert says in caplog.messages[-1]


def test_sigterm_stops_the_run_with_exit_code_143(folder: RunFolder) -> None:
    with pytest.raises(SystemExit) as caught, record_status(folder):
        signal.raise_signal(signal.SIGTERM)
    assert caught.value.code == 143
    assert status(folder)[0] == "interrupted"


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_the_signal_handler_is_put_back(folder: RunFolder, error: type[BaseException] | None) -> None:
    def ours(_signum: int, _frame: object) -> None:
        raise AssertionError

    before = signal.signal(signal.SIGTERM, ours)
    try:
        try:
            with record_status(folder):
                assert signal.getsignal(signal.SIGTERM) is not ours
                if error is not None:
                    raise error
        except (ValueError, KeyboardInterrupt):
            pass
        assert signal.getsignal(signal.SIGTERM) is ours
    finally:
        signal.signal(signal.SIGTERM, before)


def test_running_out_of_memory_names_the_remedies(folder: RunFolder) -> None:
    with pytest.raises(UserError, match=r"data\.batch_size.*trainer\.accumulate"), record_status(folder):
        raise torch.OutOfMemoryError("CUDA out of memory")
    assert (status(folder)[1] or "").startswith("The device ran out of memory (CUDA out of memory); try a smaller")


def test_two_processes_do_not_write_one_run(folder: RunFolder) -> None:
    with record_status(folder), pytest.raises(UserError, match="another process"), record_status(folder):
        pass
    with record_status(folder):  # free again
        pass


def test_a_run_whose_process_was_killed_reads_as_interrupted(folder: RunFolder) -> None:
    folder.set_status("running")
    assert read_status(folder)["state"] == "interrupted"
    with record_status(folder):
        assert status(folder) == ("interrupted", "its process was killed")
        folder.set_status("running")
        assert read_status(folder)["state"] == "running"
    assert read_status(folder)["state"] == "finished"


@pytest.mark.parametrize("error", [UserError("no space"), KeyboardInterrupt()])
def test_what_is_refused_before_a_resumed_run_goes_on_changes_nothing(folder: RunFolder, error: BaseException) -> None:
    folder.set_status("finished")
    with pytest.raises(type(error)), record_status(folder):
        raise error
    assert status(folder) == ("finished", None)
