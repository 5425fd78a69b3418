"""The result of a classifier for Weights & Biases: its numbers and figures."""

from __future__ import annotations

from typing import Any

import wandb
from pytorch_lightning.loggers import WandbLogger

from lgg_seg.data.datamodule import DataModule
from lgg_seg.evaluation.classification import ClassifierEvaluation
from lgg_seg.runs.folder import RunFolder

FACTS = ("task", "target", "split", "patients", "slices", "protocol", "truncated", "threshold", "metric_version")


def publish_result(
    logger: WandbLogger,
    folder: RunFolder,
    content: dict[str, Any],
    evaluation: ClassifierEvaluation,  # noqa: ARG001  # the interface's; see lgg_seg.tasks
    data: DataModule,  # noqa: ARG001  # as above
) -> None:
    """Put the result of the test into the run's summary, and its figures beside it; `content` is `metrics.json`'s.

    The names are those of `metrics.json` with its part before them: `test/slice/auroc.value`, `cost/parameters`.
    """
    run = logger.experiment
    parts = {"test": content["metrics"], "cost": content["cost"]}
    run.summary.update({f"{part}/{name}": value for part, of in parts.items() for name, value in of.items()})
    run.summary.update({name: content[name] for name in FACTS})
    figures = sorted(folder.path.glob("figures/*.png"))
    run.log({f"figures/{path.stem}": wandb.Image(str(path)) for path in figures})
