"""`python -m lgg_seg.export run=RUN format=onnx|torch`: a network that other programs can run, checked for parity."""

from __future__ import annotations

import json
import logging
import shutil
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

import onnx
import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from lgg_seg.cli.arguments import Argument, arguments_of
from lgg_seg.cli.console import command
from lgg_seg.cli.logs import configure_logs
from lgg_seg.data.kaggle.listing import DEFAULT_ROOT, find_dataset_root
from lgg_seg.data.preprocessing import normalise
from lgg_seg.deploy.parity import SLICES, Parity, compare, comparison_slices
from lgg_seg.deploy.usage import export_page
from lgg_seg.errors import UserError
from lgg_seg.hardware import Hardware, configure_process
from lgg_seg.inference.onnx import DESCRIPTION, INPUT, OUTPUT, OnnxRunner, export_folder
from lgg_seg.inference.runner import Runner, TorchRunner
from lgg_seg.inference.trained import TrainedModel, from_run, from_zoo
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.provenance import versions

log = logging.getLogger(__name__)
Format = Literal["onnx", "torch"]
FILES: dict[str, str] = {"onnx": "model.onnx", "torch": "model.pt2"}
TOLERANCE = 1e-3  # of a probability
AXES = ("batch", "height", "width")


def export(
    format: Annotated[Format, Argument("onnx, or torch for torch.export")],
    run: Annotated[Path | None, Argument("the run's folder")] = None,
    zoo: Annotated[str | None, Argument("a model that ships with the package")] = None,
    data_root: Annotated[
        Path | None, Argument("scans to check on; null: the run's own, or the dataset's", key="data.root")
    ] = None,
) -> tuple[Path, Parity]:
    """Export a network, check it on a few slices, and describe its preprocessing beside it.

    Batch, height and width of the exported network are free; height and width must exceed the 16 or 32 pixels that a
    pixel of its coarsest level stands for.

    Returns:
        the folder with the model, `model.json` for programs and `README.md` for people; and how close it came.

    Raises:
        UserError: neither a run nor a zoo model is named; it cannot be restored or exported; its export says otherwise.
    """
    if (run is None) == (zoo is None):
        raise UserError("Say what to export: run=RUN, or zoo=NAME for a model that ships with the package.")
    trained = from_run(run) if run is not None else from_zoo(str(zoo))
    of, batches = comparison_slices(trained, _root(run, data_root))
    folder = export_folder(trained) / format
    with TemporaryDirectory() as place:
        made = Path(place) / format
        made.mkdir()
        parity = compare(trained, _written(trained, format, made / FILES[format]), of, batches)
        if parity.largest_difference > TOLERANCE:
            raise UserError(
                f"The export of {trained.name} differs from it by up to {parity.largest_difference:.2g} in probability "
                f"on {of} ({TOLERANCE} is allowed) and is not kept; try the other format."
            )
        described = description(trained, format, parity)
        (made / DESCRIPTION).write_text(json.dumps(described, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        (made / "README.md").write_text(export_page(described, trained.preprocess), encoding="utf-8")
        _keep(made, folder)
    return folder, parity


def description(trained: TrainedModel, format: Format, parity: Parity) -> dict[str, Any]:
    """The content of `model.json`."""
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
        "parity": parity.as_dict(),
        "versions": {name: version for name, version in versions().items() if name in ("python", "lgg-seg", "torch")},
    }


def _root(run: Path | None, named: Path | None) -> Path | None:
    """The scans to check on: those named, else the run's own or the dataset's where they are here, else none."""
    if named is not None:
        if not named.exists():
            raise UserError(f"data.root={named} is not there; name a folder of scans, or leave it out.")
        return named
    root = DEFAULT_ROOT if run is None else RunFolder(run).read_config()[0].data.root
    return find_dataset_root(Path(root)) if root else None


def _written(trained: TrainedModel, format: Format, path: Path) -> Runner:
    """Write the model, and read it back as another program would."""
    program = _program(trained)
    if format == "onnx":
        _write_onnx(program, path)
        return OnnxRunner(path, SLICES)
    torch.export.save(program, path)
    cpu = Hardware(torch.device("cpu"), "32-true", channels_last=False)
    return TorchRunner(_Evaluating(torch.export.load(path).module()), normalise, cpu, SLICES)


class _Evaluating(torch.nn.Module):
    """An exported program, which has no modes, where a network is switched to evaluation."""

    def __init__(self, program: torch.nn.Module) -> None:
        super().__init__()
        self._call = [program]  # hidden from `eval()`, which such a module refuses

    def forward(self, x: Tensor) -> Any:
        """Logits."""
        return self._call[0](x)


def _program(trained: TrainedModel) -> ExportedProgram:
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
            if dim.HasField("dim_param"):  # to set it would otherwise forget the axis's fixed length
                dim.dim_param = names.get(dim.dim_param, dim.dim_param)
    del model.graph.value_info[:]  # sizes of what is between, in the exporter's own names
    onnx.save(model, path)


def _keep(made: Path, folder: Path) -> None:
    """Move a finished export to its place; an older one of the same network makes room, and that is told.

    Raises:
        UserError: what is there is no export, or cannot be written.
    """
    if folder.exists() and not (folder / DESCRIPTION).is_file():
        raise UserError(f"{folder} is there and holds no export ({DESCRIPTION}); move it away.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            log.warning("the earlier export in %s is replaced", folder)
            shutil.rmtree(folder)
        shutil.move(made, folder)
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror or error}); free space there.") from error


@command
@arguments_of(export, "lgg_seg.export run=RUN|zoo=NAME format=onnx|torch")
def main(given: dict[str, Any]) -> int:
    """Export and print."""
    configure_logs()
    configure_process()
    folder, parity = export(**given)
    print(
        f"largest difference in probability {parity.largest_difference:.1e} on {parity.slices} slices of {parity.of}, "
        f"{parity.disagreeing} of {parity.positive} decisions changed"
    )
    print(f"written to {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
