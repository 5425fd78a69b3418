"""The index of the recorded results: every run with its command, commit, cost, and the page that cites it."""

import json
import os
import shlex
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

from lgg_seg.messages import counted
from lgg_seg.reporting.formatting import ABSENT, duration
from lgg_seg.reporting.table import Column, markdown_table

HERE = Path(__file__).parent
KINDS = ("provenance.json", "outcome.json", "leak.json")
"""The file of a recorded folder that names its command."""
BENCHES = ("bench/*.json", "study_002/speed.json")
"""Files of `python -m lgg_seg.bench`, which are records by themselves."""


@dataclass(frozen=True)
class Record:
    """A recorded result; `cost` is the content of `metrics.json` under that key, empty where there is none."""

    path: Path
    metadata: dict[str, Any]
    cost: dict[str, float]

    @property
    def room(self) -> str:
        """The folder of `experiments` that it is in."""
        return self.path.relative_to(HERE).parts[0]

    @property
    def link(self) -> str:
        """Its place, with a link."""
        path = self.path.relative_to(HERE).as_posix()
        return f"[{path.partition('/')[2]}]({path})"

    @property
    def command(self) -> str:
        """The command, after its `python -m lgg_seg`; what a bench was given stands in its file."""
        if "command" not in self.metadata:
            found = self.metadata
            models = ",".join(one["model"] for one in found["networks"] if "=" not in one["model"])
            words = ["lgg_seg.bench", f"model={models}", f"preprocess.size={found['size']}"]
            words.append(f"data.batch_size={found['batch_size']}")
        else:
            words = self.metadata["command"][2:]
        return f"`{shlex.join(words[words[0] == 'lgg_seg' :])}`"

    @property
    def commit(self) -> str:
        """The first figures of the commit that it was made with."""
        return str(self.metadata["code"]["commit"])[:7]

    @property
    def seconds(self) -> float:
        """Wall time of the whole run; of one that was resumed at least that of all its epochs."""
        return max(self.metadata.get("wall_seconds", 0.0), self.cost.get("train_seconds", 0.0))

    @property
    def time(self) -> str:
        """`seconds` as it is told."""
        return duration(self.seconds) if self.seconds else ABSENT

    @property
    def memory(self) -> str:
        """The most memory that was taken: of the GPU where there is one."""
        size = self.cost.get("peak_memory_bytes")
        return f"{size / 1e9:.1f} GB" if size else ABSENT

    @property
    def machine(self) -> str:
        """The GPU, else the processor with the number of threads."""
        hardware = self.metadata.get("hardware")
        if hardware is None:
            return ABSENT
        return hardware["gpu"] or f"{hardware['processor']}, {hardware['threads']} thread"

    @property
    def page(self) -> str:
        """The page that cites it: of its folder, or of the nearest one above; speeds are on that about cost."""
        folders = [folder for folder in (self.path, *self.path.parents) if HERE in folder.parents]
        pages = (folder / "README.md" for folder in folders)
        found = next((page for page in pages if page.is_file()), HERE.parent / "docs" / "cost.md")
        name = found.parent.relative_to(HERE).as_posix() if HERE in found.parents else found.stem
        return f"[{name}]({os.path.relpath(found, HERE)})"


COLUMNS = (
    Column("", "run", attrgetter("link"), left=True),
    Column("", "command", attrgetter("command"), left=True),
    Column("", "commit", attrgetter("commit")),
    Column("", "time", attrgetter("time")),
    Column("", "memory", attrgetter("memory")),
    Column("", "machine", attrgetter("machine")),
    Column("", "page", attrgetter("page")),
)


def records() -> Iterator[Record]:
    """All of them, in the order of their paths."""
    for path in sorted(path for kind in KINDS for path in HERE.rglob(kind)):
        metrics = path.with_name("metrics.json")
        cost = json.loads(metrics.read_text(encoding="utf-8"))["cost"] if metrics.is_file() else {}
        yield Record(path.parent, json.loads(path.read_text(encoding="utf-8")), cost)
    for path in sorted(path for pattern in BENCHES for path in HERE.glob(pattern)):
        yield Record(path, json.loads(path.read_text(encoding="utf-8")), {})


def markdown() -> str:
    """A table for each folder of `experiments`, with the number of records and their time together."""
    by_room: dict[str, list[Record]] = defaultdict(list)
    for record in sorted(records(), key=attrgetter("path")):
        by_room[record.room].append(record)
    return "\n\n".join(_section(room, found) for room, found in by_room.items())


def _section(room: str, found: list[Record]) -> str:
    times = [record.seconds for record in found if record.seconds]
    known = "" if len(times) == len(found) else f", known of {len(times)}"
    total = f", {duration(sum(times))} in all{known}" if times else ""
    return f"## {room}\n\n{counted(len(found), 'record')}{total}.\n\n{markdown_table(COLUMNS, found)}"
