"""Figures for TensorBoard, and the result of a run: hyper-parameters beside the test's numbers."""

import struct
from typing import Any

from pytorch_lightning.loggers import TensorBoardLogger
from tensorboard.compat.proto.summary_pb2 import Summary

from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.identity import flatten, in_configuration


def publish_result(
    logger: TensorBoardLogger, folder: RunFolder, config: dict[str, Any], content: dict[str, Any], step: int
) -> None:
    """Log the config's numbers and words with the test's metrics, and every figure of the run; close the event file.

    `content` is `metrics.json`'s; names are its own after `test/`, or `validation/` with `evaluation.subset=val`.
    """
    part = "test" if content["split"] == "test" else "validation"
    metrics = {}
    for name, value in content["metrics"].items():
        number = value.get("mean", value.get("value")) if isinstance(value, dict) else value
        if number is not None:
            metrics[f"{part}/{name}"] = float(number)
    varied = {key: value for key, value in flatten(config).items() if in_configuration(key) or key == "seed"}
    plain = {key: value for key, value in varied.items() if isinstance(value, bool | int | float | str)}
    logger.log_hyperparams({key: value for key, value in plain.items() if "_target_" not in key}, metrics)
    for path in sorted(folder.path.glob("figures/*.png")):
        add_png(logger, f"figures/{path.stem}", path.read_bytes(), step)
    logger.finalize("success")  # Lightning's own was before: each record opens the file anew, with a thread


def add_png(logger: TensorBoardLogger, name: str, content: bytes, step: int) -> None:
    """Log a PNG as it is; `SummaryWriter.add_image` would encode its pixels again, which takes longer than drawing."""
    width, height = struct.unpack(">II", content[16:24])  # where every PNG has them
    image = Summary.Image(height=height, width=width, colorspace=4, encoded_image_string=content)  # 4: RGBA
    logger.experiment.file_writer.add_summary(Summary(value=[Summary.Value(tag=name, image=image)]), step)
