"""The command line from a working directory away from the checkout."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

RUN_FILES = {
    "config.yaml", "overrides.yaml", "provenance.json", "status.json", "run.log", "history.csv", "metrics.json",
    "per_patient.csv", "per_slice.csv", "checkpoints/best.ckpt", "checkpoints/last.ckpt", "figures/learning_curves.png",
}  # fmt: skip
"""What a run of either task leaves."""

Workplace = tuple[Path, dict[str, str]]
"""The directory, and the environment that points to the phantom tree."""


def lgg(workplace: Workplace, *words: str, module: str = "lgg_seg") -> subprocess.CompletedProcess[str]:
    folder, environment = workplace
    command = [sys.executable, "-m", module, *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def metrics(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return content
