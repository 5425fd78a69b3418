"""Out-of-fold masks of runs for outcome models: each patient's is of a network that had not seen the patient."""

from collections.abc import Iterator
from glob import glob
from pathlib import Path
from typing import Any

from lgg_seg.config.instantiate import to_plain
from lgg_seg.data.kaggle.index import Index
from lgg_seg.errors import UserError
from lgg_seg.inference.trained import training_volumes
from lgg_seg.radiomics.features import Volume, masked_patients
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.identity import recipe
from lgg_seg.runs.masks import read_masks
from lgg_seg.runs.provenance import patient_digests


def out_of_fold_masks(index: Index, folders: Path) -> dict[str, Path]:
    """By patient the `masks.npz` of the run in or below `folders` that neither trained on nor chose its epoch by them.

    `folders` may be a pattern (`runs/fold-*_unet`). Patients are known by their volumes' digests, whatever their names.
    """
    digests = patient_digests(index)
    chosen: dict[str, Path] = {}
    recipes: dict[str, dict[str, Any]] = {}
    places = map(Path, glob(str(folders)))  # noqa: PTH207  # Path.glob takes no absolute pattern
    for masks in sorted(file for place in places for file in place.rglob("masks.npz")):
        run = masks.parent
        if not (run / "provenance.json").exists():  # a later evaluation, which would double the run's own
            continue
        folder = RunFolder(run)
        seen = training_volumes(folder.read_json("provenance.json"))
        of_fold = [
            patient
            for patient in masked_patients(masks)
            if patient in digests and patient not in seen and digests[patient] not in seen.values()
        ]
        if not of_fold:
            continue
        recipes[run.name] = recipe(to_plain(folder.read_config()[0]))
        first, ours = next(iter(recipes.items()))
        if recipes[run.name] != ours:
            raise UserError(
                f"{first} and {run.name} were trained otherwise; give the folds of one configuration alone."
            )
        for patient in of_fold:
            if patient in chosen:
                raise UserError(
                    f"{chosen[patient].parent.name} and {run.name} both predicted {patient}; give a folder or a "
                    "pattern that holds the folds of one network and one seed alone."
                )
            chosen[patient] = masks
    if not chosen:
        raise UserError(
            f"{folders} holds no mask of a patient of {index.root} whom its run had not seen; give a finished run, or "
            "the folder of a cross-validation (sweep=folds)."
        )
    return chosen


def out_of_fold_volumes(index: Index, masks: dict[str, Path]) -> Iterator[Volume]:
    """The masks of `out_of_fold_masks`, patients in the order of the index."""
    for patient in index.patients:
        if patient.name not in masks:
            continue
        kept, numbers = read_masks(masks[patient.name], patient.name), tuple(s.number for s in patient.slices)
        if tuple(kept.numbers.tolist()) != numbers:
            raise UserError(
                f"{masks[patient.name]} has other slices of {patient.name} than {index.root}; restore the data "
                "that the run was tested on."
            )
        yield Volume(patient.name, numbers, kept.prediction)
