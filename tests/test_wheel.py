"""The wheel is the whole of what a user needs, and runs away from the checkout."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

import lgg_seg

CHECKOUT = Path(__file__).resolve().parents[1]
OFFLINE = """
import socket, sys
def refused(*_): raise OSError("no network")
socket.socket.connect = socket.getaddrinfo = refused
from lgg_seg.predict import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without a network by what is installed."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked, which for pure Python is what an installer does."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def python(installed: Path, folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Python in another folder, with the unpacked wheel ahead of everything else."""
    environment = os.environ | {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1"}
    environment |= variables
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        timeout=120,
        encoding="utf-8",
    )


def test_the_wheel_holds_every_module_every_config_and_the_checksums_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    ours = {
        str(file.relative_to(CHECKOUT))
        for package in ("lgg_seg", "hydra_plugins")
        for file in (CHECKOUT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    configs = {f"lgg_seg/{file.relative_to(CHECKOUT)}" for file in (CHECKOUT / "conf").rglob("*.yaml")}
    assert {"lgg_seg/data/kaggle/kaggle_checksums.txt", "lgg_seg/py.typed"} <= names
    assert len(configs) > 30
    assert names == ours | configs


def test_the_wheel_names_the_command_and_its_dependencies(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        text = {Path(name).name: archive.read(name).decode() for name in archive.namelist() if ".dist-info/" in name}
    assert "lgg-seg = lgg_seg.__main__:main" in text["entry_points.txt"]
    assert "Requires-Dist: torch>=2.11" in text["METADATA"]


def test_the_version_and_licence_are_the_same_wherever_they_stand(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = next(archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA"))
    citation = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text(encoding="utf-8"))
    assert f"\nVersion: {lgg_seg.__version__}\n" in metadata
    assert f"\nLicense-Expression: {citation['license']}\n" in metadata
    assert citation["version"] == lgg_seg.__version__
    assert f"## [{lgg_seg.__version__}]" in (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_command_runs_from_the_wheel_in_another_folder(installed: Path, tmp_path: Path) -> None:
    where = python(installed, tmp_path, "-c", "import lgg_seg; print(lgg_seg.__file__)")
    assert Path(where.stdout.strip()) == installed / "lgg_seg" / "__init__.py"
    done = python(installed, tmp_path, "-m", "lgg_seg", "model=r2unet", "loss=focal", "--cfg", "job")
    assert done.returncode == 0, done.stderr
    assert "_target_: lgg_seg.networks.R2UNet" in done.stdout
    assert "_target_: lgg_seg.losses.Focal" in done.stdout
    assert not list(tmp_path.iterdir()), "looking at a config writes nothing"


def test_the_example_of_a_users_own_network_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    text = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Code and configs of your own")[2]
    blocks = re.findall(r"```\w+\n(.*?)```", text, re.DOTALL)[:3]
    for content in blocks[:2]:
        file = tmp_path / content.splitlines()[0].removeprefix("# ")
        file.parent.mkdir(parents=True)
        file.write_text(content, encoding="utf-8")
    named, command, *words = shlex.split(blocks[2])
    assert (named, command) == ("LGG_SEG_PACKAGES=mypkg", "python")
    small = ("data.tree.patients=6", "data.tree.slices=4", "data.tree.size=32", "preprocess.size=32", "split.val=2",
             "split.test=2", "logger=none", "trainer=debug")  # fmt: skip
    own = {"LGG_SEG_PACKAGES": "mypkg", "LGG_CACHE_DIR": str(tmp_path), "PYTHONSAFEPATH": ""}
    done = python(installed, tmp_path, *words, *small, **own)
    assert done.returncode == 0, done.stderr
    assert "_target_: mypkg.Net" in next(tmp_path.glob("runs/mine/*/config.yaml")).read_text(encoding="utf-8")


def test_the_wheel_writes_and_verifies_a_phantom_tree(installed: Path, tmp_path: Path) -> None:
    """The data room reads files of the package, which must be where it looks for them."""
    words = ("patients=2", "slices=4", "size=48")
    done = python(installed, tmp_path, "-m", "lgg_seg.data", "phantom", "root=tree", *words)
    assert done.returncode == 0, done.stderr
    checked = python(installed, tmp_path, "-m", "lgg_seg.data", "verify", "root=tree")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_model_of_the_zoo_predicts_without_a_network(installed: Path, phantom_root: Path, tmp_path: Path) -> None:
    patient = sorted(p for p in phantom_root.iterdir() if p.is_dir())[0]
    done = python(installed, tmp_path, "-c", OFFLINE, "zoo=unet_slim", f"input={patient}", "output=out")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").rglob("*_mask.tif"))) == 6
