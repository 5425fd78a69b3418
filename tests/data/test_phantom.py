from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from lgg_seg.data.kaggle.images import read_mask, read_slice
from lgg_seg.data.kaggle.index import build_index
from lgg_seg.data.phantom.generator import write_phantom
from lgg_seg.errors import UserError


def _write(root: Path, **changes: int) -> Path:
    return write_phantom(root, **{"patients": 2, "slices": 5, "size": 48, **changes})


def _pixels(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.glob("*/*.tif")}


def test_same_seed_gives_the_same_phantom_and_another_seed_another(tmp_path: Path) -> None:
    a, b, c = _write(tmp_path / "a", seed=3), _write(tmp_path / "b", seed=3), _write(tmp_path / "c", seed=4)
    assert _pixels(a) == _pixels(b)
    assert not set(_pixels(a).values()) & {v for k, v in _pixels(c).items() if "_mask" not in k}


def test_patient_does_not_depend_on_how_many_there_are(tmp_path: Path) -> None:
    few, many = _pixels(_write(tmp_path / "few")), _pixels(_write(tmp_path / "many", patients=4))
    assert few.items() <= many.items()


def test_every_patient_has_slices_with_and_without_tumour(phantom_root: Path) -> None:
    for patient in build_index(phantom_root).patients:
        assert 0 < sum(s.tumour_pixels > 0 for s in patient.slices) < len(patient.slices)


def test_tumour_is_brighter_in_flair_than_the_rest_of_its_slice(phantom_root: Path) -> None:
    for patient in build_index(phantom_root).patients:
        largest = max(patient.slices, key=lambda s: s.tumour_pixels)
        flair, mask = read_slice(largest.image)[0][..., 1], read_mask(largest.mask)
        assert np.median(flair[mask == 1]) > np.median(flair[(mask == 0) & (flair > 20)])


def test_no_threshold_on_flair_solves_it(phantom_root: Path) -> None:
    slices = build_index(phantom_root).slices
    flair = np.stack([read_slice(s.image)[0][..., 1] for s in slices])
    truth = np.stack([read_mask(s.mask) for s in slices]) == 1
    dice = [2 * ((flair > t) & truth).sum() / ((flair > t).sum() + truth.sum()) for t in range(0, 255, 5)]
    assert max(dice) < 0.4


def test_data_csv_has_the_columns_of_the_real_table_and_gaps(phantom_root: Path) -> None:
    with (phantom_root / "data.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 12
    assert list(rows[0])[:2] == ["Patient", "RNASeqCluster"]
    assert len(rows[0]) == 18
    assert any(not cell for row in rows for cell in row.values())


@pytest.mark.real
def test_columns_are_those_of_the_real_table(phantom_root: Path, real_root: Path) -> None:
    ours, real = ((root / "data.csv").read_text(encoding="utf-8").splitlines()[0] for root in (phantom_root, real_root))
    assert ours == real


def test_finished_tree_is_used_as_it_is(tmp_path: Path) -> None:
    root = _write(tmp_path / "root")
    path = next(root.glob("*/*.tif"))
    before = path.stat().st_mtime_ns
    assert _write(root) == root
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize("change", [{"seed": 1}, {"patients": 3}, {"slices": 6}, {"size": 64}])
def test_tree_with_other_parameters_is_refused(tmp_path: Path, change: dict[str, int]) -> None:
    root = _write(tmp_path / "root")
    with pytest.raises(UserError, match="other parameters"):
        _write(root, **change)


def test_tree_that_another_version_drew_is_refused(tmp_path: Path) -> None:
    marker = _write(tmp_path / "root") / "phantom.json"
    marker.write_text(marker.read_text(encoding="utf-8").replace('"version": 2', '"version": 1'), encoding="utf-8")
    command = rf"python -m lgg_seg.data phantom root={tmp_path}/root patients=2 slices=5 size=\d+ seed=\d+ writes"
    with pytest.raises(UserError, match=f"another version of lgg_seg drew; remove {tmp_path}/root, and {command}"):
        _write(tmp_path / "root")


def test_folder_with_other_contents_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="holds no phantom;"):
        _write(tmp_path)
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("change", [{"patients": 0}, {"slices": 3}, {"size": 8}, {"seed": -1}])
def test_parameter_out_of_range_is_named(tmp_path: Path, change: dict[str, int]) -> None:
    with pytest.raises(UserError, match=next(iter(change))):
        _write(tmp_path / "root", **change)


def test_processes_that_want_the_same_phantom_get_one_whole_phantom(tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        roots = set(pool.map(lambda _: _write(tmp_path / "root"), range(3)))
    assert roots == {tmp_path / "root"}
    assert len(_pixels(tmp_path / "root")) == 2 * 5 * 2
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.endswith(".lock")) == ["root"]


def test_slices_are_uncompressed_rgb_and_masks_0_and_255(phantom_root: Path) -> None:
    mask_values = {int(v) for p in phantom_root.glob("*/*_mask.tif") for v in np.unique(cv2.imread(str(p), -1))}
    assert mask_values == {0, 255}


def test_every_head_is_brighter_than_the_air_around_it(tmp_path: Path) -> None:
    root = _write(tmp_path / "root", patients=12, slices=16, seed=5)
    for patient in build_index(root).patients:
        volume = np.stack([read_slice(s.image)[0] for s in patient.slices])
        air, head = volume[:, :4].mean(axis=(0, 1, 2)), volume[:, 14:34, 14:34].mean(axis=(0, 1, 2))
        assert (head > 3 * air).all(), patient.name
