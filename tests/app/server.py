"""The command as people start it, in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

PATIENCE = 90.0  # seconds; a machine that does other things may take long to import torch


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`python -m lgg_seg.app … port=0 headless=true` in that folder: the process, and the address once it answers."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HOME": str(folder), "TMPDIR": str(folder), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "lgg_seg.app", "port=0", "headless=true", "device=cpu", *words]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        preexec_fn=_as_of_a_terminal,
    ) as process:
        try:
            yield process, _address(process)
        finally:
            process.kill()


def _as_of_a_terminal() -> None:
    """A process that nohup started hands on that SIGHUP is ignored."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if found := re.search(r"http://localhost:\d+", line):
            break
    else:
        raise AssertionError(said)
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        try:
            with urlopen(f"{found[0]}/_stcore/health", timeout=5) as answer:
                assert answer.read() == b"ok"
                return found[0]
        except (URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError(f"{found[0]} does not answer")
