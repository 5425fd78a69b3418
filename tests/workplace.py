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

FORKSERVER = multiprocessing.get_context("forkserver")
"""Processes forked from one that has imported the heavy libraries already: PyTorch costs more than most commands."""
FORKSERVER.set_forkserver_preload(
    ["lgg_seg.train", "lgg_seg.evaluate", "lgg_seg.predict", "lgg_seg.compare", "lgg_seg.sweeps.sweeper",
     "lgg_seg.sweeps.job", "lgg_seg.data.kaggle.download", "lgg_seg.reporting.wandb.report",
     "sklearn.metrics", "skimage.measure", "segmentation_models_pytorch", "torch.utils.tensorboard", "tests.preloaded"]
)  # fmt: skip

Workplace = tuple[Path, dict[str, str]]
"""The directory, and the environment that points to the phantom."""

TINY = (
    "model=unet_slim",
    "model.alpha=0.0625",
    "preprocess.size=32",
    "trainer=debug",
    "trainer.enable_progress_bar=false",
)


class Command:
    """`python -m module words` in a process of its own, forked from the `FORKSERVER`."""

    def __init__(self, workplace: Workplace, *words: str, module: str = "lgg_seg") -> None:
        self.words = [module, *words]
        self._streams = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115  # `wait` closes them
        streams = [multiprocessing.reduction.DupFd(stream.fileno()) for stream in self._streams]
        self._process = FORKSERVER.Process(target=_run_module, args=(self.words, *workplace, *streams))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def is_running(self) -> bool:
        return self._process.is_alive()

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self, timeout: float = TIMEOUT) -> subprocess.CompletedProcess[str]:
        """How it ended and what it printed; a process that does not end in `timeout` seconds is killed."""
        self._process.join(timeout)
        code = self._process.exitcode
        self._process.kill()
        self._process.join()
        texts = [os.pread(stream.fileno(), os.fstat(stream.fileno()).st_size, 0) for stream in self._streams]
        for stream in self._streams:
            stream.close()
        printed, errors = (text.decode(errors="replace") for text in texts)
        if code is None:
            raise subprocess.TimeoutExpired(self.words, timeout, printed, errors)
        return subprocess.CompletedProcess(self.words, code, printed, errors)


def lgg(workplace: Workplace, *words: str, module: str = "lgg_seg") -> subprocess.CompletedProcess[str]:
    """The end of a `Command`."""
    return Command(workplace, *words, module=module).wait()


def train(workplace: Workplace, name: str, *words: str) -> Path:
    """The folder of a small run below the workplace, finished."""
    done = lgg(workplace, *TINY, f"hydra.run.dir={name}", *words)
    assert done.returncode == 0, done.stderr
    return workplace[0] / name


def _run_module(words: list[str], folder: Path, environment: dict[str, str], out: Any, err: Any) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(out.detach(), 1)
    os.dup2(err.detach(), 2)
    multiprocessing.set_start_method(None, force=True)  # a command's own processes start as they do anywhere
    sys.argv = words
    sys.path.insert(0, str(folder))
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)


def metrics(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return content
