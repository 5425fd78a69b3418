"""The leaderboard as a Weights & Biases report: written as JSON, or published with a key.

A table's panels show its own runs alone, under the names that `media.publish_result` gave their numbers.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

import wandb
import wandb_workspaces.reports.v2 as wr
from wandb_workspaces import expr

from lgg_seg.comparison.classification import HEADLINE, ClassifierResult
from lgg_seg.comparison.results import ComparisonTable
from lgg_seg.comparison.segmentation import SegmentationResult
from lgg_seg.comparison.tables import Leaderboard
from lgg_seg.config.groups import groups
from lgg_seg.errors import UserError
from lgg_seg.reporting.columns import difference
from lgg_seg.reporting.formatting import with_interval
from lgg_seg.reporting.leaderboard import classifiers_markdown, markdown, table_heading
from lgg_seg.reporting.wandb.names import IDENTITY, prefix
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.monitor import AUROC, DICE, LOSS, Monitor
from lgg_seg.statistics.bootstrap import Interval

Table = ComparisonTable[Any]


@dataclass(frozen=True)
class Shown:
    """What the panels of a task show: its `headline` and `others` of `metrics.json`, and curves over the epochs."""

    headline: str
    title: str
    others: tuple[str, ...]
    monitor: Monitor
    media: tuple[str, ...]


SEGMENTATION: Final = Shown("patient/dice.mean", "patient Dice", ("pooled/dice",), DICE, ("slices",))
CLASSIFICATION: Final = Shown("slice/auroc.value", "slice AUROC", ("slice/accuracy.value", "slice/f1.value"), AUROC, ())
COSTS = {
    "cost/parameters": "parameters",
    "cost/flops_per_slice": "FLOPs a slice",
    "cost/train_seconds": "training, s",
    "cost/latency_ms": "latency, ms",
}
FOREST_WIDTH = 50
WIDE = wr.Layout(w=24, h=10)
COMPARED = (  # columns of the runs' table: where they differ, runs are not comparable
    "run:name",
    *(f"config:provenance.value.{key}" for key in ("data_fingerprint", "split.hash", "metric_version", "code.commit")),
)


def build_report(board: Leaderboard, entity: str, project: str) -> wr.Report:
    """A report with the leaderboard's verdicts, tables and strata, and panels over the runs that W&B has."""
    blocks: list[Any] = [wr.TableOfContents()]
    tables: list[Table] = [*board.tables, *board.classifiers]
    for number, table in enumerate(tables, start=1):
        blocks += [
            wr.H2(text=f"Table {number}: {table_heading(table)}"),
            *([wr.CalloutBlock(text=table.reason)] if table.reason else []),
            wr.P(text=f"{table.verdict} {table.caveats}".strip()),
            wr.CodeBlock(code=forest(table), language="markdown"),
            *_panels(table),
        ]
    blocks.append(wr.MarkdownBlock(text=markdown(board) + classifiers_markdown(board.classifiers)))
    return wr.Report(project=project, entity=entity, title="Leaderboard", width="fluid", blocks=blocks)


def spec(board: Leaderboard) -> str:
    """The report as W&B's JSON; nothing is sent."""
    text = build_report(board, "ENTITY", "lgg_seg")._to_model().model_dump_json(by_alias=True, exclude_none=True)
    return json.dumps(json.loads(text), indent=1) + "\n"


def publish(board: Leaderboard, target: str) -> str:
    """Publish the report on W&B as `ENTITY/PROJECT`, and return its address."""
    entity, slash, project = target.partition("/")
    if not (entity and slash and project) or "/" in project:
        raise UserError(f"wandb={target} names no project; it must be ENTITY/PROJECT.")
    try:
        if not wandb.login(prompt=False, verify=True):
            raise UserError("The report is not published: W&B has no key here; `wandb login` stores one.")
        return str(build_report(board, entity, project).save().url)
    except UserError:
        raise
    except Exception as error:  # its client raises errors of several libraries
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"The report is not published: {reason}") from error


def forest(table: Table) -> str:
    """The forest plot as text: a W&B report has no chart with intervals."""
    width = max(len(entry.label) for entry in table.entries)
    lines = []
    for entry in table.entries:
        value, ci95 = _estimate(entry)
        bar = [" "] * FOREST_WIDTH
        if value is not None:
            low, high = ci95 or (value, value)
            first, middle, last = (round(x * (FOREST_WIDTH - 1)) for x in (low, value, high))
            bar = ["─" if first <= i <= last else " " for i in range(FOREST_WIDTH)]
            bar[first], bar[last] = "├", "┤"
            bar[middle] = "●"
        numbers = f"{with_interval(value, ci95)}  to best {difference(entry)}"
        lines.append(f"{entry.label:<{width}} │{''.join(bar)}│ {numbers}")
    return "\n".join([*lines, f"{'':<{width}} 0{'':<{FOREST_WIDTH}}1"])


