"""`python -m lgg_seg.evaluate run=RUN|zoo=NAME`: trained networks measured, runs on their own data or others.

Another data set is a dataset root of slices, or patients in NIfTI as BraTS has them: see `scans.nifti_dataset`.
"""

import logging
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from rich.console import Console

from lgg_seg.cli.arguments import Argument, arguments_of, several
from lgg_seg.cli.console import command
from lgg_seg.cli.logs import configure_logs
from lgg_seg.cli.progress import tracked
from lgg_seg.data.arguments import MaskThreshold
from lgg_seg.devices import Accelerator
from lgg_seg.errors import UserError, explained, require
from lgg_seg.files import writable
from lgg_seg.inference.arguments import TTA, Postprocess, Threshold, require_threshold
from lgg_seg.runs.folder import AtomicFolder, RunFolder
from lgg_seg.runs.latest import find_run
from lgg_seg.scans import NIFTI_LAYOUT

if TYPE_CHECKING:
    from lgg_seg.data.datamodule import DataModule
    from lgg_seg.training.experiment import Experiment

log = logging.getLogger(__name__)


def measure(
    run: Annotated[
        Path | None,
        Argument("the run's folder, or latest; several with commas or a sweep's folder are measured in turn"),
    ] = None,
    zoo: Annotated[
        str | None, Argument("a model that ships with the package, on data.root=; several with commas in turn")
    ] = None,
    data_root: Annotated[
        Path | None, Argument(f"another data set than the run's own: slices, or {NIFTI_LAYOUT}", key="data.root")
    ] = None,
    split: Annotated[
        Literal["test", "val", "train", "all"], Argument("the run's test, val or train patients, or the whole data set")
    ] = "test",
    allow_seen: Annotated[bool, Argument("measure patients it was trained on, too, and say so")] = False,
    threshold: Threshold = None,
    postprocess: Postprocess = None,
    tta: TTA = None,
    device: Annotated[
        Accelerator | None, Argument("auto, cpu, gpu or mps; null: auto, and of a deterministic run its own")
    ] = None,
    output: Annotated[
        Path | None,
        Argument("a new folder for tables and figures; null: below evaluations/ of the run's, or here for zoo="),
    ] = None,
    batch_size: Annotated[
        int | None, Argument("slices at once; null: evaluation.batch_size of the run's config", key="data.batch_size")
    ] = None,
    mask_threshold: MaskThreshold = None,
) -> tuple[Path, dict[str, Any]]:
    """Measure a run from its folder alone, on its own or another data set, or a model of the zoo.

    Returns:
        the folder of the tables and figures, and the content of its `metrics.json`.
    """
    require_threshold(threshold)
    require(batch_size is None or batch_size >= 1, "data.batch_size", batch_size, "1 or more")
    if (run is None) == (zoo is None):
        raise UserError("Name what is measured: run=RUN or zoo=NAME. See --help.")
    # Seconds of imports, which help and mistakes on the command line do without.
    from lgg_seg.evaluation.subsets import evaluate
    from lgg_seg.inference.trained import starting_weights, training_volumes
    from lgg_seg.reporting.run_figures import draw_evaluation
    from lgg_seg.runs.provenance import known_patients
    from lgg_seg.scans.nifti_dataset import SHARED, as_slices, is_nifti_dataset
    from lgg_seg.training.measured import MeasuredNetwork

    network = MeasuredNetwork.of_zoo(str(zoo)) if run is None else MeasuredNetwork.of_run(find_run(run))
    network.require(split, data_root)
    if not network.has_split:
        split = "all"
    experiment = _with(network.experiment, threshold, postprocess, tta, batch_size)
    network, provenance = replace(network, experiment=experiment), network.provenance
    hardware = experiment.trainer.prepare_again(device)
    if data_root is not None and is_nifti_dataset(data_root):
        if split not in ("test", "all"):
            raise UserError(f"split={split} is of the run's own data; the patients of {data_root} are measured whole.")
        split = "all"
        log.warning("%s", SHARED)
        data_root = as_slices(data_root, experiment.data().cache_dir)
    data = _data(experiment, data_root, mask_threshold, split, provenance)
    subset = "test" if split == "all" else split
    everybody = split in ("train", "all")
    volumes = training_volumes(provenance) if everybody else starting_weights(provenance)["patients"]
    trained_on = known_patients(data.index, volumes)
    if trained_on and split == "all" and not allow_seen:
        raise UserError(
            f"{len(trained_on)} of the {len(data.index.patients)} patients were trained on or chose the checkpoint "
            f"({', '.join(trained_on[:3])}{', …' if len(trained_on) > 3 else ''}); leave them out of the data, or say "
            "allow_seen=true, and the table will say so too."
        )
    settings = experiment.evaluation
    runner = network.runner(data, hardware)
    decision: dict[str, Any] = network.threshold() if threshold is None else {"value": threshold, "from": "given"}
    place = output or network.results / f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}_{split}"
    results = AtomicFolder(place, "choose another folder with output=FOLDER.")
    with writable(results.path, results.remedy):
        results.path.mkdir(parents=True)
    with explained("try a smaller data.batch_size, or device=cpu."):
        evaluation = evaluate(runner, data, subset, experiment.loss, decision["value"], settings)
    # A run of a leaky split was trained on slices of its own test patients, under whatever names.
    protocol = provenance["split"]["protocol"] if trained_on else data.split.protocol
    cost = network.tested.get("cost", {})
    content = evaluation.result(split, protocol, decision, settings, cost)
    seen = set(trained_on) & {str(row["patient"]) for row in evaluation.patient_rows()}
    content |= {"seen_patients": len(seen), "data_fingerprint": data.index.fingerprint}
    evaluation.write(results, content)
    draw_evaluation(evaluation, results, data, content, experiment.title)
    return results.display_path, content


