"""The result of a run as a table on the terminal."""

import logging
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from rich.console import Console
from rich.table import Table

from lgg_seg.cli.logs import say
from lgg_seg.messages import counted, counted_patients
from lgg_seg.metrics.registry import PATIENT_METRICS
from lgg_seg.reporting.formatting import interval, number, with_interval
from lgg_seg.reporting.table import Column, Function, rich_table
from lgg_seg.runs.contents import read_table
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.monitor import LAST, epoch_of, monitor_of

log = logging.getLogger(__name__)

TARGETS = {"tumour": "does the slice show tumour?", "grade": "is the tumour of WHO grade III rather than II?"}
"""What a classifier decides, by `target`."""

SINGLE = (
    "pooled/dice", "pooled/iou", "pooled/recall", "pooled/precision", "tumour_slice/dice", "slice/dice",
    "empty_slice/false_positive_rate", "detection/recall", "detection/specificity", "detection/auroc", "lesion/f1",
    "calibration/ece", "loss",
)  # fmt: skip
"""Metrics without an interval."""


def result_table(result: dict[str, Any], title: str) -> Table:
    """`metrics.json` for people: the metrics with their intervals, then the single numbers."""
    titles, headline, names = ["metric", "value", "95 % interval"], "slice/auroc", list(result["metrics"])
    if result.get("task") != "classification":
        titles, headline = ["metric", "mean", "95 % interval", "median", "sd"], "patient/dice"
        names = [*(f"patient/{key}" for key in PATIENT_METRICS), *SINGLE]
    columns = [Column("", name, itemgetter(k), left=k == 0) for k, name in enumerate(titles)]
    rows = [_row(name, result["metrics"][name]) for name in names]
    table = rich_table(columns, rows, title, caption(result), lambda row: "bold" if row[0] == headline else None)
    if "patient/dice" in names:
        table.rows[len(PATIENT_METRICS) - 1].end_section = True
    return table


def _row(name: str, value: Any) -> list[str]:
    """Texts of a metric; a single number has no interval and no spread."""
    if not isinstance(value, dict):
        return [name, number(value), "", "", ""]
    numbers = [number(value[key]) for key in ("mean", "value", "median", "std") if key in value]
    return [name, numbers[0], interval(value["ci95"]), *numbers[1:]]


def caption(result: dict[str, Any]) -> str:
    """What the numbers are of, with every reservation a reader must know."""
    threshold = result["threshold"]
    patients, slices = counted_patients(result["patients"], result["split"]), counted(result["slices"], "slice")
    lines = [
        f"{patients}, {slices}, protocol {result['protocol']}",
        f"threshold {threshold['value']:g} ({threshold['from']}), post-processing {result['postprocess']}"
        + (", test-time augmentation" if result.get("tta") else ""),
    ]
    if "target" in result:
        yes = f"{result['positive_slices']} of {result['slices']} slices: yes"
        lines.insert(0, f"{TARGETS[result['target']]} {yes}")
    if result["truncated"]:
        lines.append("TRUNCATED: evaluation.max_patients was set")
    if result.get("seen_patients"):
        lines.append(f"SEEN: {result['seen_patients']} of these patients were trained on or chose the checkpoint")
    return "\n".join(lines)


def subsets_table(results: Sequence[dict[str, Any]], title: str) -> Table:
    """A row for each `metrics.json` of one segmentation run: training and test patients as in study 000's table 2."""
    names = {"loss": "loss", "minibatch/iou": "IoU", "minibatch/dice": "Dice", "minibatch/recall": "recall"}
    columns = [Column("", "patients", lambda one: one["split"], left=True)]
    columns += [Column("", title, _metric(name), number) for name, title in names.items()]
    columns.append(Column("", "patient Dice", lambda one: one["metrics"]["patient/dice"]["mean"], number))
    return rich_table(columns, results, title, "IoU, Dice and recall are means over mini-batches")


def _metric(name: str) -> Function:
    return lambda result: result["metrics"].get(name)  # mini-batches are younger than some runs


def runs_table(results: Mapping[str, dict[str, Any]]) -> Table:
    """A row for each `metrics.json`, by the run's name."""
    columns = [
        Column("", "run", itemgetter(0), left=True),
        Column("", "patients", lambda row: f"{row[1]['patients']} {row[1]['split']}"),
        Column("", "headline (95 %)", lambda row: _headline(row[1])),
    ]
    return rich_table(columns, list(results.items()), f"{counted(len(results), 'run')} measured")


def print_result(result: dict[str, Any], title: str) -> None:
    # Plain text in a notebook, too, which would keep the codes of a terminal; its kernel sets FORCE_COLOR.
    in_notebook = Console().is_jupyter
    Console(force_jupyter=False, force_terminal=False if in_notebook else None).print(result_table(result, title))


def print_end(content: dict[str, Any], folder: RunFolder, name: str, monitor: str | None, *, brief: bool) -> None:
    """Print what a run leaves behind, and to `run.log`: its result, best epoch and figures, and the command for it.

    `content` is `metrics.json`'s, empty where nobody was tested; `monitor` is `trainer.monitor`. `brief` is for a job
    of a sweep, whose leaderboard has the rest.
    """
    headline = _headline(content)
    say(log, f"result: {headline}", printed=False)
    if brief:
        print(f"  {headline}: {folder.display_path}", flush=True)
        return
    if content:
        print_result(content, name)
    else:
        print("no patient is left to test: a cross-validation of this recipe says how good such networks are")
    records = read_table(folder.path / "history.csv").to_dict("records")
    rows = [{str(key): value for key, value in row.items()} for row in records]
    chosen_by = monitor_of(rows, monitor)
    if chosen_by != LAST:
        best = max(rows, key=chosen_by.score)
        score = f"validation {chosen_by.title} {number(best[chosen_by.column])}"
        say(log, f"best epoch: {epoch_of(best)} of {int(rows[-1]['epoch']) + 1}, {score}")
    figures = sorted(path.name for path in (folder.path / "figures").glob("*.png"))
    if figures:
        say(log, f"figures: {', '.join(figures)} in {folder.display_path}/figures")
    say(log, f"run folder: {folder.display_path}")
    use = "evaluate run={}" if content.get("task") == "classification" else "predict run={} input=SCAN output=masks"
    say(log, f"next: python -m lgg_seg.{use.format(folder.display_path)}")


def _headline(content: dict[str, Any]) -> str:
    if not content:
        return "trained, nobody to test"
    classifies = content.get("task") == "classification"
    key, title = ("slice/auroc", "slice AUROC") if classifies else ("patient/dice", "patient Dice")
    value = content["metrics"][key]
    return f"{title} {with_interval(value.get('mean', value.get('value')), value['ci95'])}"
