"""Trees that the tests of every room share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lgg_seg.data.phantom.generator import write_phantom
from lgg_seg.data.tree.listing import find_tree

_RESTORE = Path(__file__).resolve().parents[2] / "shared" / "data" / "restore.py"
_REAL_PATIENTS = 4


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests, and the processes they start, out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LGG_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def phantom_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom tree of 12 patients with 6 slices of 64 x 64 pixels. Copy it before changing it."""
    return write_phantom(tmp_path_factory.mktemp("data") / "phantom", patients=12, slices=6, size=64)


@pytest.fixture(scope="session")
def real_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four real patients: of `$LGG_DATA_ROOT`, else of the packed copy beside the repository."""
    folder = tmp_path_factory.mktemp("real")
    named = os.environ.get("LGG_DATA_ROOT")
    tree = find_tree(Path(named)) if named else None
    if tree is not None:
        for patient in sorted(p for p in tree.iterdir() if p.is_dir())[:_REAL_PATIENTS]:
            (folder / patient.name).symlink_to(patient.resolve())
        (folder / "data.csv").write_bytes((tree / "data.csv").read_bytes())
        return folder
    if not _RESTORE.is_file():
        pytest.skip("the real dataset is not here: $LGG_DATA_ROOT names no tree, and no packed copy is found")
    command = [sys.executable, str(_RESTORE), str(folder), "--patients", str(_REAL_PATIENTS), "--parts", "0"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "kaggle_3m"
