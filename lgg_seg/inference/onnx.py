"""Running an exported network with onnxruntime, and where exports are kept."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from lgg_seg.data.kaggle.index import default_cache_dir
from lgg_seg.data.preprocessing import normalise
from lgg_seg.errors import UserError
from lgg_seg.inference.runner import Runner
from lgg_seg.inference.trained import TrainedModel
from lgg_seg.inference.zoo import CARD, MODELS

INPUT, OUTPUT = "image", "logits"
DESCRIPTION = "model.json"


class OnnxRunner(Runner):
    """Runs a network exported to ONNX on the CPU in float32, with the normalisation before it."""

    def __init__(self, path: Path, batch_size: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors alone: it reports foldings of constants that concern nobody
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # what is wrong in a file can raise anything
            raise UserError(f"{path} is damaged or no ONNX model; export it again.") from error
        self.batch_size = batch_size

    def logits(self, images: Tensor, statistics: Tensor) -> Tensor:
        (logits,) = self._session.run([OUTPUT], {INPUT: normalise(images, statistics).contiguous().numpy()})
        return torch.from_numpy(np.asarray(logits, np.float32))


def _of_zoo(trained: TrainedModel) -> bool:
    return (trained.source_dir / CARD).exists()


def export_folder(trained: TrainedModel) -> Path:
    """The folder of a network's exports: its run's, or for one of the zoo, which may be read-only, the cache."""
    if _of_zoo(trained):
        return default_cache_dir() / "exports" / f"{trained.name}-{trained.digest[:12]}"
    return trained.source_dir / "export"


def onnx_runner(trained: TrainedModel, batch_size: int) -> OnnxRunner:
    """The network as it was exported."""
    folder = export_folder(trained)
    if _of_zoo(trained):
        named = f"zoo={trained.name if trained.source_dir.parent == MODELS else trained.source_dir}"
    else:
        named = f"run={trained.source_dir}"
    command = f"python -m lgg_seg.export {named} format=onnx"
    try:
        described: Any = json.loads((folder / "onnx" / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{trained.name} has not been exported to ONNX; do so with {command}") from error
    if not isinstance(described, dict) or described.get("weights_sha256") != trained.digest:
        raise UserError(f"The ONNX export of {trained.name} was made of other weights; make it again with {command}")
    return OnnxRunner(folder / "onnx" / "model.onnx", batch_size)
