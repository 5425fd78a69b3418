"""`python -m lgg_seg.evaluate run=RUN`: a run measured again from its folder alone, on its own or another data tree."""

from __future__ import annotations

import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from omegaconf import DictConfig

from lgg_seg import build
from lgg_seg.data.datamodule import DataModule
from lgg_seg.data.index import Index
from lgg_seg.data.splits import AllPatients
from lgg_seg.errors import UserError
from lgg_seg.evaluation import evaluate, result, write_evaluation
from lgg_seg.records.folder import RunFolder
from lgg_seg.records.provenance import volume_digest
from lgg_seg.reporting.pictures import draw_evaluation
from lgg_seg.reporting.table import print_result
from lgg_seg.utils.arguments import argument, parse_arguments
from lgg_seg.utils.check import check_config
from lgg_seg.utils.logs import configure_logs
from lgg_seg.utils.terminal import command

USAGE = "python -m lgg_seg.evaluate run=RUN [data.root=TREE] [split=test|val|all] [allow_seen=true]"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Arguments:
    """What the command line says."""

    run: Path = argument("the run's folder")
    data_root: Path | None = argument("another data tree than the run's own", key="data.root", default=None)
    split: Literal["test", "val", "all"] = argument(
        "the run's test or validation patients, or all of the tree", default="test"
    )
    allow_seen: bool = argument("measure patients the run was trained on, too, and say so", default=False)


def measure(arguments: Arguments) -> tuple[RunFolder, str, dict[str, Any]]:
    """Evaluate; returns the run, the place in its folder where the files are, and the content of `metrics.json`.

    Raises:
        UserError: the folder is no finished run; the tree is not the one the split was made of; patients were seen.
    """
    run = RunFolder(arguments.run)
    config, _ = run.read_config()
    check_config(config)
    facts, tested = run.read_json("provenance.json"), run.read_json("metrics.json")
    hardware = build.trainer_settings(config).prepare()
    data = _data(config, arguments, facts)
    subset = "test" if arguments.split == "all" else arguments.split
    seen = _seen(data.index, facts) if arguments.split == "all" else []
    if seen and not arguments.allow_seen:
        raise UserError(
            f"{len(seen)} of the {len(data.index.patients)} patients were trained on or chose the checkpoint "
            f"({', '.join(seen[:3])}{', …' if len(seen) > 3 else ''}); leave them out of the tree, or say "
            "allow_seen=true, and the table will say so too."
        )
    settings, threshold = build.evaluation_settings(config), tested["threshold"]
    segmenter = build.segmenter(config, run, data, hardware)
    evaluation = evaluate(
        segmenter, data.volumes(subset), data.patient_count(subset), build.loss(config), threshold["value"], settings
    )
    content = result(
        evaluation, arguments.split, data.split.protocol, threshold, settings, data.institutions, tested["cost"]
    )
    content |= {"seen_patients": len(seen), "data_fingerprint": data.index.fingerprint}
    place = f"evaluations/{time.strftime('%Y-%m-%d_%H-%M-%S')}-{time.time_ns() % 10**6:06d}_{arguments.split}"
    write_evaluation(run, place, content, evaluation.scores)
    draw_evaluation(run, f"{place}/figures", evaluation, data, threshold["value"])
    return run, place, content


def _data(config: DictConfig, arguments: Arguments, facts: dict[str, Any]) -> DataModule:
    everyone = AllPatients() if arguments.split == "all" else None
    data = build.datamodule(config, root=arguments.data_root, split=everyone)
    data.prepare_data()
    data.setup("test")
    if everyone is None and data.split.hash != facts["split"]["hash"]:
        raise UserError(
            f"{data.index.root} is not the tree this run's split was made of, so its {arguments.split} patients are "
            "not known there; say split=all to measure every patient of it."
        )
    return data


def _seen(index: Index, facts: dict[str, Any]) -> list[str]:
    known = facts["split"]["train"] | facts["split"]["val"]
    digests = set(known.values())
    return [p.name for p in index.patients if p.name in known or volume_digest(p) in digests]


@command
def main() -> None:
    """Measure and print."""
    arguments = parse_arguments(sys.argv[1:], Arguments, USAGE)
    configure_logs()
    run, place, content = measure(arguments)
    print_result(content, f"{run.path.name}, {arguments.split}")
    print(f"written to {run.shown / place}")


if __name__ == "__main__":
    main()
