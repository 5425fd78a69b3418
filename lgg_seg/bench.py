"""`python -m lgg_seg.bench key=value …`: how fast this machine trains and predicts, beside plain PyTorch."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from lgg_seg.cli.arguments import Argument, arguments_of
from lgg_seg.cli.console import command
from lgg_seg.config.groups import groups
from lgg_seg.config.overrides import compose_config
from lgg_seg.config.suggestions import did_you_mean
from lgg_seg.devices import Accelerator, Precision
from lgg_seg.errors import UserError, explained, require
from lgg_seg.files import writable
from lgg_seg.reporting.benchmark import of_roof, print_benchmark, print_case

if TYPE_CHECKING:
    from lgg_seg.hardware import Hardware

STARTED = ("lgg_seg", "lgg_seg.predict")
REMEDY = "give another output=."


def bench(
    model: Annotated[str, Argument("members of the group model, with commas between them")] = "unet_bn",
    augment: Annotated[str, Argument("members of the group augment, likewise")] = "moderate",
    size: Annotated[int, Argument("side of the slices in pixels", key="preprocess.size")] = 256,
    batch_size: Annotated[int, Argument("slices at once", key="data.batch_size")] = 16,
    seconds: Annotated[float, Argument("how long each thing is repeated")] = 5,
    device: Annotated[Accelerator, Argument("auto, cpu, gpu or mps")] = "auto",
    precision: Annotated[Precision, Argument("auto, 32-true, bf16-mixed or 16-mixed")] = "auto",
    threads: Annotated[int | None, Argument("of the CPU; null: one a core")] = None,
    output: Annotated[
        Path | None, Argument("a .json file for the numbers and their origin; .jsonl: a line a case")
    ] = None,
) -> dict[str, Any]:
    """Time training steps, predictions, the loading of batches and starts, the plain way of PyTorch in turn with ours.

    Of each network also a small run: what loader, callbacks, validation and test add to its steps. Plain: float32,
    channels first, an optimizer that is not fused, in a process with as many threads as ours and no other setting.
    Ours: what a run with these choices would take. The roof is a large matrix product on the same hardware. The pixels
    are noise.

    Returns:
        the rates with the hardware, versions and commit they were measured with, as `output` holds them.
    """
    for name, value in (("preprocess.size", size), ("data.batch_size", batch_size), ("threads", threads)):
        require(value is None or value >= 1, name, value, "1 or more")
    require(0 < seconds < float("inf"), "seconds", seconds, "a finite number above 0")
    models, augments = _members("model", model), _members("augment", augment)
    if output is not None:
        _require_writable(output)
    from lgg_seg.hardware import choose_hardware, configure_process
    from lgg_seg.runs.folder import AtomicFolder
    from lgg_seg.runs.provenance import code_state, hardware_metadata, versions
    from lgg_seg.speed.steps import loading_rates, roof
    from lgg_seg.speed.timing import start_seconds

    configure_process(threads)
    hardware = choose_hardware(device, precision)
    data = ["data=phantom", f"preprocess.size={size}", f"data.batch_size={batch_size}", "split.val=0", "split.test=0"]
    loaded = [compose_config([*data, f"augment={name}"]) for name in augments]
    with explained("try a smaller data.batch_size or preprocess.size."):
        networks = [{"model": name, **_speed(name, size, batch_size, seconds, hardware)} for name in models]
        loading = dict(zip(augments, loading_rates(loaded, seconds, hardware), strict=True))
        flops_per_second = roof(hardware, seconds)
    measured = {
        "unit": "slices a second",
        "size": size,
        "batch_size": batch_size,
        "networks": networks,
        "fetched_by_one_process": loading,
        "start_seconds": {name: start_seconds(name) for name in STARTED},
        "roof_flops_per_second": flops_per_second,
        "precision": hardware.precision,
        "channels_last": hardware.channels_last,
        "hardware": hardware_metadata(hardware),
        "versions": versions(),
        "code": code_state(),
    }
    if output is not None:
        folder = AtomicFolder(output.parent, REMEDY)
        if output.suffix == ".jsonl":
            with folder.writing(output.name) as path:
                path.write_text("".join(f"{json.dumps(case)}\n" for case in cases(measured)), encoding="utf-8")
        else:
            folder.write_json(output.name, measured)
    return measured


def cases(measured: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What `bench` measured, one case at a time; rates in slices a second, `of_roof` a share."""
    size, found = measured["size"], []
    for one in measured["networks"]:
        for case in ("train", "predict", "predict_one", "overhead", "protocol"):
            batch = 1 if case == "predict_one" else measured["batch_size"]
            of_network = {"case": case, "model": one["model"], "size": size, "batch_size": batch, **one[case]}
            share = {} if case in ("overhead", "protocol") else {"of_roof": of_roof(measured, one, case)}
            found.append({**of_network, **share})
    fetched, started = measured["fetched_by_one_process"].items(), measured["start_seconds"].items()
    found += [{"case": "fetch", "augment": name, "size": size, "ours": rate} for name, rate in fetched]
    found += [{"case": "start", "command": name, "seconds": took} for name, took in started]
    return [*found, {"case": "roof", "flops_per_second": measured["roof_flops_per_second"]}]


def _members(group: str, text: str) -> list[str]:
    """The members of a config group that a text names with commas, each once."""
    members = groups()[group]
    names = text.split(",")
    for name in names:
        if name not in members:
            raise UserError(f"{group}={name}: no such choice; {did_you_mean(name, members)}")
    return list(dict.fromkeys(names))


def _require_writable(output: Path) -> None:
    require(output.suffix in (".json", ".jsonl"), "output", output, "a .json or .jsonl file")
    if output.exists():
        raise UserError(f"{output} exists, and nothing is overwritten; give another output=.")
    with writable(output, REMEDY):
        output.parent.mkdir(parents=True, exist_ok=True)
        output.touch(exist_ok=False)
        output.unlink()


def _speed(model: str, size: int, batch_size: int, seconds: float, hardware: "Hardware") -> dict[str, Any]:
    from lgg_seg.networks.build import target_of
    from lgg_seg.speed.run import run_costs, run_words
    from lgg_seg.speed.steps import network_speed

    overrides = [f"model={model}", f"preprocess.size={size}"]
    ours, plain = compose_config(overrides), compose_config([*overrides, "optimizer.fused=false"])
    if target_of(ours.model) is not None:
        raise UserError(f"model={model} classifies; only networks that segment are timed.")
    found: dict[str, Any] = {}
    for case, result in network_speed(plain, ours, batch_size, seconds, hardware):
        found[case] = result
        print_case(f"{model} {case}", result)
    run = compose_config([f"model={model}", *run_words(size, batch_size, seconds, found["train"]["ours"])])
    for case, result in run_costs(run, hardware):
        found[case] = result
        print_case(f"{model} {case}", result)
    return found


@command
@arguments_of(bench, "lgg_seg.bench [key=value …]")
def main(given: dict[str, Any]) -> int:
    print_benchmark(bench(**given))
    return 0


if __name__ == "__main__":
    sys.exit(main())
