"""A network as a program for others: an ONNX file, or one of torch.export."""

import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from lgg_seg.deploy import Format
from lgg_seg.deploy.parity import SLICES, Parity, exact_runner
from lgg_seg.errors import UserError
from lgg_seg.inference.onnx import INPUT, OUTPUT, OnnxRunner
from lgg_seg.inference.runner import Runner
from lgg_seg.inference.trained import TrainedModel
from lgg_seg.runs.provenance import versions

FILES: dict[str, str] = {"onnx": "model.onnx", "torch": "model.pt2"}
AXES = ("batch", "height", "width")


def write_program(trained: TrainedModel, format: Format, path: Path) -> Runner:
    """Write the program to `path`, and read it back as its users would."""
    program = _exported(trained)
    if format == "onnx":
        _write_onnx(program, path)
        return OnnxRunner(path, SLICES)
    torch.export.save(program, path)
    return exact_runner(_WithoutModes(torch.export.load(path).module()))


def model_json(trained: TrainedModel, format: Format, parity: Parity) -> dict[str, Any]:
    """The content of `model.json`, which describes the program beside it."""
    size = trained.preprocess.size
    return {
        "name": trained.name,
        "file": FILES[format],
        "format": format,
        "target": trained.target,
        "weights_sha256": trained.digest,
        "input": {
            "name": INPUT,
            "dtype": "float32",
            "shape": ["batch", trained.preprocess.channel_count, size or "height", size or "width"],
        },
        "output": {"name": OUTPUT, "dtype": "float32", "meaning": trained.target or "tumour, a logit a pixel"},
        **trained.config,
        "threshold": trained.threshold,
        "postprocess": trained.postprocess,
        "tta": trained.tta,
        "parity": asdict(parity),
        "versions": {name: version for name, version in versions().items() if name in ("python", "lgg-seg", "torch")},
    }


def is_plain(trained: TrainedModel) -> bool:
    """Whether `infer.py` can do what comes before and after the network."""
    preprocess = trained.preprocess
    plain = preprocess.skull == "keep" and preprocess.crop == "none" and preprocess.channels == "all"
    return plain and not preprocess.sharpen and not preprocess.context and trained.target is None


class _WithoutModes(torch.nn.Module):
    """An exported program as a module whose `eval()` does nothing; the program's own raises."""

    def __init__(self, program: torch.nn.Module) -> None:
        super().__init__()
        self._call = [program]  # in a list, so that it is no submodule that `eval()` reaches

    def forward(self, x: Tensor) -> Any:
        return self._call[0](x)


def _exported(trained: TrainedModel) -> ExportedProgram:
    size = trained.preprocess.size or 256
    example = torch.zeros(2, trained.preprocess.channel_count, size, size)
    free = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    try:
        with torch.no_grad():
            return torch.export.export(trained.network.eval(), (example,), dynamic_shapes=(free,))
    except Exception as error:  # a network that cannot be traced can raise anything
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"{trained.name} cannot be exported with free batch, height and width ({reason}).") from error


def _write_onnx(program: ExportedProgram, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own exporter uses what torch has deprecated
        made = torch.onnx.export(program, (), dynamo=True, input_names=[INPUT], output_names=[OUTPUT], verbose=False)
    if made is None:
        raise UserError("This torch writes no ONNX program; take format=torch.")
    model = made.model_proto
    free = (model.graph.input[0].type.tensor_type.shape.dim[k] for k in (0, 2, 3))
    names = {dim.dim_param: name for dim, name in zip(free, AXES, strict=True)}
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.HasField("dim_param"):  # assigning it would drop the fixed length of any other axis
                dim.dim_param = names.get(dim.dim_param, dim.dim_param)
    del model.graph.value_info[:]  # shapes of intermediate values, in the exporter's own names
    onnx.save(model, path)
