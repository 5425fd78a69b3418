"""`python -m lgg_seg.evaluate run=RUN`: runs measured again from their folders alone, on their own or other data.

Another data set is a dataset root of slices, or patients in NIfTI as BraTS has them: see `prediction.nifti_tree`.
"""

import logging
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from rich.console import Console

from lgg_seg.cli.arguments import Argument, arguments_of
from lgg_seg.cli.console import command
from lgg_seg.cli.logs import configure_logs
from lgg_seg.cli.progress import tracked
from lgg_seg.config.validation import check_config
from lgg_seg.data.arguments import MaskThreshold
from lgg_seg.data.datamodule import DataModule
from lgg_seg.data.splits import AllPatients
from lgg_seg.errors import UserError, explained, require
from lgg_seg.evaluation import evaluate
from lgg_seg.files import writable
from lgg_seg.hardware import Accelerator
from lgg_seg.inference.trained import starting_weights, tested_threshold, training_volumes
from lgg_seg.prediction.nifti_tree import LAYOUT, SHARED, as_slices, is_nifti_tree
from lgg_seg.reporting.run_figures import draw_evaluation
from lgg_seg.reporting.run_table import print_result, runs_table, subsets_table
from lgg_seg.runs.folder import AtomicFolder, RunFolder
from lgg_seg.runs.latest import find_run
from lgg_seg.runs.provenance import has_same_data, known_patients
from lgg_seg.training.experiment import Experiment

log = logging.getLogger(__name__)


def measure(
    run: Annotated[
        Path,
        Argument("the run's folder, or latest; several with commas or a sweep's folder are measured in turn"),
    ],
    data_root: Annotated[
        Path | None,
        Argument(
            f"another data set than the run's own: slices, or {LAYOUT}",
            key="data.root",
        ),
    ] = None,
    split: Annotated[
        Literal["test", "val", "train", "all"], Argument("the run's test, val or train patients, or the whole data set")
    ] = "test",
    allow_seen: Annotated[bool, Argument("measure patients it was trained on, too, and say so")] = False,
    threshold: Annotated[float | None, Argument("probability that is tumour; null: as tested")] = None,
    postprocess: Annotated[
        Literal["none", "largest_component"] | None, Argument("null: as the run's config says")
    ] = None,
    tta: Annotated[bool | None, Argument("test-time augmentation; null: as the run's config says")] = None,
    device: Annotated[
        Accelerator | None, Argument("auto, cpu, gpu or mps; null: the run's own, or the best one here")
    ] = None,
    output: Annotated[
        Path | None, Argument("a new folder for tables and figures; null: below evaluations/ of the run's")
    ] = None,
    mask_threshold: MaskThreshold = None,
) -> tuple[Path, dict[str, Any]]:
    """Measure a run from its folder alone, on its own or another data set.

    Returns:
        the folder of the tables and figures, and the content of its `metrics.json`.

    Raises:
        UserError: the folder is no finished run; the data are not the split's; the run was trained on patients of it.
    """
    require(threshold is None or 0 <= threshold <= 1, "threshold", threshold, "between 0 and 1")
    folder = RunFolder(find_run(run))
    config, _ = folder.read_config()
    check_config(config)
    provenance = folder.read_json("provenance.json")
    experiment = _with(Experiment.of(config), threshold, postprocess, tta)
    hardware = experiment.trainer.prepare_again(device)
    if data_root is not None and is_nifti_tree(data_root):
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
    runner = experiment.runner(folder, data, hardware)
    given: dict[str, Any] = {"value": threshold, "from": "given"}
    decision = tested_threshold(folder, settings) if threshold is None else given
    cost = folder.read_json("metrics.json", missing_ok=True).get("cost", {})
    place = output or folder.path / f"evaluations/{datetime.now():%Y-%m-%d_%H-%M-%S-%f}_{split}"
    results = AtomicFolder(place, "choose another folder with output=FOLDER.")
    with writable(results.path, results.remedy):
        results.path.mkdir(parents=True)
    with explained("try a smaller evaluation.batch_size in the run's config.yaml, or device=cpu."):
        evaluation = evaluate(runner, data, subset, experiment.loss, decision["value"], settings)
    # A run of a leaky split was trained on slices of its own test patients, under whatever names.
    protocol = provenance["split"]["protocol"] if trained_on else data.split.protocol
    content = evaluation.result(split, protocol, decision, settings, data.patient_metadata, cost)
    seen = set(trained_on) & {str(row["patient"]) for row in evaluation.patient_rows({})}
    content |= {"seen_patients": len(seen), "data_fingerprint": data.index.fingerprint}
    evaluation.write(results, ".", content, data.patient_metadata)
    draw_evaluation(evaluation, results, "figures", data, content)
    return results.display_path, content


def _with(experiment: Experiment, threshold: float | None, postprocess: str | None, tta: bool | None) -> Experiment:
    """The experiment with what was given in place of the run's own evaluation settings."""
    chosen: dict[str, Any] = {"fixed_threshold": threshold, "postprocess": postprocess, "tta": tta}
    if threshold is not None:
        chosen["threshold"] = "fixed"
    given = {key: value for key, value in chosen.items() if value is not None}
    changed = replace(experiment, evaluation=replace(experiment.evaluation, **given))
    changed.validate()
    return changed


def _data(
    experiment: Experiment, root: Path | None, mask_threshold: int | None, split: str, provenance: dict[str, Any]
) -> DataModule:
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
@arguments_of(measure, "lgg_seg.evaluate run=RUN [key=value …]")
def main(arguments: dict[str, Any]) -> int:
    """Measure and print; of several runs a row each, and exit code 1 where one could not be measured."""
    configure_logs()
    runs = _runs(arguments["run"])
    if len(runs) == 1:
        return _print_one(arguments | {"run": runs[0]})
    results, failed = {}, 0
    for run in tracked(runs, "measuring"):
        try:
            output = arguments.get("output") and {"output": arguments["output"] / run.name}
            place, content = measure(**arguments | {"run": run} | (output or {}))
        except UserError as error:
            print(f"error: {run.name}: {error}", file=sys.stderr)
            failed += 1
            continue
        results[run.name] = content
        print(f"written to {place}", flush=True)
    Console().print(runs_table(results))
    return int(failed > 0)


def _runs(given: Path) -> list[Path]:
    """The runs that `run=` names: one, several with commas, or the finished ones of a sweep's folder."""
    named = [given] if given.exists() else [Path(name) for name in str(given).split(",") if name]
    runs: list[Path] = []
    for one in map(find_run, named):
        if one.is_dir() and not (one / "config.yaml").exists():
            below = sorted(status.parent for status in one.rglob("status.json"))
            runs += [run for run in below if RunFolder(run).read_json("status.json")["state"] == "finished"]
        else:
            runs.append(one)
    if not runs:
        raise UserError(f"{given} holds no finished run.")
    return runs


def _print_one(arguments: dict[str, Any]) -> int:
    place, content = measure(**arguments)
    name = arguments["run"].name
    print_result(content, f"{name}, {content['split']}")
    tested = {"tta": False} | RunFolder(arguments["run"]).read_json("metrics.json", missing_ok=True)
    alike = all(tested.get(key) == content[key] for key in ("threshold", "postprocess", "tta"))
    if content["split"] in ("train", "val") and alike and tested["split"] != content["split"] and "task" not in content:
        Console().print(subsets_table([content, tested], f"{name}: beside its own result"))
    print(f"written to {place}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
