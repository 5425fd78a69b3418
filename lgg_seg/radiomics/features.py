"""Shape features per slice and per patient, of a dataset's masks or of a run's predicted masks."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lgg_seg.cli.progress import tracked
from lgg_seg.data.kaggle.index import Index
from lgg_seg.errors import UserError
from lgg_seg.metrics.arrays import Bools
from lgg_seg.radiomics.shape import slice_shape, volume_shape
from lgg_seg.runs.masks import read_masks


@dataclass(frozen=True)
class Volume:
    """Mask (D, H, W) of a patient with the numbers (D,) of its slices."""

    patient: str
    numbers: tuple[int, ...]
    mask: Bools


@dataclass(frozen=True)
class Features:
    """Tables with the fields of `SliceShape` and `VolumeShape` as columns, NaN for None."""

    per_slice: pd.DataFrame
    per_patient: pd.DataFrame


def dataset_volumes(index: Index) -> Iterator[Volume]:
    """Masks of a dataset's patients, by name."""
    for patient in index.patients:
        mask = np.stack([item.read_mask() for item in patient.slices])
        yield Volume(patient.name, tuple(item.number for item in patient.slices), mask)


def predicted_volumes(masks: Path) -> Iterator[Volume]:
    """Masks that a run predicted, patient by patient, from its `masks.npz`."""
    for patient in masked_patients(masks):
        kept = read_masks(masks, patient)
        yield Volume(patient, tuple(int(number) for number in kept.numbers), kept.prediction)


def masked_patients(masks: Path) -> list[str]:
    try:
        with np.load(masks, allow_pickle=False) as archive:
            return [name.removesuffix("/numbers") for name in archive.files if name.endswith("/numbers")]
    except FileNotFoundError as error:
        raise UserError(f"{masks} is missing: name the folder of a run or an evaluation that has finished") from error
    except Exception as error:  # what is wrong in an archive's structure can raise anything
        raise UserError(f"{masks} is damaged; measure the run again with lgg_seg.evaluate") from error


def measure(volumes: Iterator[Volume], count: int) -> Features:
    """Shape features of `count` volumes, beside the pixels of a slice and a patient's slices: `slice_px`, `slices`."""
    per_slice, per_patient = [], []
    for volume in tracked(volumes, "measuring shapes", count):
        for number, mask in zip(volume.numbers, volume.mask, strict=True):
            row = {"patient": volume.patient, "slice": number, "slice_px": mask.size}
            per_slice.append(row | asdict(slice_shape(mask)))
        row = {"patient": volume.patient, "slices": len(volume.numbers)}
        per_patient.append(row | asdict(volume_shape(volume.mask)))
    return Features(_table(per_slice), _table(per_patient))


def _table(rows: list[dict[str, object]]) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    measured = table.columns.drop("patient")
    table[measured] = table[measured].apply(pd.to_numeric)
    return table
