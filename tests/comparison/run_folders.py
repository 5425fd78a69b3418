"""Run folders without training: real configs, and tables measured by the package itself on small volumes.

write_run(folder, ["model=unet_slim", "seed=1"], dice=0.8)
write_run(folder, ["model=unet_bn", "split=kfold", "split.fold=1"], dice={"TCGA_AA_01": 0.4}, truths=volumes(5))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from lgg_seg.data.kaggle.images import read_mask
from lgg_seg.data.kaggle.listing import list_dataset
from lgg_seg.data.splits.split import LEAKY, Protocol
from lgg_seg.evaluation import EvaluationSettings
from lgg_seg.evaluation.base import Subset
from lgg_seg.evaluation.segmentation import SegmentationEvaluation
from lgg_seg.metrics import METRIC_VERSION
from lgg_seg.metrics.patient import score_patient
from lgg_seg.runs.folder import RunFolder, State
from lgg_seg.runs.masks import PatientMasks
from lgg_seg.runs.provenance import versions
from tests.configs import composed

GROUPS = ("model", "loss", "split", "data", "optimizer", "scheduler", "augment", "sampler", "preprocess", "experiment")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Volume:
    """A patient's true masks: bool (D, H, W), with the slices' numbers."""

    numbers: tuple[int, ...]
    truth: NDArray[np.bool_]


def volumes(patients: int, *, first: int = 0, size: int = 24, slices: int = 4) -> dict[str, Volume]:
    """Ball-like tumours of sizes that grow with the patient's number; the first and the last slice are empty."""
    z, y, x = np.ogrid[:slices, :size, :size]
    made = {}
    for number in range(first, first + patients):
        institution = ("CS", "DU", "HT")[number % 3]
        radius = 3 + number % 7 * size / 40
        ball = (y - size / 2) ** 2 + (x - size / 2) ** 2 + (3 * (z - (slices - 1) / 2)) ** 2 <= radius**2
        made[f"TCGA_{institution}_{number:04d}_19960101"] = Volume(tuple(range(1, slices + 1)), ball)
    return made


def tree_volumes(root: Path, patients: int | None = None) -> dict[str, Volume]:
    """The masks of the first patients of a tree on disk."""
    listing = list_dataset(root)
    names = list(dict.fromkeys(pair.patient for pair in listing.pairs))[:patients]
    made = {}
    for name in names:
        pairs = [pair for pair in listing.pairs if pair.patient == name]
        masks = np.stack([read_mask(pair.mask) for pair in pairs]).astype(bool)
        made[name] = Volume(tuple(pair.number for pair in pairs), masks)
    return made


def write_run(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    dice: float | Mapping[str, float] = 0.8,
    truths: Mapping[str, Volume] | None = None,
    state: State = "finished",
    reason: str | None = None,
    protocol: Protocol = "patient",
    subset: Subset = "test",
    masks: bool = True,
    train_patients: int = 8,
    epochs: int = 3,
    commit: str | None = COMMIT,
    dirty: bool = False,
    processor: str = "Test CPU",
    precision: str = "32-true",
    cost: Mapping[str, float] | None = None,
    n_bootstrap: int = 50,
) -> Path:
    """A run's folder as `lgg_seg.train` leaves it, but for checkpoints and figures.

    Args:
        path: the folder, which must not hold a run yet.
        overrides: what would be asked for on the command line; the config is composed from it.
        dice: of every patient, or by patient (0.8 for one that is not named), reached to within a voxel.
        truths: who is measured; by default six of `volumes`.
        state: only a finished run has a result, as only it was measured.
        reason: of a run that did not finish.
        subset: whom the result names as measured.
        masks: whether it holds `masks.npz`, which runs made before that file lack.
        train_patients: how many names stand in the split's training part.
        cost: what differs from the default cost.
        n_bootstrap: resamples behind the recorded intervals; few, because most tests do not read them.
    """
    config = composed(*overrides)
    folder = RunFolder(path)
    folder.create()
    folder.write_config(config, overrides)
    volumes_ = volumes(6) if truths is None else truths
    folder.write_json("provenance.json", _provenance(overrides, config.seed, volumes_, train_patients, protocol)
        | {"code": {"commit": commit, "dirty": dirty}, "precision": precision,
           "hardware": {"device": "cpu", "gpu": None, "processor": processor, "cores": 2, "threads": 1,
                        "memory_bytes": 2**34, "platform": "Linux x86_64"}})  # fmt: skip
    folder.set_status(state, reason)
    if state != "finished":
        return path
    folder.write_table("history.csv", [_epoch(epoch, epochs, protocol) for epoch in range(epochs)])
    asked = dice if isinstance(dice, Mapping) else dict.fromkeys(volumes_, dice)
    facts = {name: {"institution": name.split("_")[1], "missing_sequence": "none"} for name in volumes_}
    evaluation = replace(measured(volumes_, asked), metadata=facts)
    settings = EvaluationSettings(n_bootstrap=n_bootstrap)
    threshold = {"value": 0.5, "from": "fixed"}
    content = evaluation.result(subset, protocol, threshold, settings, _cost() | dict(cost or {}))
    evaluation.write(folder, content)
    if not masks:
        (path / "masks.npz").unlink()
    return path