def _with(
    experiment: "Experiment", threshold: float | None, postprocess: str | None, tta: bool | None, batch_size: int | None
) -> "Experiment":
    """The experiment with what was given in place of the run's own evaluation settings."""
    chosen: dict[str, Any] = {"fixed_threshold": threshold, "postprocess": postprocess, "tta": tta}
    chosen["batch_size"] = batch_size
    if threshold is not None:
        chosen["threshold"] = "fixed"
    given = {key: value for key, value in chosen.items() if value is not None}
    return replace(experiment, evaluation=replace(experiment.evaluation, **given))


def _data(
    experiment: "Experiment", root: Path | None, mask_threshold: int | None, split: str, provenance: Mapping[str, Any]
) -> "DataModule":
    from lgg_seg.data.splits import AllPatients
    from lgg_seg.runs.provenance import has_same_data

    everyone = AllPatients() if split == "all" else None
    data = experiment.existing_data(root, everyone, mask_threshold)
    data.setup("test")
    if everyone is None and not has_same_data(provenance, data.index, data.split):
        raise UserError(
            f"{data.index.root} does not hold the slices and masks this run's split was made of, so its {split} "
            "patients are not known there; restore them, or say split=all to measure every patient of it."
        )
    if everyone is None and not provenance["split"][split]:
        raise UserError(
            f"The run has no {split} patients: it was trained on everyone. Measure it on other data: "
            "data.root=OTHER_TREE split=all."
        )
    return data


@command
@arguments_of(measure, "lgg_seg.evaluate run=RUN|zoo=NAME [key=value …]")
def main(arguments: dict[str, Any]) -> int:
    """Measure and print; of several runs a row each, and exit code 1 where one could not be measured."""
    configure_logs()
    networks = _networks(arguments.pop("run", None), arguments.pop("zoo", None))
    if len(networks) == 1:
        return _print_one(*next(iter(networks.items())), arguments)
    results, failed = {}, 0
    for name, network in tracked(networks.items(), "measuring"):
        output = {"output": arguments["output"] / name.replace("/", "_")} if arguments.get("output") else {}
        try:
            place, content = measure(**arguments | network | output)
        except UserError as error:
            print(f"error: {name}: {error}", file=sys.stderr)
            failed += 1
            continue
        results[name] = content
        print(f"written to {place}", flush=True)
    from lgg_seg.reporting.run_table import runs_table

    if results:
        Console().print(runs_table(results))
    return int(failed > 0)


def _networks(run: Path | None, zoo: str | None) -> dict[str, dict[str, Any]]:
    """The argument of `measure` for each run, finished run of a sweep's folder, or model of the zoo, by its name."""
    if run is None or zoo is not None:
        return {name: {"run": run, "zoo": name} for name in several(zoo)} or {"": {}}
    runs: list[Path] = []
    for one in (find_run(Path(name)) for name in several(str(run))):
        if one.is_dir() and not (one / "config.yaml").exists():
            below = sorted(status.parent for status in one.rglob("status.json"))
            runs += filter(_may_be_measured, below)
        else:
            runs.append(one)
    if not runs:
        raise UserError(f"{run} holds no finished run.")
    names = Counter(path.name for path in runs)
    return {path.name if names[path.name] == 1 else str(path): {"run": path} for path in runs}


def _may_be_measured(path: Path) -> bool:
    """Whether the run has finished; measuring a damaged one says what is wrong, and costs the others nothing."""
    try:
        return bool(RunFolder(path).read_json("status.json")["state"] == "finished")
    except UserError:
        return True


def _print_one(name: str, network: dict[str, Any], arguments: dict[str, Any]) -> int:
    from lgg_seg.reporting.run_table import print_result, subsets_table

    place, content = measure(**arguments | network)
    print_result(content, f"{name}, {content['split']}")
    if run := network.get("run"):
        tested = {"tta": False} | RunFolder(run).read_json("metrics.json", missing_ok=True)
        alike = all(tested.get(key) == content[key] for key in ("threshold", "postprocess", "tta"))
        other = content["split"] in ("train", "val") and tested.get("split") != content["split"]
        if alike and other and "task" not in content:
            Console().print(subsets_table([content, tested], f"{name}: beside its own result"))
    print(f"written to {place}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
