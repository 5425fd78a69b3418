"""Study 000's table 2, measured: loss, IoU, Dice and recall of training, validation and test slices."""

from pathlib import Path
from typing import Any

from lgg_seg.reporting.formatting import number
from lgg_seg.reporting.table import Column, markdown_table
from lgg_seg.runs.folder import RunFolder

RUN = Path(__file__).parent / "its_protocol_12"
METRICS = ("loss", "minibatch/iou", "minibatch/dice", "minibatch/recall")


def table_2() -> str:
    """The measured rows: the run's own test, and its evaluations of the other subsets."""
    places = {"test": RUN} | {path.name.rpartition("_")[2]: path for path in (RUN / "evaluations").iterdir()}
    rows: list[tuple[str, dict[str, Any]]] = [
        (subset, RunFolder(places[subset]).read_json("metrics.json")) for subset in ("train", "val", "test")
    ]
    columns = (
        Column("", "slices of", lambda row: row[0], left=True),
        Column("", "slices", lambda row: row[1]["slices"]),
        *(
            Column("", name.rpartition("/")[2], lambda row, name=name: row[1]["metrics"][name], number)
            for name in METRICS
        ),
    )
    return markdown_table(columns, rows)
