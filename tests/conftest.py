"""Data sets and runs that the tests of every room share."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from lgg_seg.data.kaggle.listing import find_dataset_root
from lgg_seg.data.phantom.generator import write_phantom
from tests.workplace import Workplace, lgg

# The same examples in every run: what passes on one machine passes on the next.
settings.register_profile("reproducible", derandomize=True, deadline=None)
settings.load_profile("reproducible")

_RESTORE = Path(__file__).resolve().parents[2] / "shared" / "data" / "restore.py"
_REAL_PATIENTS = 4
_LONGEST_FIRST = ("test_soak", "test_distributed", "test_sweep", "test_every_combination", "test_multirun",
                  "test_bench", "test_train", "test_export", "test_readme", "test_config_groups", "test_browser",
                  "test_resume", "test_train_classifier", "test_network_contract", "test_page",
                  "test_every_model_and_loss", "test_studies", "test_logger", "test_sweep_to_report",
                  "test_ready_made", "test_publish", "test_wheel", "test_radiomics_commands", "test_overrides",
                  "test_tables", "test_leakage")  # fmt: skip
"""Files, as measured; no other takes a core a quarter of a minute."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the million objects of the imports out of every search for garbage: those took a twelfth of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_unconfigure() -> None:
    """Let the end of the process find them, or compiled libraries complain of leaks."""
    gc.unfreeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first, so that no core waits for one of them at the end."""
    places = {name: place for place, name in enumerate(_LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests, and the processes they start, out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LGG_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def phantom_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom data set of 12 patients with 6 slices of 64 x 64 pixels. Copy it before changing it."""
    with _shared_folder(tmp_path_factory) as folder:
        root = folder / "phantom"
        return root if root.exists() else write_phantom(root, patients=12, slices=6, size=64)


@pytest.fixture(scope="session")
def real_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four real patients: of `$LGG_DATA_ROOT`, else of the packed copy beside the repository."""
    folder = tmp_path_factory.mktemp("real")
    named = os.environ.get("LGG_DATA_ROOT")
    found = find_dataset_root(Path(named)) if named else None
    if found is not None:
        for patient in sorted(p for p in found.iterdir() if p.is_dir())[:_REAL_PATIENTS]:
            (folder / patient.name).symlink_to(patient.resolve())
        (folder / "data.csv").write_bytes((found / "data.csv").read_bytes())
        return folder
    if not _RESTORE.is_file():
        pytest.skip("the real dataset is not here: $LGG_DATA_ROOT names no data set, and no packed copy is found")
    command = [sys.executable, str(_RESTORE), str(folder), "--patients", str(_REAL_PATIENTS), "--parts", "0"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "kaggle_3m"


@pytest.fixture(scope="module")
def workplace(phantom_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A working directory away from the checkout, and the environment that points to the phantom."""
    folder = tmp_path_factory.mktemp("workplace")
    names = {"LGG_DATA_ROOT": phantom_root, "LGG_CACHE_DIR": folder / "cache", "OMP_NUM_THREADS": 1}
    return folder, os.environ | {name: str(value) for name, value in names.items()}


@pytest.fixture(scope="session")
def trained_run(phantom_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of a tiny network on the phantom. Copy it before changing it."""
    words = ["model=unet_slim", "model.alpha=0.125", "preprocess.size=32", "loss=bce_dice", "optimizer.lr=0.01"]
    words += [
        "trainer=debug",
        "trainer.enable_progress_bar=false",
        "trainer.max_epochs=6",
        "split.val=3",
        "split.test=4",
    ]
    return _run(phantom_root, tmp_path_factory, "trained_run", *words, "evaluation.n_bootstrap=50")


@pytest.fixture(scope="session")
def grade_run(phantom_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of a grade classifier, which saw two batches."""
    words = ["model=classifier_resnet50", "model.target=grade", "model.weights=null", "model.hidden=8", "loss=bce"]
    words += ["model.freeze_encoder=true", "preprocess.size=32", "debug=fast", "trainer=debug"]
    words += ["trainer.enable_progress_bar=false", "split.val=3", "split.test=3"]
    return _run(phantom_root, tmp_path_factory, "grade_run", *words)


def _run(root: Path, factory: pytest.TempPathFactory, name: str, *words: str) -> Path:
    environment = os.environ | {"LGG_DATA_ROOT": str(root), "OMP_NUM_THREADS": "1"}
    with _shared_folder(factory) as folder:
        if not (folder / name).exists():
            done = lgg((folder, environment), *words, f"hydra.run.dir={name}")
            assert done.returncode == 0, done.stderr
        return folder / name


@contextmanager
def _shared_folder(factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of all workers of pytest-xdist: what one makes in it while it holds the lock, the others find."""
    own = factory.getbasetemp()
    folder = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with FileLock(folder / "shared.lock"):
        yield folder
