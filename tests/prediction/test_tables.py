"""The tables of a prediction name places as the scans' own files do."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lgg_seg.prediction.tables import table_rows
from lgg_seg.scans.roles import FLAIR
from lgg_seg.scans.truth import Truth
from lgg_seg.scans.volumes import VolumeFiles

ORIENTATIONS = [
    np.column_stack([order, flips]) for order in permutations(range(3)) for flips in product((1, -1), repeat=3)
]


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda o: "".join(map(str, o.ravel().astype(int))))
def test_slice_numbers_and_centroids_are_the_files_own_voxel_indices(tmp_path: Path, orientation: np.ndarray) -> None:
    head = np.random.default_rng(0).integers(0, 256, (6, 7, 5), dtype=np.uint8)
    nib.save(nib.Nifti1Image(head, np.diag([-2.0, -2, 5, 1])).as_reoriented(orientation), tmp_path / "v.nii")
    files = VolumeFiles("v", "v", {FLAIR: "v.nii"})
    scan = files.read(tmp_path)
    mask = np.zeros((5, 7, 6), bool)
    mask[3, 2:4, 4] = True
    where = np.argwhere(np.asarray(files.in_file(tmp_path, mask.astype(np.uint8)).dataobj)).mean(axis=0)
    truth = Truth(np.zeros_like(mask), np.zeros(len(mask), bool))
    slices, volume = table_rows("v", scan, mask, mask.astype(np.float32), {}, False, truth)
    for row in (slices[3], volume):
        assert [row["centroid_i"], row["centroid_j"], row["centroid_k"]] == pytest.approx(where)
    assert slices[3]["slice"] == where["ijk".index(slices[3]["slice_axis"])]
    assert sorted(row["slice"] for row in slices) == [0, 1, 2, 3, 4]
    assert slices[0]["centroid_i"] is None
