"""The masks that a prediction wrote, read back as volumes: those of slices, and those in NIfTI."""

import re
from pathlib import Path

import numpy as np

from lgg_seg.data.kaggle.images import read_mask
from lgg_seg.errors import UserError
from lgg_seg.radiomics.features import Volume
from lgg_seg.scans.roles import FLAIR
from lgg_seg.scans.volumes import VolumeFiles

_SLICE = re.compile(r"(?P<patient>.+)_(?P<slice>\d{1,9})_mask\.tiff?", re.ASCII | re.IGNORECASE)
_VOLUME = re.compile(r"(?P<patient>.+)_mask\.nii(\.gz)?", re.IGNORECASE)


def mask_volumes(folder: Path) -> list[Volume]:
    """The patients of a folder of masks, as `lgg_seg.predict` and the data set name them.

    A volume in NIfTI is turned to the view of the data set's slices, which are numbered from 1 upwards.
    """
    found: dict[Path, dict[int, Path]] = {}
    volumes: dict[Path, Path] = {}
    for path in sorted(folder.rglob("*")):
        if match := _SLICE.fullmatch(path.name):
            slices, number = found.setdefault(path.parent / match["patient"], {}), int(match["slice"])
            if number in slices:
                raise UserError(f"{path} and {slices[number].name} are masks of one slice; remove one of them.")
            slices[number] = path
        elif match := _VOLUME.fullmatch(path.name):
            patient = path.parent / match["patient"]
            if patient in volumes:
                raise UserError(f"{path} and {volumes[patient].name} are masks of one patient; remove one of them.")
            volumes[patient] = path
    if twice := sorted(found.keys() & volumes.keys()):
        raise UserError(f"{twice[0]} has masks of slices and {volumes[twice[0]].name}; remove one or the other.")
    if not found and not volumes:
        raise UserError(
            f"{folder} holds no masks (…_1_mask.tif or …_mask.nii.gz); make them with python -m lgg_seg.predict "
            f"input=SCAN output={folder}."
        )
    made = [_of_slices(patient.name, slices) for patient, slices in found.items()]
    made += [_of_nifti(patient.name, file) for patient, file in volumes.items()]
    if single := [volume for volume in made if len(volume.numbers) == 1]:
        raise UserError(f"{single[0].patient} has one slice alone; the shape of a tumour is that of all its slices.")
    return sorted(made, key=lambda volume: volume.patient)


def _of_slices(patient: str, slices: dict[int, Path]) -> Volume:
    numbers = sorted(slices)
    masks = [read_mask(slices[number]).astype(np.bool_) for number in numbers]
    if len({mask.shape for mask in masks}) > 1:
        raise UserError(
            f"The masks {slices[numbers[0]].parent}/{patient}_… differ in size, so they are not of one patient."
        )
    return Volume(patient, tuple(numbers), np.stack(masks))


def _of_nifti(patient: str, file: Path) -> Volume:
    mask = VolumeFiles(patient, patient, {FLAIR: file.name}).read_mask(file.parent, file.name)
    return Volume(patient, tuple(range(1, len(mask) + 1)), mask)
