"""`python -m lgg_seg.export run=RUN format=onnx|torch`: a network that other programs can run, checked for parity."""

import json
import logging
import shutil
import sys
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

from lgg_seg.cli.arguments import Argument, arguments_of
from lgg_seg.cli.console import command
from lgg_seg.cli.logs import configure_logs
from lgg_seg.deploy import Format
from lgg_seg.devices import Accelerator
from lgg_seg.errors import UserError
from lgg_seg.files import writable
from lgg_seg.runs.latest import find_run

if TYPE_CHECKING:
    from lgg_seg.deploy.parity import Parity

log = logging.getLogger(__name__)
TOLERANCE = 1e-3  # of a probability


def export(
    format: Annotated[Format, Argument("onnx, or torch for torch.export")],
    run: Annotated[Path | None, Argument("the run's folder, or latest")] = None,
    zoo: Annotated[str | None, Argument("a model that ships with the package")] = None,
    data_root: Annotated[
        Path | None, Argument("scans to check on; null: the run's own, or the dataset's", key="data.root")
    ] = None,
    device: Annotated[
        Accelerator, Argument("auto, cpu, gpu or mps: where the original runs for the check, the export on the CPU")
    ] = "cpu",
    output: Annotated[
        Path | None, Argument("a folder for the export; null: where predict backend=onnx looks for it")
    ] = None,
) -> "tuple[Path, Parity]":
    """Export a network, check it on a few slices, and describe its preprocessing beside it.

    Batch, height and width of the exported network are free; height and width must exceed the 16 or 32 pixels that a
    pixel of its coarsest level stands for.

    Returns:
        the folder with the model, `model.json`, `README.md` and, of a plain ONNX, `infer.py`; and the measured parity.
    """
    if (run is None) == (zoo is None):
        raise UserError("Say what to export: run=RUN, or zoo=NAME for a model that ships with the package.")
    from lgg_seg.deploy.pages import export_page
    from lgg_seg.deploy.parity import compare, comparison_slices
    from lgg_seg.deploy.programs import FILES, is_plain, model_json, write_program
    from lgg_seg.hardware import choose_hardware
    from lgg_seg.inference.onnx import DESCRIPTION, export_folder
    from lgg_seg.inference.trained import from_run, from_zoo

    choose_hardware(device, "32-true")  # refuses one that is not here, before the export takes its time
    run = find_run(run) if run is not None else None
    trained = from_run(run) if run is not None else from_zoo(str(zoo))
    target = output or export_folder(trained) / format
    if target.exists() and not (target / DESCRIPTION).is_file():
        raise UserError(f"{target} is there and holds no export ({DESCRIPTION}); move it away.")
    of, batches = comparison_slices(trained, data_root, run)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / format
        folder.mkdir()
        parity = compare(trained, write_program(trained, format, folder / FILES[format]), of, batches, device)
        if parity.largest_difference > TOLERANCE:
            raise UserError(
                f"The export of {trained.name} differs from it by up to {parity.largest_difference:.2g} in probability "
                f"on {of} ({TOLERANCE} is allowed) and is not kept; try the other format."
            )
        description = model_json(trained, format, parity)
        (folder / DESCRIPTION).write_text(json.dumps(description, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        (folder / "README.md").write_text(export_page(description, trained.preprocess), encoding="utf-8")
        if format == "onnx" and is_plain(trained):
            script = (files("lgg_seg.deploy") / "infer.py").read_text(encoding="utf-8")
            (folder / "infer.py").write_text(script, encoding="utf-8")
        with writable(target, "free space there."):
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                log.warning("the earlier export in %s is replaced", target)
                shutil.rmtree(target)
            shutil.move(folder, target)
    return target, parity


@command
@arguments_of(export, "lgg_seg.export run=RUN|zoo=NAME format=onnx|torch")
def main(given: dict[str, Any]) -> int:
    from lgg_seg.hardware import configure_process

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
