"""Running an exported network with onnxruntime, and where exports are kept."""

from __future__ import annotations

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
from lgg_seg.inference.trained import TrainedModel
from lgg_seg.inference.zoo import CARD, MODELS

INPUT, OUTPUT = "image", "logits"
DESCRIPTION = "model.json"


class OnnxRunner:
    """A network exported to ONNX, run on the CPU in float32, with the normalisation before it.

    Raises:
        UserError: the file is damaged.
    """

    def __init__(self, path: Path, batch_size: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors alone: it reports foldings of constants that concern nobody
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # what is wrong in a file can raise anything
            raise UserError(f"{path} is damaged or no ONNX model; export it again.") from error
        self._batch_size = batch_size

    def volume_logits(self, images: Tensor, statistics: Tensor) -> Tensor:
        """Logits, float32 (D, 1, …), of uint8 (D, C, S, S) with the volume's statistics (C, 4)."""
        batches = torch.split(images, self._batch_size)
        return torch.cat([self._logits(normalise(b, statistics.expand(len(b), -1, -1))) for b in batches])

    def _logits(self, x_bchw: Tensor) -> Tensor:
        (logits,) = self._session.run([OUTPUT], {INPUT: x_bchw.contiguous().numpy()})
        return torch.from_numpy(np.asarray(logits, np.float32))


def export_folder(trained: TrainedModel) -> Path:
    """Where exports of a network are kept: in its run's folder, or for one of the zoo, which may be read-only, in the
    cache."""
    if (trained.source_dir / CARD).exists():
        return default_cache_dir() / "exports" / f"{trained.name}-{trained.digest[:12]}"
    return trained.source_dir / "export"


def onnx_runner(trained: TrainedModel, batch_size: int) -> OnnxRunner:
    """The network as it was exported.

    Raises:
        UserError: it was not, or other weights were.
    """
    folder = export_folder(trained)
    if (trained.source_dir / CARD).exists():
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
