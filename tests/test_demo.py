"""`make demo`, the first command of the README."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workplace import lgg

ROOT = Path(__file__).parents[1]
READY = Path(sys.prefix) / ".ready"
DEMO = (
    "make",
    "demo",
    f"VENV={sys.prefix}",
    "-o",
    str(READY),
)  # the environment of the tests, never made anew under us


def test_the_demo_runs_from_data_to_result_table(tmp_path: Path) -> None:
    """The command that `make demo` would start, for one epoch, away from the checkout."""
    printed = subprocess.run([*DEMO, "-n"], cwd=ROOT, capture_output=True, check=True, encoding="utf-8").stdout
    *_, command = printed.strip().splitlines()
    python, _, module, *words = command.split()
    assert python == f"{sys.prefix}/bin/python"
    done = lgg((tmp_path, os.environ | {"OMP_NUM_THREADS": "1"}), *words, "trainer.max_epochs=1", module=module)
    assert done.returncode == 0, done.stderr
    assert_measured(done.stdout, tmp_path)


@pytest.mark.soak
def test_make_demo(tmp_path: Path) -> None:
    """As it is, in a copy of what it needs, so that its run lands there."""
    if not READY.is_file():
        pytest.skip("this environment was not made by `make setup`, and the demo would make one")
    for name in ("Makefile", "pyproject.toml", "requirements.txt"):
        shutil.copy2(ROOT / name, tmp_path / name)
    done = subprocess.run(DEMO, cwd=tmp_path, capture_output=True, timeout=300, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert_measured(done.stdout, tmp_path)


def assert_measured(printed: str, folder: Path) -> None:
    assert "patient/dice" in printed
    [metrics] = folder.glob("runs/demo/*/metrics.json")
    assert metrics.stat().st_size > 0