def _estimate(entry: SegmentationResult | ClassifierResult) -> tuple[float | None, Interval]:
    """What the table ranks by, and its interval."""
    if isinstance(entry, ClassifierResult):
        return entry.estimates[HEADLINE].value, entry.estimates[HEADLINE].ci95
    dice = entry.metrics["patient/dice"]
    return dice["mean"], dice["ci95"]


def _panels(table: Table) -> list[Any]:
    """Panels over a table's own runs: in one panel they would be ranked. A leaky table has none."""
    if table.comparability.leaky:
        return []
    # W&B has what a run measured at its end, and nothing of a later evaluation.
    folders = [RunFolder(run.folder) for entry in table.entries for run in entry.runs if run.place == run.folder]
    ids = [folder.read_json(IDENTITY)["id"] for folder in folders if (folder.path / IDENTITY).exists()]
    if not ids:
        return [wr.P(text="No panels: these runs were not logged with logger=wandb, or measured again later.")]
    shown = CLASSIFICATION if table.comparability.protocol.target else SEGMENTATION
    part = prefix(table.comparability.protocol.subset)
    names = [f"{part}/{name}" for name in (shown.headline, *shown.others)]
    bars = [wr.BarPlot(title=name, metrics=[wr.SummaryMetric(name)]) for name in names]
    by_epoch = {monitor.column: f"validation {monitor.title}" for monitor in (shown.monitor, LOSS)}
    by_epoch["lr"] = "learning rate"
    epochs = [wr.LinePlot(title=title, x="epoch", y=[name], title_y=title) for name, title in by_epoch.items()]
    costs = [
        wr.ScatterPlot(  # its running maximum is the Pareto front
            title=f"{shown.title} against {title}",
            x=wr.SummaryMetric(name),
            y=wr.SummaryMetric(names[0]),
            running_ymax=True,
        )
        for name, title in COSTS.items()
    ]
    masks = [
        wr.MediaBrowser(title="Truth and prediction", media_keys=[f"{part}/{name}"], num_columns=4, layout=WIDE)
        for name in shown.media
    ]
    combined = [wr.WeavePanelSummaryTable(table_name=f"{part}/{name}", layout=WIDE) for name in ("metrics", "patients")]
    comparer = wr.RunComparer(diff_only="split", layout=WIDE)
    runs = wr.Runset(name="the runs compared", filters=[expr.Metric("ID").isin(ids)], pinned_columns=list(COMPARED))
    panels = [*bars, *epochs, *costs, *_search_panels(table, shown.monitor), *masks, *combined, comparer]
    return [wr.PanelGrid(runsets=[runs], panels=panels)]


def _search_panels(table: Table, monitor: Monitor) -> list[Any]:
    """What differs between the configurations, beside their best validation epoch: tests are nothing to choose by."""
    keys = list(dict.fromkeys(key for entry in table.entries for key in entry.settings))
    values = {key: {entry.settings.get(key) for entry in table.entries} for key in keys}
    differing = [key for key in keys if len(values[key]) > 1]
    if not differing:
        return []
    score = f"{monitor.column}.{monitor.mode}"
    # A group's member is in the provenance, its values below its name.
    places = {key: wr.Config(f"provenance.choices.{key}" if key in groups() else key) for key in differing}
    columns = [
        wr.ParallelCoordinatesPlotColumn(place, display_name=key, log=_spans_decades(values[key]))
        for key, place in places.items()
    ]
    last = wr.ParallelCoordinatesPlotColumn(wr.SummaryMetric(score), display_name=f"validation {monitor.title}")
    title = "What was chosen, and the best validation epoch"
    return [
        wr.ParallelCoordinatesPlot(title=title, columns=[*columns, last], layout=WIDE),
        wr.ParameterImportancePlot(with_respect_to=score, layout=WIDE),
    ]


def _spans_decades(values: set[str | None]) -> bool:
    """Whether these are positive numbers of which one is a hundred times another, as of learning rates."""
    try:
        numbers = [float(value or "nan") for value in values]
    except ValueError:
        return False
    return min(numbers) > 0 and max(numbers) >= 100 * min(numbers)
