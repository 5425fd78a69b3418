"""The journal of an unfinished prediction, from which the same command goes on."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ConfigDict

from lgg_seg.files import writable
from lgg_seg.runs.folder import AtomicFolder
from lgg_seg.scans.marks import JOURNAL


class Finished(BaseModel):
    """A volume that is done: the key of all that its result follows from, its files, and its part of the tables."""

    model_config = ConfigDict(extra="forbid")

    key: str
    files: list[str]
    slices: list[dict[str, Any]]
    volumes: list[dict[str, Any]]
    issues: list[dict[str, str]]


class _Begun(BaseModel):
    model_config = ConfigDict(extra="forbid")

    file: str


class Journal:
    """Lines of JSON in an output folder, whose lock one must have: each file before it is written, each volume done.

    A line that cannot be read, as a killed process leaves it, counts as none: its volume is computed anew.
    """

    def __init__(self, folder: AtomicFolder) -> None:
        self.folder = folder
        self.path = folder.path / JOURNAL
        self._append("")  # ends the half line that a killed process left
        self._finished: dict[str, Finished] = {}
        self._earlier: dict[str, str | None] = {}  # files, and the key of the volume that each is of
        for entry in _entries(self.path.read_bytes()):
            if isinstance(entry, Finished):
                self._finished[entry.key] = entry
                self._earlier.update(dict.fromkeys(entry.files, entry.key))
            else:  # what another volume's files were, or another setting's, is written over
                self._finished.pop(self._earlier.get(entry.file) or "", None)
                self._earlier[entry.file] = None
        self._current: list[str] = []
        self._names: set[str] = set()

    def begin(self, name: str) -> None:
        """Note a file that is about to be written; its name is relative to the folder."""
        self._append(json.dumps({"file": name}))
        self._names.add(name)
        self._current.append(name)

    def finish(self, key: str, **tables: Any) -> None:
        """Note a volume whose files are those that were begun since the volume before."""
        content = {"key": key, "files": self._current, **tables}
        self._append(json.dumps(content, default=lambda number: number.item()))  # NumPy's numbers
        self._current = []

    def finished(self, key: str) -> Finished | None:
        """The volume of that key, where an earlier process has finished it and its files are there."""
        done = self._finished.get(key)
        if done is None or not all((self.folder.path / name).is_file() for name in done.files):
            return None
        self._names.update(done.files)
        return done

    def close(self) -> None:
        """End the job: remove the journal, and files of earlier processes that are not part of the result."""
        root = self.folder.path
        for path in (root / name for name in self._earlier.keys() - self._names):
            if path.resolve().is_relative_to(root.resolve()) and path.is_file():
                path.unlink()
                with suppress(OSError):  # it holds other files
                    path.parent.rmdir()
        self.path.unlink()

    def _append(self, line: str) -> None:
        with writable(self.path, self.folder.remedy), self.path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


def _entries(content: bytes) -> Iterator[Finished | _Begun]:
    for line in content.splitlines():
        for kind in (_Begun, Finished):
            with suppress(ValueError):  # of JSON and of pydantic
                yield kind.model_validate(json.loads(line), strict=True)
