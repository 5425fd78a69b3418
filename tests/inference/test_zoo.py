"""The models that ship: each within its limits, loadable by name, and there in an installed wheel with no network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import lgg_seg
from lgg_seg.app.caching import cached_model
from lgg_seg.deploy.publish import MAX_BYTES, add
from lgg_seg.inference.zoo import DEFAULT, MODELS, names, read_card
from lgg_seg.predict import main as predict
from lgg_seg.zoo.__main__ import main as zoo

CHECKOUT = Path(__file__).resolve().parents[2]
OFFLINE = """
import socket, sys
def refused(*_): raise OSError("no network")
socket.socket.connect = socket.getaddrinfo = refused
from lgg_seg.predict import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("name", names())
def test_a_shipped_model_is_small_honest_and_loads_by_its_name(name: str) -> None:
    card = read_card(MODELS / name)
    assert (MODELS / name / "weights.safetensors").stat().st_size == card["weights"]["bytes"] <= MAX_BYTES
    assert {path.name for path in (MODELS / name).iterdir()} == {"README.md", "card.json", "weights.safetensors"}
    assert "LGG MRI segmentation dataset" in card["data"], "the zoo is of networks trained on real patients"
    assert card["tested"]["protocol"] == "patient"
    assert card["name"] == name
    model = lgg_seg.load(name, device="cpu")
    assert model.predict(np.zeros((1, 64, 64, 3), np.uint8)).shape == (1, 64, 64)


@pytest.fixture(scope="module")
def installed(trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, unpacked, of a copy of this package with one more model in its zoo."""
    copy = tmp_path_factory.mktemp("checkout")
    ignore = shutil.ignore_patterns("__pycache__")
    for folder in ("lgg_seg", "hydra_plugins", "conf"):
        shutil.copytree(CHECKOUT / folder, copy / folder, ignore=ignore)
    for file in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(CHECKOUT / file, copy / file)
    add(trained_run, "tiny_phantom", copy / "lgg_seg" / "zoo" / "models", None)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"]
    subprocess.run(command, cwd=copy, check=True, capture_output=True, timeout=120)
    (wheel,) = (copy / "dist").glob("*.whl")
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def test_a_model_of_the_zoo_predicts_from_an_installed_wheel_without_a_network(
    installed: Path, phantom_root: Path, tmp_path: Path
) -> None:
    environment = os.environ | {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1"}
    patient = sorted(p for p in phantom_root.iterdir() if p.is_dir())[0]
    words = ["zoo=tiny_phantom", f"input={patient}", "output=out"]
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, *words],
        cwd=tmp_path, env=environment, capture_output=True, timeout=200,
     encoding="utf-8",)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").rglob("*_mask.tif"))) == 6


def test_predict_load_and_the_app_take_the_best_model_where_none_is_named(phantom_root: Path, tmp_path: Path) -> None:
    patient = sorted(p for p in phantom_root.iterdir() if p.is_dir())[0]
    assert predict([f"input={patient}", f"output={tmp_path / 'out'}", "device=cpu"]) == 0
    (used,) = json.loads((tmp_path / "out" / "provenance.json").read_text(encoding="utf-8"))["models"]
    assert used["name"] == lgg_seg.load(device="cpu").name == cached_model(("device=cpu",)).name == DEFAULT


def test_the_list_names_every_shipped_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert zoo(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == names()
    assert [line.endswith("the default") for line in lines] == [name == DEFAULT for name in names()]
