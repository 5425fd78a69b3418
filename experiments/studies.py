"""The recorded runs of a study as one table: the study's own measures beside those of patients."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lgg_seg.reporting.formatting import three, with_interval
from lgg_seg.reporting.table import Column, markdown_table

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Recorded:
    """A recorded run, directly in the folder of its study."""

    folder: Path
    config: dict[str, Any]
    result: dict[str, Any]

    @property
    def grid(self) -> str:
        """The side of the network's images, and the number of epochs."""
        epochs = len((self.folder / "history.csv").read_text(encoding="utf-8").splitlines()) - 1
        return f"{self.config['preprocess']['size']}², {epochs}"

    def joined(self, *names: str) -> str:
        """Metrics that are plain numbers, with slashes between them."""
        return " / ".join(three(self.result["metrics"][name]) for name in names)


def recorded(folder: Path) -> list[Recorded]:
    """The runs of a study, by name."""
    runs = [path.parent for path in sorted(folder.glob("*/metrics.json"))]
    return [
        Recorded(
            run,
            yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8")),
            json.loads((run / "metrics.json").read_text(encoding="utf-8")),
        )
        for run in runs
    ]


def _estimate(name: str, key: str) -> Callable[[Recorded], str]:
    def text(run: Recorded) -> str:
        metric = run.result["metrics"][name]
        return with_interval(metric[key], metric["ci95"])

    return text


START = (
    Column("", "run", lambda run: f"[`{run.folder.name}`]({run.folder.name})", left=True),
    Column("", "protocol", lambda run: run.result["protocol"], left=True),
    Column("", "patients / slices tested", lambda run: f"{run.result['patients']} / {run.result['slices']}"),
    Column("", "network grid, epochs", lambda run: run.grid),
)
SEGMENTATION = (
    *START,
    Column("", "patient Dice (95 %)", text=_estimate("patient/dice", "mean")),
    Column("", "pooled Dice / IoU", lambda run: run.joined("pooled/dice", "pooled/iou")),
    Column("", "tumour-slice Dice", lambda run: run.joined("tumour_slice/dice")),
    Column("", "slice IoU", lambda run: run.joined("slice/iou")),
    Column(
        "",
        "mini-batch Dice / IoU / recall",
        lambda run: run.joined("minibatch/dice", "minibatch/iou", "minibatch/recall"),
    ),
    Column("", "accuracy", lambda run: run.joined("pooled/accuracy")),
    Column("", "parameters", lambda run: f"{run.result['cost']['parameters'] / 1e6:.1f} M"),
)
CLASSIFICATION = (
    *START,
    Column("", "accuracy (95 %)", text=_estimate("slice/accuracy", "value")),
    Column("", "F1 (95 %)", text=_estimate("slice/f1", "value")),
    Column("", "AUROC (95 %)", text=_estimate("slice/auroc", "value")),
    Column("", "patient AUROC (95 %)", text=_estimate("patient/auroc", "value")),
)


def study(name: str, task: str = "segmentation") -> str:
    """The runs of a study that segment, or those of `task="classification"`."""
    columns = SEGMENTATION if task == "segmentation" else CLASSIFICATION
    runs = recorded(HERE / name)
    return markdown_table(columns, [run for run in runs if run.result.get("task", "segmentation") == task])
