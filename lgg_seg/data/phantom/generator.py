"""A phantom data set: heads drawn by a seeded generator, in the layout of the Kaggle dataset."""

import csv
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from lgg_seg.data.kaggle.checksums import FILE, format_checksums
from lgg_seg.data.kaggle.listing import Pair, without_date
from lgg_seg.data.kaggle.scan import read_pair
from lgg_seg.data.phantom.anatomy import Volume, draw
from lgg_seg.data.phantom.marker import MARKER, written_anew
from lgg_seg.errors import UserError
from lgg_seg.files import writable

_VERSION = 2  # of the drawing; raise it when the same seed gives other pixels
# Unequal institutions, one of them with a single patient, as in the real data.
_INSTITUTIONS = ("DU", "HT", "CS", "DU", "FG", "HT", "DU")
_ALONE = {9: "EZ"}
# The real table's columns, in its order, and how many values each of the coded ones takes.
_CODED = {
    "RNASeqCluster": 4,
    "MethylationCluster": 5,
    "miRNACluster": 4,
    "CNCluster": 3,
    "RPPACluster": 4,
    "OncosignCluster": 3,
    "COCCluster": 3,
    "histological_type": 3,
    "neoplasm_histologic_grade": 2,
    "tumor_tissue_site": 1,
    "laterality": 3,
    "tumor_location": 6,
    "gender": 2,
    "age_at_initial_pathologic": 0,
    "race": 3,
    "ethnicity": 2,
    "death01": 0,
}
_GAP = 0.08  # the share of empty cells in the real table


def write_phantom(root: Path, *, patients: int = 24, slices: int = 12, size: int = 128, seed: int = 0) -> Path:
    """Write `patients` volumes of `slices` slices of `size` x `size` pixels to `root`, and return it.

    A phantom that was written with the same parameters is used as it is. Patient k of a seed has the same pixels
    whatever `patients` is. Of every seven patients one has FLAIR in place of the post-contrast sequence, of every
    eleven one in place of the pre-contrast sequence. The folder appears complete or not at all.
    """
    for name, value, least in (("patients", patients, 1), ("slices", slices, 4), ("size", size, 32), ("seed", seed, 0)):
        if value < least:
            raise UserError(f"the phantom's {name} is {value}; the least is {least}")
    parameters = {"version": _VERSION, "patients": patients, "slices": slices, "size": size, "seed": seed}
    with writable(root, "the phantom goes there: choose another root."):
        root.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(root.with_name(f".{root.name}.lock")):
            if not _is_written(root, parameters):
                _write(root, parameters)
    return root


def _is_written(root: Path, parameters: Mapping[str, int]) -> bool:
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    try:
        written = json.loads((root / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(f"{root} exists and holds no phantom; choose another root or remove it") from None
    if written == parameters:
        return True
    if written | {"version": _VERSION} != parameters:
        raise UserError(f"{root} holds a phantom with other parameters ({written}); choose another root or remove it")
    raise UserError(
        f"{root} holds a phantom that another version of lgg_seg drew; {written_anew(root)}, with other pixels: a run "
        "that was trained on it cannot go on. Or choose another root"
    )


def _write(root: Path, parameters: Mapping[str, int]) -> None:
    partial = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=root.parent))
    try:
        slices, rows = [], []
        for k in range(parameters["patients"]):
            rng = np.random.default_rng([parameters["seed"], k])
            volume = _with_tumour(rng, parameters["slices"], parameters["size"])
            name = _name(rng, k)
            channels = [1 if k % 11 == 4 else 0, 1, 1 if k % 7 == 2 else 2]  # FLAIR stands in for what is missing
            pairs = _write_patient(partial / name, volume.images[..., channels], volume.mask)
            slices += [read_pair(pair) for pair in pairs]
            rows.append(_clinical(rng, without_date(name), volume))
        with (partial / "data.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, ["Patient", *_CODED])
            writer.writeheader()
            writer.writerows(sorted(rows, key=lambda row: row["Patient"]))
        (partial / FILE).write_text(format_checksums(slices), encoding="ascii")
        (partial / MARKER).write_text(json.dumps(parameters) + "\n", encoding="utf-8")
        partial.chmod(0o755)  # mkdtemp's folders are for their owner alone
        if root.exists():
            root.rmdir()  # empty, or `_is_written` would have raised
        partial.rename(root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _with_tumour(rng: np.random.Generator, slices: int, size: int) -> Volume:
    """Draw until slices with and without tumour are both there: with few slices, one may fall between them."""
    while True:
        volume = draw(rng, slices, size)
        tumour = volume.mask.any(axis=(1, 2))
        if tumour.any() and not tumour.all():
            return volume


def _name(rng: np.random.Generator, k: int) -> str:
    """A TCGA-like name that no patient has: `TCGA_DU_P007_19950412`."""
    date = f"{rng.integers(1994, 2005)}{rng.integers(1, 13):02}{rng.integers(1, 29):02}"
    return f"TCGA_{_ALONE.get(k, _INSTITUTIONS[k % len(_INSTITUTIONS)])}_P{k:03}_{date}"


def _write_patient(folder: Path, images: NDArray[np.uint8], masks: NDArray[np.uint8]) -> list[Pair]:
    folder.mkdir()
    pairs = []
    for number, (image, mask) in enumerate(zip(images, masks, strict=True), start=1):
        stem = f"{folder.name}/{folder.name}_{number}"
        pair = Pair(folder.name, number, f"{stem}.tif", f"{stem}_mask.tif", root=folder.parent)
        for path, pixels in ((pair.image, cv2.cvtColor(image, cv2.COLOR_RGB2BGR)), (pair.mask, mask * 255)):
            _, encoded = cv2.imencode(".tif", pixels, [cv2.IMWRITE_TIFF_COMPRESSION, 1])
            path.write_bytes(encoded.tobytes())  # unlike OpenCV's own writing, it says what a full disk is
        pairs.append(pair)
    return pairs


def _clinical(rng: np.random.Generator, patient: str, volume: Volume) -> dict[str, str]:
    """A row with gaps. Shape goes with the RNASeq cluster and size with the grade, so outcome models have a signal."""
    cells = {column: str(rng.integers(1, max(count, 1) + 1)) for column, count in _CODED.items()}
    cells["RNASeqCluster"] = "2" if volume.boundary == "ragged" and rng.random() < 0.7 else cells["RNASeqCluster"]
    large = volume.mask.mean() > 0.012
    cells["neoplasm_histologic_grade"] = str(1 + int(rng.random() < (0.7 if large else 0.35)))
    cells["age_at_initial_pathologic"] = str(rng.integers(20, 76))
    cells["death01"] = str(int(rng.random() < (0.4 if large else 0.15)))
    return {"Patient": patient} | {column: cell if rng.random() >= _GAP else "" for column, cell in cells.items()}
