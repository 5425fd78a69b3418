"""A job's folder and its retries `-2`, `-3`, …: what has been tried, what is left to do, what has failed."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lgg_seg.errors import UserError
from lgg_seg.files import writable
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.identity import job_identity
from lgg_seg.runs.status import read_status

log = logging.getLogger(__name__)
STATUS = "status.json"


@dataclass(frozen=True)
class Attempt:
    """A folder of the job, and what is to be done in it; `nothing` where it holds the result already."""

    folder: RunFolder
    todo: Literal["run", "resume", "nothing"]


@contextmanager
def job_lock(base: Path, *, wait: bool) -> Iterator[bool]:
    """Whether this process, and no other, has the job at `base` while the block lasts; with `wait`, once it has.

    Two that reach a job at the same moment must not both find it missing. The lock dies with its process.
    """
    place = base.parent / ".locks" / f"{base.name}.lock"
    lock = FileLock(place, blocking=wait)
    with writable(place, "choose another hydra.sweep.dir."):
        place.parent.mkdir(parents=True, exist_ok=True)
        with suppress(Timeout):  # an OSError, too
            lock.acquire()
    try:
        yield lock.is_locked
    finally:
        lock.release()


def retry_folders(base: Path) -> Iterator[Path]:
    """`base`, `base-2`, `base-3`, … without end."""
    yield base
    for number in count(2):
        yield base.with_name(f"{base.name}-{number}")


def next_attempt(
    base: Path, wanted: dict[str, Any], *, pruned_counts: bool, data: Callable[[], str | None] = lambda: None
) -> Attempt:
    """What is left to do of the job at `base` with the identity `wanted`. Nothing is ever overwritten.

    `pruned_counts`: a pruned run is a result, as for the study that pruned it. `data` gives the fingerprint of the data
    as they are now, None where it is unknown; a result on other data is none.
    """
    for path in retry_folders(base):
        folder = RunFolder(path)
        if not (path / STATUS).exists():
            return Attempt(folder, "run")
        if _identity(folder) != wanted:
            continue
        state = _recorded(folder, STATUS, "state")
        if state == "finished" or (state == "pruned" and pruned_counts):
            if data() in (None, _recorded(folder, "provenance.json", "data_fingerprint")):
                return Attempt(folder, "nothing")
            continue
        if state in ("interrupted", "running") and folder.last.exists():
            return Attempt(folder, "resume")
        mark_interrupted(path)  # killed before its first checkpoint, it would be called running for ever
    raise AssertionError("the retries have no end")


def last_written(base: Path) -> int:
    """When the status of an attempt at the job at `base` was last written, in ns; 0 where there is no attempt."""
    tried = takewhile(lambda path: (path / STATUS).exists(), retry_folders(base))
    return max(((path / STATUS).stat().st_mtime_ns for path in tried), default=0)


def latest_attempts(sweep: Path) -> list[Path]:
    """The folders of a sweep's jobs, of each job the last one that was tried."""
    folders = {path.parent for path in sweep.rglob(STATUS)}
    latest = []
    for path in sorted(folders):
        stem, dash, number = path.name.rpartition("-")
        retried = dash and number.isdigit() and path.with_name(stem) in folders
        base = path.with_name(stem) if retried else path
        following = base.with_name(f"{base.name}-{int(number) + 1 if retried else 2}")
        if following not in folders:
            latest.append(path)
    return latest


def mark_interrupted(path: Path) -> str:
    """The state of the run in the folder `path`; one whose process was killed is recorded as interrupted."""
    try:
        return str(read_status(RunFolder(path), record=True)["state"])
    except UserError:
        return "unreadable"  # it is left as it is, and its job is tried anew


def record_failure(
    folder: RunFolder, reason: str, overrides: Sequence[str], config: DictConfig, details: str | None = None
) -> None:
    """Write what failed and why, and log it in one line; `details` is a traceback, for `run.log` alone.

    The folder may be missing yet, or hold what the run has written so far, which stays.
    """
    log.error("%s failed: %s", folder.path.name, reason)
    try:
        with folder.writing("overrides.yaml") as path:
            OmegaConf.save(OmegaConf.create(list(overrides)), path)
        if not (folder.path / "config.yaml").exists():
            _write_config(folder, config)
        with (folder.path / "run.log").open("a", encoding="utf-8") as file:
            file.write(f"{details or ''}failed: {reason}\n")
        folder.set_status("failed", reason)
    except (UserError, OSError) as error:  # a full disk is often why it failed
        log.error("%s cannot be recorded: %s", folder.path.name, error)


def failures(sweep: Path) -> dict[Path, int]:
    """The failed jobs in a sweep's folder, each with the time its status was written, in ns."""
    failed = (path for path in latest_attempts(sweep) if _recorded(RunFolder(path), STATUS, "state") == "failed")
    return {path: (path / STATUS).stat().st_mtime_ns for path in failed}


def _write_config(folder: RunFolder, config: DictConfig) -> None:
    try:
        text = OmegaConf.to_yaml(config, resolve=True)
    except OmegaConfBaseException:  # what cannot be resolved may be why it failed
        text = OmegaConf.to_yaml(config, resolve=False)
    folder.write_text("config.yaml", text)


def _identity(folder: RunFolder) -> dict[str, Any] | None:
    try:
        return job_identity(folder.read_config()[0])
    except UserError:  # a job that could not even be composed has none
        return None


def _recorded(folder: RunFolder, file: str, key: str) -> str | None:
    """What a JSON file of the run has under a key; None where it cannot be read."""
    try:
        return str(folder.read_json(file)[key])
    except UserError:
        return None
