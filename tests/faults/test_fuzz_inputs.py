"""Mutated scans and archives, names and overrides: success or one sentence."""

from __future__ import annotations

import gzip
import io
import random
import shutil
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import tifffile

from lgg_seg.app.uploads import read_upload
from lgg_seg.config.groups import groups
from lgg_seg.config.overrides import check_overrides, compose_config
from lgg_seg.predict import predict
from lgg_seg.scans.slices import SliceFiles
from lgg_seg.scans.volumes import VolumeFiles
from lgg_seg.training.experiment import Experiment
from tests.faults.fuzzing import assert_none_escapes
from tests.faults.mutators import ODD, bytes_mutated

pytestmark = pytest.mark.fuzz
PIXELS = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
"""A slice with contrast in every channel."""
COMPRESSIONS = (None, "lzw", "zlib", "packbits")
AFFINE = np.diag([-1.0, -1, 3, 1])


def tiff(draw: random.Random) -> bytes:
    stream = io.BytesIO()
    pixels = draw.choice((PIXELS, PIXELS[..., 0], PIXELS.astype(np.uint16)))
    photometric = "rgb" if pixels.ndim == 3 else "minisblack"
    tile = draw.choice((None, None, (16, 16)))
    tifffile.imwrite(stream, pixels, photometric=photometric, compression=draw.choice(COMPRESSIONS), tile=tile)
    return bytes_mutated(draw, stream.getvalue(), 300)


def nifti(draw: random.Random) -> bytes:
    kind = draw.choice((nib.Nifti1Image, nib.Nifti2Image))
    voxels = draw.choice((PIXELS[..., 0], PIXELS, PIXELS.astype(np.float32)))
    voxels = voxels.reshape(6, 8, 8, -1) if voxels.ndim == 3 else voxels.reshape(6, 8, 8)
    return bytes_mutated(draw, kind(voxels, AFFINE).to_bytes(), 560)


def test_tiff(tmp_path: Path) -> None:
    def attempt(draw: random.Random) -> None:
        (tmp_path / "v_1.tif").write_bytes(tiff(draw))
        SliceFiles.of_one("v_1.tif").read(tmp_path)

    assert_none_escapes("tiff", attempt)


def test_nifti(tmp_path: Path) -> None:
    def attempt(draw: random.Random) -> None:
        name, content = draw.choice(("v.nii", "v.nii.gz")), nifti(draw)
        if name.endswith("gz"):
            content = gzip.compress(content, 1)
            content = bytes_mutated(draw, content) if draw.random() < 0.3 else content
        (tmp_path / name).write_bytes(content)
        VolumeFiles("v", "v", {"FLAIR": name}).read(tmp_path)

    assert_none_escapes("nifti", attempt)


def test_zip() -> None:
    def attempt(draw: random.Random) -> None:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            for number in range(3):
                name = _name(draw).replace("\udcff", "ÿ")  # zipfile writes no name that is not text
                archive.writestr(name or f"p/p_{number}.tif", tiff(draw))
        upload = read_upload([("p.zip", bytes_mutated(draw, stream.getvalue()))])
        assert upload.volumes or upload.issues

    assert_none_escapes("zip", attempt)


def _name(draw: random.Random) -> str:
    letters = ("p", "_1", "_flair", "_t1", "=", "é", "\x1b", "\n", "a" * 120, " ", "..", "-", ",", '"', "\udcff")
    stem = "".join(draw.choices(letters, k=draw.randint(0, 5)))[:240]  # a file system takes 255 bytes
    return stem + draw.choice((".tif", ".tiff", ".TIF"))


def test_predict(tmp_path: Path) -> None:
    """The whole command, on files of any name beside a sound patient."""
    tifffile.imwrite(tmp_path / "sound_1.tif", PIXELS, photometric="rgb")

    def attempt(draw: random.Random) -> None:
        source, output = tmp_path / "in", tmp_path / "out"
        for folder in (source, output):
            shutil.rmtree(folder, ignore_errors=True)
        (source / "sound").mkdir(parents=True)
        shutil.copy(tmp_path / "sound_1.tif", source / "sound")
        for _ in range(3):
            folder = source / draw.choice(("a", "b", "=c", "é" * 100, "\udcff"))
            folder.mkdir(exist_ok=True)
            name = _name(draw).replace("..", ".")
            scan = name.endswith((".tif", ".TIF")) and draw.random() < 0.7
            path = folder / (name if scan else Path(name).stem + draw.choice((".nii", ".nii.gz")))
            content = tiff(draw) if scan else nifti(draw)
            path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        result = predict(output=output, input=source, zoo="unet_slim", device="cpu", overlays="all")
        assert "sound/sound" in {row["volume"] for row in result.volumes} or any(
            row["volume"] == "sound" for row in result.volumes
        )

    assert_none_escapes("predict", attempt)


def test_overrides() -> None:
    config = compose_config()
    keys = ["hydra.run.dir", "hydra.job.name", "hydra/launcher", "sweep", "experiment", "debug", *_keys(config)]
    members = groups()
    values = [str(value) for value in ODD if not isinstance(value, dict)] + [
        "${oc.env:NOPE}", "${..name}", "${seed}", "${", "null", "none", "[1,2]", "{a:1}", "'", "a,b", "range(3)",
        "choice(1,2)", "interval(0,1)", "1e999", "${hydra:job.name}", "${oc.decode:1}", "glob(*)", "unet", "0.5", "\\",
    ]  # fmt: skip

    def word(draw: random.Random) -> str:
        key = draw.choice(keys)
        if draw.random() < 0.1:
            key += draw.choice((".x", ".0", ".", "@x", ".lr", "._target_"))
        choices = members[key] if key in members and draw.random() < 0.7 else values
        text = f"{draw.choice(('', '', '', '+', '++', '~'))}{key}={draw.choice(choices)}"
        return text.partition("=")[0] if draw.random() < 0.05 else text

    def attempt(draw: random.Random) -> None:
        words = [word(draw) for _ in range(draw.choice((1, 1, 2, 4)))]
        check_overrides(words, sweep=False)
        Experiment.of(compose_config(words))

    assert_none_escapes("overrides", attempt)


def _keys(node: object, prefix: str = "") -> list[str]:
    if not hasattr(node, "items"):
        return [prefix]
    return [*([prefix] if prefix else []),
            *(key for name, child in node.items() for key in _keys(child, f"{prefix}.{name}".lstrip(".")))]  # fmt: skip
