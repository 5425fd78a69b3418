"""A cell's folder and its siblings `-2`, `-3`, …: what has been tried of it, and what there is left to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout
from omegaconf import DictConfig

from lgg_seg.errors import UserError
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.status import is_being_written
from lgg_seg.sweeps.identity import identity

Todo = Literal["run", "resume", "nothing"]
STATUS = "status.json"


@dataclass(frozen=True)
class Attempt:
    """A folder of the cell, and what is to be done in it; `nothing` where it holds the result already."""

    folder: RunFolder
    todo: Todo


@contextmanager
def claimed(base: Path, *, wait: bool) -> Iterator[bool]:
    """Whether this process, and no other, has the cell `base` to itself while the block lasts.

    Two that reach a cell at the same moment must not both find it missing. The lock dies with its process.

    Args:
        base: the cell's folder.
        wait: until another process is through with it, in place of leaving it to that one.
    """
    place = base.parent / ".locks" / f"{base.name}.lock"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place, blocking=wait)
        lock.acquire()
    except Timeout:
        yield False
        return
    except OSError as error:
        raise UserError(
            f"{place} cannot be written ({error.strerror or error}); choose another hydra.sweep.dir."
        ) from error
    try:
        yield True
    finally:
        lock.release()


def siblings(base: Path) -> Iterator[Path]:
    """`base`, `base-2`, `base-3`, … without end."""
    yield base
    for number in count(2):
        yield base.with_name(f"{base.name}-{number}")


def next_attempt(
    base: Path, wanted: dict[str, Any], *, pruned_counts: bool, data: Callable[[], str | None] = lambda: None
) -> Attempt:
    """What is left to do of the cell that lives at `base` and has the identity `wanted`. Nothing is ever overwritten.

    Args:
        pruned_counts: whether a pruned run of it is a result, as it is for the study that pruned it.
        data: the fingerprint of the data as they are now, None where that is not known; a result on other data is none.
    """
    for path in siblings(base):
        folder = RunFolder(path)
        if not (path / STATUS).exists():
            return Attempt(folder, "run")
        if _identity(folder) != wanted:
            continue
        state = folder.read_json(STATUS)["state"]
        if state == "finished" or (state == "pruned" and pruned_counts):
            now = data()
            if now is not None and folder.read_json("provenance.json").get("data_fingerprint") != now:
                continue
            return Attempt(folder, "nothing")
        if state in ("interrupted", "running") and folder.last.exists():
            return Attempt(folder, "resume")
    raise AssertionError("the siblings have no end")


def latest_attempts(sweep: Path) -> list[Path]:
    """The folders of a sweep's cells, of each cell the last one that was tried."""
    found = {path.parent for path in sweep.rglob(STATUS)}
    latest = []
    for path in sorted(found):
        stem, dash, number = path.name.rpartition("-")
        retried = dash and number.isdigit() and path.with_name(stem) in found
        base = path.with_name(stem) if retried else path
        following = base.with_name(f"{base.name}-{int(number) + 1 if retried else 2}")
        if following not in found:
            latest.append(path)
    return latest


def settle(path: Path) -> str:
    """The state of the run in the folder `path`; one whose process was killed is put down as interrupted."""
    folder = RunFolder(path)
    state: str = folder.read_json(STATUS)["state"]
    if state == "running" and not is_being_written(folder):
        state = "interrupted"
        folder.set_status("interrupted", "its process was killed")
    return state


def _identity(folder: RunFolder) -> dict[str, Any] | None:
    try:
        config: DictConfig = folder.read_config()[0]
    except UserError:  # a cell that could not even be composed has none
        return None
    return identity(config)
