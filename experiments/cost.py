"""What the recorded trainings cost: minutes and memory of each network, on a CPU's core and on a GPU."""

import csv
import json
from collections import defaultdict
from collections.abc import Sequence
from operator import itemgetter

from experiments.benchmark.tables import network
from experiments.index import HERE, Record, records
from lgg_seg.reporting.formatting import duration
from lgg_seg.reporting.table import Column, markdown_table

Group = tuple[str, Sequence[Record]]


def _times(group: Group) -> str:
    seconds = sorted(record.seconds for record in group[1])
    first, last = duration(seconds[0]), duration(seconds[-1])
    return first if first == last else f"{first} to {last}"


COLUMNS = (
    Column("", "network", lambda group: group[0], left=True),
    Column("", "runs", lambda group: len(group[1])),
    Column("", "time of a run", text=_times),
    Column("", "memory, at most", lambda group: max(group[1], key=lambda one: one.cost["peak_memory_bytes"]).memory),
    Column("", "machine", lambda group: group[1][0].machine),
)


def by_network(place: str) -> str:
    """The runs in a folder of `experiments`, a row a network and machine."""
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records():
        if record.path.is_relative_to(HERE / place):
            groups[network(record.metadata), record.machine].append(record)
    return markdown_table(COLUMNS, [(name, found) for (name, _), found in sorted(groups.items())])


ALONE = (
    Column("", "network", lambda one: f"`{one['model']}`", left=True),
    *(
        Column("", title, lambda one, case=case: one[case]["ours"], "{:,.0f}".format)
        for case, title in (
            ("train", "training"),
            ("predict", "predicting"),
            ("predict_one", "predicting one at a time"),
        )
    ),
)


def alone() -> str:
    """Slices a second of each network on a GPU that did nothing else, the fastest training first."""
    found = json.loads((HERE / "bench" / "h100_alone.json").read_text(encoding="utf-8"))["networks"]
    return markdown_table(ALONE, sorted(found, key=lambda one: -one["train"]["ours"]))


GROWTH = (
    Column("", "patients", itemgetter("patients")),
    Column("", "slices", lambda row: f"{int(row['slices']):,}"),
    *(
        Column("", name, lambda row, key=key: f"{float(row[key]):.0f} s")
        for name, key in (
            ("`data verify`", "verify_seconds"),
            ("first start", "first_start_seconds"),
            ("next start", "second_start_seconds"),
        )
    ),
    Column("", "memory", lambda row: f"{row['first_start_mb']} MB"),
    Column("", "cache on disk", lambda row: f"{row['cache_mb']} MB"),
)


def growth() -> str:
    """What the sizes of the data set cost, a row a size."""
    with (HERE / "bench" / "growth.csv").open(encoding="utf-8", newline="") as stream:
        return markdown_table(GROWTH, list(csv.DictReader(stream)))