def measured(truths: Mapping[str, Volume], dice: Mapping[str, float]) -> SegmentationEvaluation:
    """An evaluation of predictions that have the Dice asked for."""
    scores, masks = [], {}
    for name, volume in truths.items():
        prediction = shrunk(volume.truth, dice.get(name, 0.8))
        noise = np.random.default_rng(crc32(name.encode())).uniform(0, 0.2, volume.truth.shape)
        probability = np.where(prediction, 0.8 + noise, noise).astype(np.float32)
        scores.append(score_patient(name, volume.numbers, probability, volume.truth, prediction))
        masks[name] = PatientMasks.pack(volume.numbers, volume.truth, prediction)
    return SegmentationEvaluation(scores, {}, masks, [0.3] * len(scores), seconds=1.0)


def shrunk(truth: NDArray[np.bool_], dice: float) -> NDArray[np.bool_]:
    """The part of the tumour nearest to its centre that has that Dice with it: of its n voxels n · dice / (2 - dice).

    Where there is no tumour, nothing for a Dice of 1, else one voxel.
    """
    prediction = np.zeros_like(truth)
    voxels = np.argwhere(truth)
    if not len(voxels):
        prediction[0, 0, 0] = dice < 1
        return prediction
    distance = np.linalg.norm(voxels - voxels.mean(axis=0), axis=1)
    kept = voxels[np.argsort(distance, kind="stable")[: round(len(voxels) * dice / (2 - dice))]]
    prediction[tuple(kept.T)] = True
    return prediction


def _provenance(
    overrides: Sequence[str], seed: int, truths: Mapping[str, Volume], train_patients: int, protocol: str
) -> dict[str, Any]:
    chosen = dict(override.partition("=")[::2] for override in overrides)
    return {
        "command": ["python", "-m", "lgg_seg", *overrides],
        "choices": {key: value for key, value in chosen.items() if key in GROUPS},
        "seed": seed,
        "versions": versions(),
        "channels_last": True,
        "data_fingerprint": "f" * 64,
        "split": {
            "protocol": protocol,
            "hash": "5" * 64,
            "train": {f"TCGA_TR_{number:04d}": f"{number:016x}" for number in range(train_patients)}
            | (dict.fromkeys(truths, "known") if protocol == LEAKY else {}),
            "val": {"TCGA_VA_0001": "v" * 16},
            "test": {name: f"{crc32(name.encode()):016x}" for name in truths},
        },
        "metric_version": METRIC_VERSION,
    }


def _epoch(epoch: int, epochs: int, protocol: str) -> dict[str, Any]:
    done = (epoch + 1) / epochs
    return {
        "epoch": epoch,
        "step": 10 * (epoch + 1),
        **{f"{subset}/{name}": value for subset in ("train", "val")
           for name, value in (("dice", 0.8 * done), ("iou", 0.7 * done), ("loss", 1 - 0.7 * done))},
        "lr": 1e-3,
        "seconds": 2.0,
        "train_slices_per_second": 20.0,
        "protocol": protocol,
    }  # fmt: skip


def _cost() -> dict[str, float]:
    return {
        "parameters": 1_940_000,
        "flops_per_slice": 380_000_000,
        "latency_ms": 6.5,
        "checkpoint_bytes": 23_500_000,
        "train_seconds": 60.0,
        "peak_memory_bytes": 1_200_000_000,
    }
