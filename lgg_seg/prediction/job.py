"""Predicting on every volume of an input, from its files to masks, pictures and tables."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from lgg_seg.cli.progress import tracked
from lgg_seg.data.kaggle.images import checksum
from lgg_seg.errors import UserError
from lgg_seg.inference.model import Model, VolumeClassifier
from lgg_seg.inference.runner import Probability
from lgg_seg.metrics.arrays import Bools
from lgg_seg.prediction.discover import ScanListing
from lgg_seg.prediction.output import OutputFolder
from lgg_seg.prediction.overlay import overlay, sheet, window
from lgg_seg.prediction.scan import Issue, Scan, ScanError, Source
from lgg_seg.prediction.tables import ClassifierProbabilities, Row, slice_rows, volume_row
from lgg_seg.runs.provenance import volume_digest

log = logging.getLogger(__name__)
Overlays = Literal["tumour", "all", "none"]


@dataclass
class PredictionResult:
    """What came of an input: rows of the two tables, and every file that could not be used."""

    slices: list[Row] = field(default_factory=list)
    volumes: list[Row] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)


def predict_all(
    model: Model,
    classifier: VolumeClassifier | None,
    found: ScanListing,
    output: OutputFolder,
    overlays: Overlays,
    settings: Mapping[str, Any],
) -> PredictionResult:
    """Predict on every volume of `found`; what cannot be read is listed, and the others are done all the same.

    Writes masks in the input's folder structure, `overlays/`, `per_slice.csv`, `per_volume.csv`, where there are any
    `faults.csv`, and at the end `provenance.json`, which is `settings` and counts. What ends it before leaves the
    tables of the volumes that were done.

    Raises:
        UserError: the device runs out of memory; the output cannot be written; a network gives what is no number.
    """
    outcome = PredictionResult(issues=list(found.issues))
    try:
        for source in tracked(found.sources, "predicting"):
            try:
                scan = source.read(found.root)
            except ScanError as error:
                outcome.issues.extend(error.issues)
                continue
            outcome.issues.extend(scan.issues)
            for note in scan.warnings:
                log.warning("%s: %s", source.name, note)
            probability, mask, answers = _predicted(model, classifier, scan)
            source.write_mask(found.root, scan, mask, output)
            _draw(output, source, scan, mask, overlays)
            seen = model.was_trained_on(scan_digest(scan))
            outcome.slices.extend(slice_rows(source.name, scan, mask, probability, answers))
            outcome.volumes.append(volume_row(source.name, scan, mask, probability, answers, seen))
    except BaseException:
        with suppress(UserError):  # the first cause is the one to tell
            _write_tables(output, outcome)
        raise
    _write_tables(output, outcome)
    counts = {"volumes": len(outcome.volumes), "slices": len(outcome.slices), "faults": len(outcome.issues)}
    output.write_json("provenance.json", {**settings, **counts})
    return outcome


def _write_tables(output: OutputFolder, outcome: PredictionResult) -> None:
    if outcome.volumes:
        output.write_table("per_slice.csv", outcome.slices)
        output.write_table("per_volume.csv", outcome.volumes)
    if outcome.issues:
        output.write_table("faults.csv", [{"file": issue.file, "reason": issue.reason} for issue in outcome.issues])


def scan_digest(scan: Scan) -> str:
    """The digest of a scan's volume, the same as of its slices in a dataset root."""
    return volume_digest(checksum(image.tobytes()) for image in scan.images)


def _predicted(
    model: Model, classifier: VolumeClassifier | None, scan: Scan
) -> tuple[Probability, Bools, ClassifierProbabilities]:
    try:
        probability = model.predict(scan.images)
        answers: ClassifierProbabilities = (
            {} if classifier is None else {classifier.target: classifier.predict(scan.images)}
        )
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise UserError("The device ran out of memory; try a smaller batch_size, or device=cpu.") from error
    return probability, model.mask(probability), answers


def _draw(output: OutputFolder, source: Source, scan: Scan, mask: Bools, overlays: Overlays) -> None:
    """`overlays/<volume>/sheet.png`, and `overlays/<volume>/<n>.png` of each slice with tumour, or of all."""
    if overlays == "none":
        return
    output.write_image(f"overlays/{source.name}/sheet.png", sheet(scan, mask, source.name))
    grey = window(scan.flair)
    for number, picture, one in zip(scan.numbers, grey, mask, strict=True):
        if overlays == "all" or one.any():
            output.write_image(f"overlays/{source.name}/{number}.png", overlay(picture, one))
