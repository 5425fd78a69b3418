"""The result of a run for TensorBoard: hyper-parameters beside the test's numbers, and the figures."""

from typing import Any

import matplotlib.image
from pytorch_lightning.loggers import TensorBoardLogger

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
        logger.experiment.add_image(f"figures/{path.stem}", matplotlib.image.imread(path), step, dataformats="HWC")
    logger.finalize("success")  # Lightning's own was before: each record opens the file anew, with a thread
