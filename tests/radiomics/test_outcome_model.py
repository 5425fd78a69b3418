"""Outcomes from masks of networks that never saw the patient; the model that is kept answers for new ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from lgg_seg.data.kaggle.index import Index, build_index
from lgg_seg.data.phantom.generator import write_phantom
from lgg_seg.errors import UserError
from lgg_seg.radiomics.__main__ import answer, main
from lgg_seg.radiomics.features import dataset_volumes
from lgg_seg.radiomics.masks import mask_volumes
from lgg_seg.radiomics.model import MODELS, read_models
from lgg_seg.radiomics.predicted import out_of_fold_masks, out_of_fold_volumes
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.masks import PatientMasks, write_masks
from lgg_seg.runs.provenance import volume_digest


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_phantom(tmp_path_factory.mktemp("outcome") / "tree", patients=30, slices=4, size=64)


@pytest.fixture(scope="module")
def index(tree: Path) -> Index:
    return build_index(tree)


def write_fold(
    folder: Path, index: Index, test: slice, *, val: int = 2, lr: float = 0.01, started: dict[str, str] | None = None
) -> Path:
    """A run that predicted every patient, though it was tested on some alone, with other names for those it saw."""
    folder.mkdir(parents=True)
    digests = {p.name: volume_digest(s.image_checksum for s in p.slices) for p in index.patients}
    tested = [p.name for p in index.patients[test]]
    seen = [name for name in digests if name not in tested]
    split = {"val": seen[:val], "train": seen[val:]}
    renamed = {subset: {f"renamed_{n}": digests[n] for n in names} for subset, names in split.items()}
    subsets = renamed | {"test": {n: digests[n] for n in tested}, "protocol": "patient", "hash": "0"}
    content: dict[str, Any] = {"split": subsets, "data_fingerprint": index.fingerprint}
    if started is not None:
        content["starting_weights"] = {"patients": started, "recorded": True, "seen": {"val": [], "test": tested}}
    RunFolder(folder).write_json("provenance.json", content)
    RunFolder(folder).write_config(OmegaConf.create({"optimizer": {"lr": lr}, "split": {"fold": test.start}}), [])
    masks = {v.patient: PatientMasks.pack(v.numbers, ~v.mask, v.mask) for v in dataset_volumes(index)}
    write_masks(folder / "masks.npz", masks)
    return folder


@pytest.fixture(scope="module")
def folds(index: Index, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folds that tested 20 of the 30 patients."""
    folder = tmp_path_factory.mktemp("folds")
    write_fold(folder / "fold-0", index, slice(0, 10))
    write_fold(folder / "fold-1", index, slice(10, 20))
    return folder


def test_a_patients_mask_is_of_the_run_that_did_not_see_them_under_any_name(index: Index, folds: Path) -> None:
    found = out_of_fold_masks(index, folds)
    names = [patient.name for patient in index.patients]
    assert {name: file.parent.name for name, file in found.items()} == {
        name: f"fold-{k // 10}" for k, name in enumerate(names[:20])
    }
    assert [volume.patient for volume in out_of_fold_volumes(index, found)] == names[:20]


def test_two_networks_for_one_patient_and_none_at_all_are_refused(index: Index, folds: Path, tmp_path: Path) -> None:
    shutil.copytree(folds, tmp_path / "sweep")
    write_fold(tmp_path / "sweep" / "other_seed", index, slice(5, 6))
    with pytest.raises(UserError, match=r"fold-0 and other_seed both predicted .* one seed"):
        out_of_fold_masks(index, tmp_path / "sweep")
    with pytest.raises(UserError, match="holds no mask of a patient"):
        out_of_fold_masks(index, tmp_path / "sweep" / "nowhere")


def test_who_shaped_the_starting_weights_was_seen(index: Index, tmp_path: Path) -> None:
    digests = {f"other_{p.name}": volume_digest(s.image_checksum for s in p.slices) for p in index.patients[:9]}
    write_fold(tmp_path / "fold", index, slice(0, 10), started=digests)
    assert list(out_of_fold_masks(index, tmp_path)) == [index.patients[9].name]


def test_folds_of_two_recipes_are_refused(index: Index, tmp_path: Path) -> None:
    write_fold(tmp_path / "fold-0", index, slice(0, 10))
    write_fold(tmp_path / "fold-1", index, slice(10, 20), lr=0.1)
    with pytest.raises(UserError, match="fold-0 and fold-1 were trained otherwise"):
        out_of_fold_masks(index, tmp_path)


