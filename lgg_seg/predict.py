"""`python -m lgg_seg.predict input=SCANS output=FOLDER`: masks, pictures and measurements of new scans."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any, Literal

from lgg_seg.cli.arguments import Argument, arguments_of, several
from lgg_seg.cli.console import command
from lgg_seg.cli.logs import configure_logs
from lgg_seg.data.arguments import MaskThreshold
from lgg_seg.devices import Accelerator, Precision
from lgg_seg.errors import UserError, require
from lgg_seg.inference import BATCH_SIZE
from lgg_seg.inference.arguments import TTA, Postprocess, Threshold, require_threshold
from lgg_seg.inference.zoo import DEFAULT
from lgg_seg.messages import counted
from lgg_seg.prediction import Overlays

if TYPE_CHECKING:
    from lgg_seg.hardware import Hardware
    from lgg_seg.inference.runner import Runner
    from lgg_seg.inference.trained import TrainedModel
    from lgg_seg.prediction.job import PredictionResult
    from lgg_seg.prediction.tables import Row
    from lgg_seg.scans.discover import ScanListing

Backend = Literal["torch", "compiled", "onnx"]


def predict(
    output: Annotated[
        Path, Argument("a new folder for masks, overlays and tables, or that of an interrupted job, to go on")
    ],
    input: Annotated[
        Path | None, Argument("slices (TIFF, PNG, JPEG, DICOM), a TIFF stack, NIfTI, .mgz, .img, .mha, .nrrd; a folder")
    ] = None,
    flair: Annotated[
        str | None, Argument("one patient's FLAIR; with input=, what its FLAIR files' names end in: _0003")
    ] = None,
    t1: Annotated[str | None, Argument("the same of T1 without contrast; FLAIR stands in where there is none")] = None,
    t1ce: Annotated[str | None, Argument("the same of T1 with contrast")] = None,
    run: Annotated[str | None, Argument("the run's folder, or latest; several with commas between average")] = None,
    zoo: Annotated[
        str | None, Argument(f"a model that ships with the package; several as for run; null: {DEFAULT}, without run")
    ] = None,
    classifier: Annotated[Path | None, Argument("the folder of a classifier's run: adds its probabilities")] = None,
    threshold: Threshold = None,
    postprocess: Postprocess = None,
    tta: TTA = None,
    overlays: Annotated[Overlays, Argument("pictures of slices with tumour, of all, or none")] = "tumour",
    probabilities: Annotated[
        bool,
        Argument("also P(tumour), float32 on the scan's grid: NAME_probability.nii.gz; of slices and TIFF stacks .tif"),
    ] = False,
    mask_threshold: MaskThreshold = None,
    backend: Annotated[
        Backend, Argument("torch; compiled, which pays over tens of thousands of slices; onnx after lgg_seg.export")
    ] = "torch",
    batch_size: Annotated[int, Argument("slices at once", key="data.batch_size")] = BATCH_SIZE,
    device: Annotated[Accelerator, Argument("auto, cpu, gpu or mps")] = "auto",
    precision: Annotated[Precision, Argument("auto takes the fastest of the hardware")] = "auto",
) -> "PredictionResult":
    """Segment new scans with trained networks, and score them where masks (…_mask, …_seg, masks/…) lie beside."""
    require(batch_size >= 1, "data.batch_size", batch_size, "1 or more")
    require_threshold(threshold)
    # Seconds of imports, which help and mistakes on the command line do without.
    from lgg_seg.hardware import choose_hardware, configure_process
    from lgg_seg.inference.model import Model, VolumeClassifier
    from lgg_seg.inference.trained import from_run
    from lgg_seg.prediction.job import predict_all
    from lgg_seg.prediction.output import OutputFolder
    from lgg_seg.runs.provenance import code_state, hardware_metadata, versions

    trained = _trained(run, zoo)
    scans = _scans(input, {"flair": flair, "t1": t1, "t1ce": t1ce})
    configure_process()
    hardware = choose_hardware(device, precision)
    runner = partial(_runner, backend=backend, hardware=hardware, batch_size=batch_size)
    model = Model([(one, runner(one)) for one in trained], threshold, postprocess, tta)
    classifying = from_run(classifier) if classifier else None
    volume_classifier = VolumeClassifier(classifying, runner(classifying)) if classifying else None
    settings = {
        "input": (input or scans.root).absolute().name,  # the last part alone: the others are of this machine
        "models": [_provenance(one) for one in trained],
        "classifiers": [_provenance(classifying)] if classifying else [],
        "threshold": model.threshold,
        "postprocess": model.postprocess,
        "mirror": model.tta,
        "probabilities": probabilities,
        "mask_threshold": mask_threshold,
        "backend": backend,
        "batch_size": batch_size,
        "precision": hardware.precision if backend != "onnx" else "32-true",
        "code": code_state(),
        "versions": versions(),
        "hardware": hardware_metadata(hardware),
    }
    return predict_all(model, volume_classifier, scans, OutputFolder(output), overlays, settings)


def _trained(run: str | None, zoo: str | None) -> "list[TrainedModel]":
    """The networks that are named, else the zoo's best."""
    from lgg_seg.inference.trained import from_run, from_zoo

    named = [from_run(Path(name)) for name in several(run)] + [from_zoo(name) for name in several(zoo)]
    return named or [from_zoo(DEFAULT)]


