"""`make demo`, the first command of the README."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_make_demo(tmp_path: Path) -> None:
    """In a copy of what it needs, so that its run lands there; the environment is this one, which must be ready."""
    environment = Path(sys.prefix)
    if not (environment / ".ready").is_file():
        pytest.skip("this environment was not made by `make setup`, and the demo would make one")
    for name in ("Makefile", "pyproject.toml", "requirements.txt"):
        shutil.copy2(ROOT / name, tmp_path / name)
    command = ["make", "demo", f"VENV={environment}", "-o", str(environment / ".ready")]  # never made anew under us
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "patient/dice" in done.stdout
    [metrics] = tmp_path.glob("runs/demo/*/metrics.json")
    assert metrics.stat().st_size > 0