def larger(folder: Path, slices: int) -> None:
    for number in range(1, slices + 1):
        cv2.imwrite(str(folder / f"larger_{number}_mask.tif"), np.eye(128, dtype=np.uint8) * 255)


def test_the_model_kept_answers_for_the_masks_of_new_patients(
    tree: Path, index: Index, folds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "made"
    words = [f"data.root={tree}", f"run={folds}", f"output={made}", "repeats=1", "permutations=0"]
    assert main(["outcome", "target=grade", *words]) == 0
    content = json.loads((made / "outcome.json").read_text(encoding="utf-8"))
    assert (content["masks"], content["runs"]) == ("predicted out of fold", ["fold-0", "fold-1"])
    known = [p.name for p in index.patients[:20] if p.clinical["neoplasm_histologic_grade"]]
    assert {row["patients"] for row in content["results"]} == {len(known)}
    (model,) = read_models(made)
    assert len(model.patients) == len(known)

    new = index.patients[25:27]
    for patient in new:  # of one the masks as of the data set, of the other none with tumour
        (tmp_path / "new" / patient.name).mkdir(parents=True)
        for item in patient.slices:
            mask = item.read_mask().astype(np.uint8) * 255 * (patient is new[0])
            cv2.imwrite(str(tmp_path / "new" / patient.name / f"{patient.name}_{item.number}_mask.tif"), mask)
    capsys.readouterr()
    assert main(["answer", f"model={made}", f"masks={tmp_path / 'new'}"]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert f"{new[1].name}: no tumour" in printed
    assert "out-of-fold AUC" in printed

    larger(tmp_path, 1)
    with pytest.raises(UserError, match="larger has one slice alone"):
        answer(made, tmp_path)
    larger(tmp_path, 2)
    with pytest.raises(UserError, match=r"larger has slices of 16384 pixels, those of .* had 4096"):
        answer(made, tmp_path)
    with pytest.raises(UserError, match="asks for asd, which"):
        model.answer(
            pd.DataFrame({"spread_px": [1.0]}).reindex(
                columns=["spread_px", "spread_slices", "centroid_row", "centroid_column"]
            )
        )

    shape = pd.DataFrame([dict(zip(model.columns, row, strict=True)) for row in model.patients], dtype=float)
    assert model.answer(shape) == pytest.approx(model.probabilities, abs=1e-6), "who was trained on is answered alike"


def test_masks_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (10, 2):
        cv2.imwrite(str(tmp_path / f"new_{number}_mask.tif"), np.full((4, 5), number % 4 // 2 * 255, np.uint8))
    (volume,) = mask_volumes(tmp_path)
    assert (volume.patient, volume.numbers, volume.mask.shape) == ("new", (2, 10), (2, 4, 5))
    cv2.imwrite(str(tmp_path / "new_02_mask.tif"), np.zeros((4, 5), np.uint8))
    with pytest.raises(UserError, match="masks of one slice"):
        mask_volumes(tmp_path)


@pytest.mark.parametrize("axes", [(1, 1, 1), (-1, 1, -1)])
def test_a_mask_in_nifti_is_turned_to_the_view_of_the_slices(axes: tuple[int, int, int], tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random((3, 4, 5)) < 0.5  # (D, H, W): columns to the left, rows to the back
    stored = np.flip(mask.transpose(2, 1, 0), tuple(axis for axis, way in enumerate(axes) if way < 0))
    affine = np.diag([*np.array([-1, -1, 1]) * axes, 1.0])
    nib.save(nib.Nifti1Image(stored.astype(np.uint8), affine), tmp_path / "new_mask.nii.gz")
    (volume,) = mask_volumes(tmp_path)
    assert (volume.patient, volume.numbers) == ("new", (1, 2, 3))
    np.testing.assert_array_equal(volume.mask, mask)
    larger(tmp_path, 2)
    assert [one.patient for one in mask_volumes(tmp_path)] == ["larger", "new"]
    (tmp_path / "new_1_mask.tif").write_bytes((tmp_path / "larger_1_mask.tif").read_bytes())
    with pytest.raises(UserError, match=r"new has masks of slices and new_mask.nii.gz"):
        mask_volumes(tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "is missing"),
        ("[]", "it has none"),
        ("cos\nsystem", "holds no outcome models"),
        ('[{"question": "grade"}]', "holds no outcome models"),
    ],
)
def test_a_file_that_is_no_model_is_refused_in_a_sentence(
    text: str | None, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text:
        (tmp_path / MODELS).write_text(text, encoding="utf-8")
    assert main(["answer", f"model={tmp_path}", f"masks={tmp_path}"]) == 2
    assert says in capsys.readouterr().err
