"""Predicting on every volume of an input, from its files to masks, pictures and tables."""

import hashlib
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from lgg_seg.cli.progress import tracked
from lgg_seg.data.kaggle.images import checksum
from lgg_seg.errors import UserError, explained
from lgg_seg.inference.model import Model, VolumeClassifier
from lgg_seg.metrics.arrays import Bools, Floats32
from lgg_seg.prediction import Overlays
from lgg_seg.prediction.masks import write_mask, write_probability
from lgg_seg.prediction.output import OutputFolder
from lgg_seg.prediction.overlay import overlay, sheet, window
from lgg_seg.prediction.tables import Row, table_rows
from lgg_seg.runs.provenance import volume_digest
from lgg_seg.scans.discover import ScanFiles, ScanListing
from lgg_seg.scans.marks import OVERLAYS, PER_VOLUME
from lgg_seg.scans.scan import Issue, Scan, ScanError
from lgg_seg.scans.truth import MaskFiles, Truth, read_truth

log = logging.getLogger(__name__)
INDIFFERENT = ("input", "batch_size", "hardware")
"""The settings that change no more than the rounding of a volume's result."""
_HEADER = 4096  # bytes of a file, in which the header is


@dataclass
class PredictionResult:
    """Rows of the two tables, and every file of the input that could not be used."""

    slices: list[Row] = field(default_factory=list)
    volumes: list[Row] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)

    def add(self, part: "PredictionResult") -> None:
        """Put the rows and issues of a volume behind these."""
        self.slices += part.slices
        self.volumes += part.volumes
        self.issues += part.issues


def predict_all(
    model: Model,
    classifier: VolumeClassifier | None,
    scans: ScanListing,
    output: OutputFolder,
    overlays: Overlays,
    settings: Mapping[str, Any],
) -> PredictionResult:
    """Predict on every volume of `scans`, and score it by the masks beside; a file that cannot be read is listed.

    Of `settings`, `probabilities` and `mask_threshold` are read here.

    Writes masks in the input's folder structure, `overlays/`, `per_slice.csv`, `per_volume.csv`, where there are any
    `faults.csv`, and at the end `provenance.json`, which is `settings` and counts. After an error or an interruption
    the tables hold what was done, and another call with the same output does not do that again, as long as a volume's
    files, networks and settings are the same.
    """
    masks = MaskFiles(scans)
    result = PredictionResult(issues=[*scans.issues, *masks.issues])
    decisive = {"overlays": overlays, **{key: settings[key] for key in settings if key not in INDIFFERENT}}
    with output.job() as journal:
        try:
            for files in tracked(scans.volumes, "predicting"):
                try:
                    scan = files.read(scans.root)
                except ScanError as error:
                    result.issues += error.issues
                    continue
                truth, faults = read_truth(files, scans.root, scan, masks, settings["mask_threshold"])
                scan = replace(scan, issues=(*scan.issues, *faults))
                key = _key(files, scans.root, scan, truth, decisive)
                if done := journal.finished(key):
                    output.keep(done)
                    result.add(PredictionResult(done.slices, done.volumes, [Issue(**issue) for issue in done.issues]))
                else:
                    keep = settings["probabilities"]
                    part = _predict(model, classifier, files, scans.root, scan, truth, output, overlays, keep)
                    journal.finish(key, **asdict(part))
                    result.add(part)
        except BaseException:
            with suppress(UserError):  # the first error is the one to report
                _write_tables(output, result)
            log.warning("not all is done; the same command goes on with what is missing")
            raise
        _write_tables(output, result)
        counts = {"volumes": len(result.volumes), "slices": len(result.slices), "faults": len(result.issues)}
        output.write_json("provenance.json", {**settings, **counts})
    return result


def _key(files: ScanFiles, root: Path, scan: Scan, truth: Truth, settings: Mapping[str, Any]) -> str:
    """A digest of all that a volume's result follows from: what was read of it, the headers of its files, settings."""
    digest = hashlib.sha256(scan.images.tobytes() + truth.mask.tobytes() + truth.known.tobytes())
    for path in files.paths:
        with (root / path).open("rb") as file:
            digest.update(file.read(_HEADER))
    facts = (files, _folder(root), scan.files, scan.numbers, scan.issues, scan.voxel_mm3, scan.warnings, scan.to_file)
    digest.update(repr((facts, sorted(settings.items()))).encode(errors="backslashreplace"))
    return digest.hexdigest()


def _folder(root: Path) -> str:
    """The last two parts of the input's path, in which a patient's name may stand."""
    return "/".join(root.resolve().parts[-2:])


def _predict(
    model: Model,
    classifier: VolumeClassifier | None,
    files: ScanFiles,
    root: Path,
    scan: Scan,
    truth: Truth,
    output: OutputFolder,
    overlays: Overlays,
    keep_probability: bool,
) -> PredictionResult:
    """The part of one volume, whose mask and pictures are written."""
    scan = replace(scan, warnings=(*scan.warnings, *model.warnings(len(scan.images))))
    for warning in scan.warnings:
        log.warning("%s: %s", files.name, warning)
    with explained("try a smaller batch_size, or device=cpu."):
        probability = model.predict(scan.images)
        classes: dict[str, Floats32] = {}
        if classifier is not None:
            classes[classifier.target] = classifier.predict(scan.images)
    mask = model.mask(probability)
    write_mask(files, root, scan, mask, output)
    if keep_probability:
        write_probability(files, root, scan, probability, output)
    _write_overlays(output, files.name, scan, mask, overlays)
    seen = model.was_trained_on(scan_digest(scan), _folder(root), files.name, files.patient, *set(scan.files))
    slices, volume = table_rows(files.name, scan, mask, probability, classes, seen, truth)
    return PredictionResult(slices, [volume], list(scan.issues))


def _write_tables(output: OutputFolder, result: PredictionResult) -> None:
    if result.volumes:
        output.write_table("per_slice.csv", result.slices)
        output.write_table(PER_VOLUME, result.volumes)
    if result.issues:
        output.write_table("faults.csv", [asdict(issue) for issue in result.issues])


def scan_digest(scan: Scan) -> str:
    """The digest of a scan's volume, the same as of its slices in a dataset root."""
    return volume_digest(checksum(image.tobytes()) for image in scan.images)


def _write_overlays(output: OutputFolder, name: str, scan: Scan, mask: Bools, overlays: Overlays) -> None:
    """`overlays/<volume>/sheet.png`, and `overlays/<volume>/<n>.png` of each slice with tumour, or of all."""
    if overlays == "none":
        return
    output.write_image(f"{OVERLAYS}/{name}/sheet.png", sheet(scan, mask, name))
    for number, grey, one in zip(scan.numbers, window(scan.flair), mask, strict=True):
        if overlays == "all" or one.any():
            output.write_image(f"{OVERLAYS}/{name}/{number}.png", overlay(grey, one))
