"""The leaderboard as a Weights & Biases report: written as JSON, or published with a key."""

import json
from pathlib import Path
from typing import Any

import wandb
import wandb_workspaces.reports.v2 as wr
from wandb_workspaces import expr

from lgg_seg.comparison.segmentation import SegmentationTable
from lgg_seg.comparison.tables import Leaderboard
from lgg_seg.errors import UserError
from lgg_seg.reporting.columns import difference, headline
from lgg_seg.reporting.leaderboard import markdown
from lgg_seg.reporting.wandb.logger import IDENTITY
from lgg_seg.runs.folder import RunFolder

DICE = "test/patient/dice.mean"
COSTS = {
    "cost/parameters": "parameters",
    "cost/flops_per_slice": "FLOPs a slice",
    "cost/train_seconds": "training, s",
    "cost/latency_ms": "latency, ms",
}
FOREST_WIDTH = 50


def build_report(board: Leaderboard, entity: str, project: str) -> wr.Report:
    """A report with the leaderboard's verdicts, tables and strata, and panels over the runs that W&B has."""
    blocks: list[Any] = [wr.TableOfContents()]
    for number, table in enumerate(board.tables, start=1):
        blocks += [
            wr.H2(text=f"Table {number}: patient Dice of {len(table.patients)} patients"),
            *([wr.CalloutBlock(text=table.reason)] if table.reason else []),
            wr.P(text=table.verdict),
            wr.CodeBlock(code=forest(table), language="markdown"),
            *_panels(table),
        ]
    blocks.append(wr.MarkdownBlock(text=markdown(board)))
    return wr.Report(project=project, entity=entity, title="Leaderboard", width="fluid", blocks=blocks)


def write_spec(board: Leaderboard, path: Path) -> None:
    """Write the report as W&B's JSON; nothing is sent."""
    spec = build_report(board, "ENTITY", "lgg_seg")._to_model().model_dump_json(by_alias=True, exclude_none=True)
    path.write_text(json.dumps(json.loads(spec), indent=1) + "\n", encoding="utf-8")


def publish(board: Leaderboard, target: str) -> str:
    """Publish the report on W&B as `ENTITY/PROJECT`, and return its address.

    Raises:
        UserError: the target is not such a pair, or W&B cannot be reached or refuses.
    """
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


def forest(table: SegmentationTable) -> str:
    """The forest plot as text: a W&B report has no chart with intervals."""
    width = max(len(entry.label) for entry in table.entries)
    lines = []
    for entry in table.entries:
        dice = entry.metrics["patient/dice"]
        low, high = dice["ci95"] or (dice["mean"], dice["mean"])
        first, middle, last = (round(value * (FOREST_WIDTH - 1)) for value in (low, dice["mean"], high))
        bar = ["─" if first <= i <= last else " " for i in range(FOREST_WIDTH)]
        bar[first], bar[last] = "├", "┤"
        bar[middle] = "●"
        lines.append(f"{entry.label:<{width}} │{''.join(bar)}│ {headline(entry)}  to best {difference(entry)}")
    return "\n".join([*lines, f"{'':<{width}} 0{'':<{FOREST_WIDTH}}1"])


def _panels(table: SegmentationTable) -> list[Any]:
    """Panels over a table's own runs: in one panel they would be ranked. A leaky table has none."""
    if table.comparability.leaky:
        return []
    folders = [RunFolder(run.folder) for entry in table.entries for run in entry.runs]
    ids = [folder.read_json(IDENTITY)["id"] for folder in folders if (folder.path / IDENTITY).exists()]
    if not ids:
        return [wr.P(text="No panels: these runs were not logged with logger=wandb.")]
    epochs = [
        wr.LinePlot(title=title, x="epoch", y=[name], title_y=title)
        for name, title in (("val/dice", "validation patient Dice"), ("val/loss", "validation loss"))
    ]
    costs = [
        wr.ScatterPlot(  # its running maximum is the Pareto front
            title=f"patient Dice against {title}",
            x=wr.SummaryMetric(name),
            y=wr.SummaryMetric(DICE),
            running_ymax=True,
        )
        for name, title in COSTS.items()
    ]
    bars = [wr.BarPlot(title=name, metrics=[wr.SummaryMetric(name)]) for name in (DICE, "test/pooled/dice")]
    runs = wr.Runset(name="the runs compared", filters=[expr.Metric("ID").isin(ids)])
    return [wr.PanelGrid(runsets=[runs], panels=[*bars, *epochs, *costs])]
