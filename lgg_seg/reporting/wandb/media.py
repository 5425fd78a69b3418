"""The result of a run for Weights & Biases: numbers, tables, curves, and slices with masks."""

from typing import Any

import numpy as np
import pandas as pd
import wandb
from pytorch_lightning.loggers import WandbLogger

from lgg_seg.data.datamodule import DataModule
from lgg_seg.evaluation.base import Evaluation
from lgg_seg.evaluation.segmentation import SegmentationEvaluation
from lgg_seg.metrics.arrays import Bools, Floats
from lgg_seg.metrics.curves import THRESHOLDS
from lgg_seg.reporting.figures import MAX_EXTREMES
from lgg_seg.reporting.wandb.names import prefix
from lgg_seg.runs.folder import RunFolder

LABELS = {1: "tumour"}
MAX_POINTS = 1000  # of a curve: W&B draws no more well
METADATA = (
    "task", "target", "split", "patients", "slices", "protocol", "truncated", "threshold", "postprocess", "tta",
    "metric_version",
)  # fmt: skip


def publish_result(
    evaluation: Evaluation, logger: WandbLogger, folder: RunFolder, content: dict[str, Any], data: DataModule
) -> None:
    """Publish the result of the test as summary, tables, charts and images; `content` is that of `metrics.json`.

    Names are those of `metrics.json` after a prefix: `test/patient/dice.mean`, `test/pooled/dice`, `cost/parameters`;
    `validation/` with `evaluation.subset=val`.
    """
    run, part = logger.experiment, prefix(content["split"])
    for group, numbers in ((part, content["metrics"]), ("cost", content["cost"])):
        run.summary.update({f"{group}/{name}": value for name, value in numbers.items()})
    run.summary.update({name: content[name] for name in METADATA if name in content})
    tables = {"metrics": metrics_table(content["metrics"]), "patients": pd.read_csv(folder.path / "per_patient.csv")}
    media: dict[str, Any] = {f"{part}/{name}": _table(run, f"{part}/{name}", table) for name, table in tables.items()}
    media |= {f"figures/{path.stem}": wandb.Image(str(path)) for path in sorted(folder.path.glob("figures/*.png"))}
    if isinstance(evaluation, SegmentationEvaluation):
        for name, (title, columns) in curves(evaluation).items():
            x, y = list(columns)[:2]
            media[name] = wandb.plot.line(_table(run, f"{name}_table", pd.DataFrame(columns)), x, y, title=title)
        media[f"{part}/slices"] = masked_slices(evaluation, data)
    run.log(media)


def metrics_table(metrics: dict[str, Any]) -> pd.DataFrame:
    """A row for each metric: its value or mean over patients, and where there are, interval, median and SD."""
    columns = ("metric", "value", "ci95_low", "ci95_high", "median", "std")
    rows: list[tuple[Any, ...]] = []
    for name, value in metrics.items():
        one = value if isinstance(value, dict) else {"value": value}
        low, high = one.get("ci95") or (None, None)  # one patient has no interval
        rows.append((name, one.get("mean", one.get("value")), low, high, one.get("median"), one.get("std")))
    return pd.DataFrame(rows, columns=columns)


def curves(evaluation: SegmentationEvaluation) -> dict[str, tuple[str, dict[str, Floats]]]:
    """Title and points (x, y, threshold) of the three charts of `roc_pr.png`."""
    dice = {"threshold": np.array(THRESHOLDS), "dice": evaluation.dice_by_threshold()}
    charts = {"curves/dice_by_threshold": ("mean patient Dice", dice)}
    if (pixels := evaluation.pixel_curves()) is None:
        return charts
    threshold, false_positives, recall, precision = pixels.thinned(MAX_POINTS)
    roc = {"false positive rate": false_positives, "true positive rate": recall, "threshold": threshold}
    pairs = {"recall": recall, "precision": precision, "threshold": threshold}
    titles = f"pixel ROC, AUROC {pixels.auroc:.3f}", f"pixel precision and recall, AP {pixels.average_precision:.3f}"
    return {"curves/roc": (titles[0], roc), "curves/pr": (titles[1], pairs), **charts}


def _table(run: wandb.Run, name: str, frame: pd.DataFrame) -> wandb.Table:
    """A table bound to the run: an unbound one is an artifact in the user's home, whose path an offline run records."""
    rows = frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None)  # NaN is not JSON
    table = wandb.Table(columns=list(frame.columns), data=list(rows))
    table.bind_to_run(run, name, run.step)  # type: ignore[no-untyped-call]  # wandb gives it no types
    return table


def masked_slices(evaluation: SegmentationEvaluation, data: DataModule) -> list[wandb.Image]:
    """The slice with most tumour of the best and the worst patients: FLAIR with truth and prediction as masks."""
    ordered = evaluation.ranked
    chosen = ordered if len(ordered) <= 2 * MAX_EXTREMES else ordered[:MAX_EXTREMES] + ordered[-MAX_EXTREMES:]
    images = []
    for score in chosen:
        largest = evaluation.largest[score.patient]
        masks = overlays(largest.truth, largest.prediction)
        caption = f"{score.patient}, Dice {score.dice:.3f}"
        images.append(wandb.Image(data.flair(largest.slice_id), caption=caption, masks=masks))
    return images


def overlays(truth: Bools, prediction: Bools) -> dict[str, dict[str, Any]]:
    """The masks (H, W) of a slice, as `wandb.Image` takes them."""
    masks = {"truth": truth, "prediction": prediction}
    return {name: {"mask_data": mask.astype(np.uint8), "class_labels": LABELS} for name, mask in masks.items()}
