"""The command line from a working directory away from the checkout."""

from __future__ import annotations

import json
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

RUN_FILES = {
    "config.yaml", "overrides.yaml", "provenance.json", "status.json", "run.log", "history.csv", "metrics.json",
    "per_patient.csv", "per_slice.csv", "checkpoints/best.ckpt", "checkpoints/last.ckpt", "figures/learning_curves.png",
}  # fmt: skip
"""What a run of either task leaves."""

TIMEOUT = 300  # seconds

Workplace = tuple[Path, dict[str, str]]
"""The directory, and the environment that points to the phantom."""


def lgg(workplace: Workplace, *words: str, module: str = "lgg_seg") -> subprocess.CompletedProcess[str]:
    """`python -m module words` in a process of its own, forked from one that has imported PyTorch already.

    An import of PyTorch and Lightning costs more than most of these commands.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lgg_seg.train", "lgg_seg.sweeps.command", "lgg_seg.compare", "lgg_seg.predict"])
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        streams = [multiprocessing.reduction.DupFd(stream.fileno()) for stream in (out, err)]
        process = context.Process(target=_run_module, args=([module, *words], *workplace, *streams))
        process.start()
        process.join(TIMEOUT)
        code = process.exitcode
        process.kill()
        process.join()
        texts = [os.pread(stream.fileno(), os.fstat(stream.fileno()).st_size, 0) for stream in (out, err)]
    printed, errors = (text.decode(errors="replace") for text in texts)
    if code is None:
        raise subprocess.TimeoutExpired([module, *words], TIMEOUT, printed, errors)
    return subprocess.CompletedProcess([module, *words], code, printed, errors)


def _run_module(words: list[str], folder: Path, environment: dict[str, str], out: Any, err: Any) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(out.detach(), 1)
    os.dup2(err.detach(), 2)
    sys.argv = words
    sys.path.insert(0, str(folder))
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)


def metrics(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return content
