"""The cache: what it holds is what was prepared, whatever happens to its folder or beside it."""

import logging
import multiprocessing
import pickle
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest

from lgg_seg.data.cache import Cache, open_cache
from lgg_seg.data.kaggle.index import Index, build_index
from lgg_seg.data.phantom.generator import write_phantom
from lgg_seg.data.preprocessing import Preprocess
from lgg_seg.errors import UserError

NATIVE = Preprocess(size=32)


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Index:
    folder = tmp_path_factory.mktemp("cache")
    return build_index(write_phantom(folder / "root", patients=3, slices=4, size=32), cache_dir=folder)


def opened(index: Index, folder: Path, preprocess: Preprocess = NATIVE) -> Cache:
    return open_cache(index, preprocess, folder)


def assert_whole(cache: Cache, index: Index) -> None:
    np.testing.assert_array_equal(cache.images, [s.read_image() for s in index.slices])
    np.testing.assert_array_equal(cache.masks, [s.read_mask() for s in index.slices])
    assert cache.statistics.shape == (3, 3, 4)
    assert [g.native for g in cache.grids] == [(32, 32)] * 3


def test_it_holds_the_slices_in_the_indexs_order(index, tmp_path):
    assert_whole(opened(index, tmp_path), index)


def test_it_is_built_once_and_then_opened(index, tmp_path):
    built = opened(index, tmp_path)
    written = (built.folder / "images.npy").stat().st_mtime_ns
    assert opened(index, tmp_path).folder == built.folder
    assert (built.folder / "images.npy").stat().st_mtime_ns == written


@pytest.mark.parametrize(
    "changed",
    [
        {"size": 16},
        {"channels": "flair"},
        {"channels": "grey"},
        {"normalisation": "unit"},
        {"sharpen": 0.5},
        {"crop": "brain"},
        {"skull": "remove"},
    ],
)
def test_other_preprocessing_is_another_cache(index, tmp_path, changed):
    assert opened(index, tmp_path, Preprocess(**{"size": 32, **changed})).folder != opened(index, tmp_path).folder


@pytest.mark.parametrize("name", ["images.npy", "masks.npy", "statistics.npy", "geometries.npy", "checksums.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_cache_is_found_out_and_built_again(index, tmp_path, caplog, name, damage):
    path = opened(index, tmp_path).folder / name
    data = bytearray(path.read_bytes())
    if damage == "remove":
        path.unlink()
    else:
        data[len(data) // 2] ^= 4
        path.write_bytes(data if damage == "flip" else data[: len(data) // 2])
    with caplog.at_level(logging.WARNING):
        assert_whole(opened(index, tmp_path), index)
    assert "building it again" in caplog.text


def test_what_a_killed_build_left_behind_is_cleared(index, tmp_path):
    folder = opened(index, tmp_path).folder
    folder.rename(folder.with_suffix(".partial"))
    assert_whole(opened(index, tmp_path), index)
    assert not folder.with_suffix(".partial").exists()


def _open_and_sum(index: Index, folder: Path, queue) -> None:
    queue.put(
        (int(opened(index, folder).images.astype(np.int64).sum()), (next(folder.glob("*/images.npy"))).stat().st_ino)
    )


def test_of_two_processes_one_builds_and_both_read_the_same(index, tmp_path):
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    both = [context.Process(target=_open_and_sum, args=(index, tmp_path, queue)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert queue.get() == queue.get()


def test_a_worker_gets_the_folder_not_the_pixels(index, tmp_path):
    cache = opened(index, tmp_path)
    sent = pickle.dumps(cache)
    assert len(sent) < 1000
    assert_whole(pickle.loads(sent), index)


def test_a_folder_that_cannot_be_written_is_named_with_the_remedy(index, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file/caches .*data\.cache_dir="):
        opened(index, tmp_path / "file" / "caches")


def _open_on_a_full_disk(index: Index, folder: Path, queue) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # the images are larger
    try:
        opened(index, folder)
    except UserError as error:
        queue.put(str(error))


def test_a_full_disk_is_reported_and_leaves_nothing_behind(index, tmp_path):
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    process = context.Process(target=_open_on_a_full_disk, args=(index, tmp_path, queue))
    process.start()
    process.join()
    assert "cannot be written (" in (message := queue.get())
    assert "the cache is kept there" in message
    assert "data.cache_dir=" in message
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_patients_of_different_sizes_share_the_network_grid_alone(index, tmp_path):
    root = shutil.copytree(index.root, tmp_path / "root")
    larger = write_phantom(tmp_path / "larger", patients=1, slices=4, size=48, seed=5)
    (larger_patient,) = (path for path in larger.iterdir() if path.is_dir())
    shutil.move(larger_patient, root / "TCGA_ZZ_P900_19990101")
    for path in list((root / "TCGA_ZZ_P900_19990101").iterdir()):
        path.rename(path.with_name(path.name.replace(larger_patient.name, "TCGA_ZZ_P900_19990101")))
    (root / "data.csv").unlink()
    mixed = build_index(root, cache_dir=tmp_path)
    cache = opened(mixed, tmp_path)
    assert cache.images.shape == (16, 32, 32, 3)
    assert [g.native for g in cache.grids] == [(32, 32)] * 3 + [(48, 48)]
    with pytest.raises(UserError, match=r"TCGA_ZZ_P900_19990101 gives 48 pixels: set preprocess\.size"):
        opened(mixed, tmp_path, Preprocess(size=None))


def test_a_slice_changed_after_indexing_is_not_cached_under_the_old_name(index, tmp_path):
    root = shutil.copytree(index.root, tmp_path / "root")
    copied = build_index(root, cache_dir=tmp_path)
    one, other = copied.slices[0], copied.slices[1]
    shutil.copy(other.image, one.image)
    with pytest.raises(UserError, match=f"{one.image.name} has changed since"):
        opened(copied, tmp_path / "caches")
