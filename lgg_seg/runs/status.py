"""`status.json`: where a run stands, whatever becomes of it."""

import logging
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from filelock import FileLock, Timeout

from lgg_seg.cli.console import terminable
from lgg_seg.errors import Busy, Pruned, UserError, explained
from lgg_seg.files import writable
from lgg_seg.runs.contents import State
from lgg_seg.runs.folder import AtomicFolder, RunFolder

log = logging.getLogger(__name__)
LOCK = ".lock"
KILLED = "its process was killed"


@contextmanager
def record_status(folder: RunFolder) -> Iterator[None]:
    """Keep `status.json` true whatever happens inside; SIGTERM ends the run as Ctrl-C does, with exit code 143.

    A new run is `running` at once; a resumed one is what it was until it is set to that: a refusal changes nothing.
    """
    with locked(folder), terminable():
        before = folder.read_json("status.json", missing_ok=True)
        if not before:
            folder.set_status("running")
        elif before["state"] == "running":  # and its lock is free
            folder.set_status("interrupted", KILLED)
        else:
            folder.write_json("status.json", before)  # a folder that may not be written is refused before any work
        try:
            with explained(
                "try a smaller data.batch_size (with trainer.accumulate_grad_batches to make up for it), a smaller "
                "preprocess.size or a smaller network."
            ):
                yield
        except (KeyboardInterrupt, SystemExit) as error:
            record_interruption(folder, getattr(error, "code", 130))  # KeyboardInterrupt has none
            raise
        except Pruned as error:
            _record_end(folder, "pruned", str(error))
            raise
        except BaseException as error:
            mendable = isinstance(error, UserError)
            _record_end(folder, "failed", str(error) if mendable else f"{type(error).__name__}: {error}")
            raise
        else:
            folder.set_status("finished")


def record_interruption(folder: RunFolder, code: object) -> None:
    """Write that the run ends with an exit code, and say how to go on."""
    _record_end(folder, "interrupted", {"130": "Ctrl-C", "143": "SIGTERM"}.get(str(code), f"exit code {code}"))
    goes_on = f"python -m lgg_seg resume={shlex.quote(str(folder.display_path))} goes on"
    log.warning("interrupted; %s", goes_on if folder.last.exists() else "no epoch is finished, so start it anew")


def _record_end(folder: RunFolder, state: State, reason: str) -> None:
    """Write how a run ended; where not even that can be written, the error that ended it is the one to raise."""
    try:
        if folder.read_json("status.json")["state"] != "running":
            return
        folder.set_status(state, reason)
    except UserError as error:
        log.error("%s", error)


def read_status(folder: RunFolder, *, record: bool = False) -> dict[str, Any]:
    """The content of `status.json`; a killed run counts as interrupted, which `record` writes down, and cleans up."""
    status = folder.read_json("status.json")
    if status["state"] == "running":
        with suppress(Busy), locked(folder):  # no live process is writing it
            status = folder.read_json("status.json")
            if status["state"] == "running":
                status |= {"state": "interrupted", "reason": KILLED}
                if record:
                    folder.remove_partial_files()
                    folder.set_status(status["state"], status["reason"])
    return status


@contextmanager
def locked(folder: AtomicFolder) -> Iterator[None]:
    """The folder's lock, which dies with its process; Busy where another one has it."""
    lock_file = folder.path / LOCK
    lock = FileLock(lock_file, blocking=False)
    with writable(lock_file, folder.remedy):
        try:
            lock.acquire()
        except Timeout as error:
            raise Busy(f"{folder.path} is being written by another process; wait for it or stop it.") from error
    try:
        yield
    finally:
        lock.release()