def _runner(trained: "TrainedModel", backend: Backend, hardware: "Hardware", batch_size: int) -> "Runner":
    if backend != "onnx":
        return trained.runner(hardware, batch_size, compiled=backend == "compiled")
    from lgg_seg.inference.onnx import onnx_runner

    return onnx_runner(trained, batch_size)


def _scans(input: Path | None, given: dict[str, str | None]) -> "ScanListing":
    """The scans of `input`, or of the files `given` by sequence; beside `input`, those are endings of names."""
    from lgg_seg.scans.cases import OPTIONS
    from lgg_seg.scans.discover import find_scans, named_scan
    from lgg_seg.scans.roles import FLAIR

    named = {OPTIONS[key]: name for key, name in given.items() if name}
    if named and FLAIR not in named:
        raise UserError("t1= and t1ce= are beside FLAIR; give flair=, too.")
    if input is not None:
        return find_scans(input, named)
    if not named:
        raise UserError("input= is missing: a file or a folder of scans; or give one patient's flair=. See --help.")
    return named_scan({sequence: Path(name) for sequence, name in named.items()})


def _provenance(trained: "TrainedModel") -> dict[str, Any]:
    return {"name": trained.name, "weights_sha256": trained.digest, **trained.config}


def _scores(volumes: Sequence["Row"]) -> list[str]:
    """The mean scores of the volumes that have masks."""
    scored = [row for row in volumes if "dice" in row]
    if not scored:
        return []
    from lgg_seg.metrics.registry import PATIENT_METRICS

    means = []
    for key, metric in PATIENT_METRICS.items():
        if values := [row[key] for row in scored if key in row]:
            unit = f" {metric.unit}" if metric.unit else ""
            means.append(f"{metric.title.removeprefix('patient ')} {fmean(values):{metric.format}}{unit}")
    of = f"{len(scored)} of {counted(len(volumes), 'volume')}"
    lines = [f"{of} scored against the masks beside; mean {', '.join(means)}"]
    unknown = sum(row["seen_in_training"] == "unknown" for row in scored)
    if unknown:
        lines.append(f"whether the network was trained on {unknown} of these is unknown: expect less of a new patient")
    return lines


@command
@arguments_of(predict, "lgg_seg.predict input=…|flair=… output=… [run=RUN|zoo=NAME] [key=value …]")
def main(given: dict[str, Any]) -> int:
    """Predict and print; exit code 1 where files of the input could not be used."""
    configure_logs()
    result = predict(**given)
    with_tumour = sum(row["volume_voxels"] > 0 for row in result.volumes)
    counts = f"{counted(len(result.slices), 'slice')} of {counted(len(result.volumes), 'volume')}"
    print(f"{counts}, {with_tumour} with tumour")
    for line in _scores(result.volumes):
        print(line)
    if seen := sum(row["seen_in_training"] is True for row in result.volumes):
        verb = "was" if seen == 1 else "were"
        print(f"{seen} of the volumes {verb} trained on, or chose the network: expect less of a new patient's mask")
    for issue in result.issues:
        print(f"left out: {issue.file} {issue.reason}", file=sys.stderr)
    if result.volumes:
        print(f"written to {given['output']}")
    else:
        print(f"nothing was segmented: no file could be used; {given['output']}/faults.csv says why", file=sys.stderr)
    return 1 if result.issues else 0


if __name__ == "__main__":
    sys.exit(main())
