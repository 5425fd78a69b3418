"""`python -m lgg_seg.evaluate run=RUN`: a run measured again from its folder alone, on its own or another data tree."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any, Literal

from omegaconf import DictConfig

from lgg_seg import build
from lgg_seg.data.datamodule import DataModule
from lgg_seg.data.splits import AllPatients
from lgg_seg.data.tree.index import Index
from lgg_seg.errors import UserError
from lgg_seg.evaluation import evaluate, result, write_evaluation
from lgg_seg.records.folder import RunFolder
from lgg_seg.records.provenance import volume_digest
from lgg_seg.reporting.pictures import draw_evaluation
from lgg_seg.reporting.table import print_result
from lgg_seg.utils.arguments import Argument, help_lines, parse_arguments, wants_help
from lgg_seg.utils.check import check_config
from lgg_seg.utils.logs import configure_logs
from lgg_seg.utils.terminal import command


def measure(
    run: Annotated[Path, Argument("the run's folder")],
    data_root: Annotated[Path | None, Argument("another data tree than the run's own", key="data.root")] = None,
    split: Annotated[
        Literal["test", "val", "all"], Argument("the run's test or val patients, or all of a tree")
    ] = "test",
    allow_seen: Annotated[bool, Argument("measure patients it was trained on, too, and say so")] = False,
) -> tuple[Path, dict[str, Any]]:
    """Measure a run from its folder alone, on its own or another data tree.

    Returns:
        the folder that the tables and figures were written to, and the content of its `metrics.json`.

    Raises:
        UserError: the folder is no finished run; the tree is not the one the split was made of; patients were seen.
    """
    folder = RunFolder(run)
    config, _ = folder.read_config()
    check_config(config)
    facts, tested = folder.read_json("provenance.json"), folder.read_json("metrics.json")
    hardware = build.trainer_settings(config).prepare()
    data = _data(config, data_root, split, facts)
    subset = "test" if split == "all" else split
    seen = _seen(data.index, facts) if split == "all" else []
    if seen and not allow_seen:
        raise UserError(
            f"{len(seen)} of the {len(data.index.patients)} patients were trained on or chose the checkpoint "
            f"({', '.join(seen[:3])}{', …' if len(seen) > 3 else ''}); leave them out of the tree, or say "
            "allow_seen=true, and the table will say so too."
        )
    settings, threshold = build.evaluation_settings(config), tested["threshold"]
    segmenter = build.segmenter(config, folder, data, hardware)
    evaluation = evaluate(
        segmenter, data.volumes(subset), data.patient_count(subset), build.loss(config), threshold["value"], settings
    )
    content = result(evaluation, split, data.split.protocol, threshold, settings, data.institutions, tested["cost"])
    content |= {"seen_patients": len(seen), "data_fingerprint": data.index.fingerprint}
    place = f"evaluations/{time.strftime('%Y-%m-%d_%H-%M-%S')}-{time.time_ns() % 10**6:06d}_{split}"
    write_evaluation(folder, place, content, evaluation.scores)
    draw_evaluation(folder, f"{place}/figures", evaluation, data, threshold["value"])
    return folder.shown / place, content


def _data(config: DictConfig, root: Path | None, split: str, facts: dict[str, Any]) -> DataModule:
    everyone = AllPatients() if split == "all" else None
    data = build.datamodule(config, root=root, split=everyone)
    data.prepare_data()
    data.setup("test")
    if everyone is None and data.split.hash != facts["split"]["hash"]:
        raise UserError(
            f"{data.index.root} is not the tree this run's split was made of, so its {split} patients are "
            "not known there; say split=all to measure every patient of it."
        )
    return data


def _seen(index: Index, facts: dict[str, Any]) -> list[str]:
    known = facts["split"]["train"] | facts["split"]["val"]
    digests = set(known.values())
    return [p.name for p in index.patients if p.name in known or volume_digest(p) in digests]


@command
def main(words: list[str]) -> int:
    """Measure and print."""
    if wants_help(words):
        print(f"usage: python -m lgg_seg.evaluate run=RUN [key=value …]\n\n{help_lines(measure)}")
        return 0
    given = parse_arguments(words, measure)
    configure_logs()
    place, content = measure(**given)
    print_result(content, f"{given['run'].name}, {content['split']}")
    print(f"written to {place}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
