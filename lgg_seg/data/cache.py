"""Prepared slices on disk, as memory-mapped uint8 arrays that every job of a sweep shares.

A cache is a folder named after what it was made from. It is written to a temporary folder under a lock and renamed, so
that it is whole; later damage is found by checksums when the cache is opened, and mended by building it again.
"""

import hashlib
import json
import logging
import shutil
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from lgg_seg.cli.progress import tracked
from lgg_seg.data.grid import Grid
from lgg_seg.data.kaggle.index import Index
from lgg_seg.data.preprocessing import Preprocess
from lgg_seg.errors import UserError
from lgg_seg.files import writable

log = logging.getLogger(__name__)

FORMAT = 1  # raise it when a change of code changes what preparing a volume gives
ARRAYS = ("images", "masks", "statistics", "geometries")


@dataclass(frozen=True)
class Cache:
    """Prepared slices, read-only."""

    folder: Path
    images: NDArray[np.uint8]  # (N, S, S, C), by slice id
    masks: NDArray[np.uint8]  # (N, S, S), 0 and 1, by slice id
    statistics: NDArray[np.float32]  # (P, C, 4), by the patient's place in the index
    grids: tuple[Grid, ...]  # by the patient's place

    def __reduce__(self) -> tuple[object, ...]:
        """A worker maps the files itself: pickling a memory-mapped array would send it all its pixels."""
        return _load, (self.folder,)


def open_cache(index: Index, preprocess: Preprocess, cache_dir: Path) -> Cache:
    """Map the index's prepared slices; where they are missing or damaged, one process builds them for all."""
    content = {"format": FORMAT, "tree": index.fingerprint, **preprocess.cache_key}
    key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]
    folder = cache_dir / key
    with writable(
        cache_dir, "the cache is kept there: free space, or choose another folder with data.cache_dir=FOLDER."
    ):
        if cache := _open_checked(folder):
            return cache
        cache_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(cache_dir / f"{key}.lock"):
            return _open_checked(folder) or _build(index, preprocess, folder)


def _open_checked(folder: Path) -> Cache | None:
    try:
        if damaged := _damaged_file(folder):
            log.warning("the cache %s is damaged (%s): building it again", folder, damaged)
            return None
        return _load(folder)
    except FileNotFoundError as error:
        if folder.exists():
            log.warning("the cache %s lacks %s: building it again", folder, error.filename)
        return None


def _damaged_file(folder: Path) -> str | None:
    try:
        expected = json.loads((folder / "checksums.json").read_text(encoding="utf-8"))
    except ValueError:
        return "checksums.json"
    return next((f"{name}.npy" for name in ARRAYS if expected.get(name) != _crc32(folder / f"{name}.npy")), None)


def _crc32(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            checksum = zlib.crc32(chunk, checksum)
    return checksum


def _load(folder: Path) -> Cache:
    images, masks, statistics, grids = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS)
    rows = grids.tolist()
    return Cache(folder, images, masks, statistics, tuple(Grid((h, w), tuple(box), size) for h, w, *box, size in rows))


def _build(index: Index, preprocess: Preprocess, folder: Path) -> Cache:
    partial = folder.with_suffix(".partial")
    for remains in (partial, folder):  # of a build that was killed; a damaged cache
        if remains.exists():
            shutil.rmtree(remains)
    partial.mkdir()
    try:
        _write(index, preprocess, partial)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return _load(folder)


def _write(index: Index, preprocess: Preprocess, folder: Path) -> None:
    rows = {"images": len(index.slices), "masks": len(index.slices)}
    sizes: dict[int, str] = {}
    with ExitStack() as stack:
        files = {name: stack.enter_context((folder / f"{name}.npy").open("wb")) for name in ARRAYS}
        for patient in tracked(index.patients, "preparing slices"):
            volume = preprocess.prepare_volume(np.stack([s.read_image() for s in patient.slices]))
            truth = np.stack([s.read_mask() for s in patient.slices])
            sizes.setdefault(volume.grid.size, patient.name)
            if len(sizes) > 1:
                listed = " and ".join(f"{name} gives {size} pixels" for size, name in sizes.items())
                raise UserError(f"preprocess.size=null needs volumes of one size, but {listed}: set preprocess.size")
            arrays: dict[str, NDArray[Any]] = {
                "images": volume.images,
                "masks": volume.grid.masks_to_network(truth),
                "statistics": volume.statistics[None],
                "geometries": np.array([[*volume.grid.native, *volume.grid.box, volume.grid.size]], np.int64),
            }
            for name, array in arrays.items():
                _append(files[name], array, rows.get(name, len(index.patients)))
    checksums = {name: _crc32(folder / f"{name}.npy") for name in ARRAYS}
    (folder / "checksums.json").write_text(json.dumps(checksums), encoding="utf-8")


def _append(file: BinaryIO, array: NDArray[Any], rows: int) -> None:
    """Add rows to a `.npy` file that will have `rows` of them; in a memory-mapped one, a full disk ends the process."""
    if not file.tell():
        header = np.lib.format.header_data_from_array_1_0(array[:0])
        np.lib.format.write_array_header_1_0(file, {**header, "shape": (rows, *array.shape[1:])})
    file.write(array.tobytes())
