"""Too little memory, a killed loader, too many threads: one sentence with the remedy."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable

import numpy as np
import psutil
import pytest
import torch

from lgg_seg.cli.console import command
from lgg_seg.data.preprocessing import Preprocess
from lgg_seg.errors import UserError
from lgg_seg.runs.folder import RunFolder
from lgg_seg.training.experiment import Experiment
from tests.configs import composed
from tests.faults.killed import SMALL
from tests.workplace import Command, Workplace

HUGE = 2**46  # bytes times 8: more than a processor can address


def no_memory() -> None:
    raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))


@pytest.mark.parametrize("allocate", [lambda: torch.empty(HUGE), lambda: np.ones(HUGE), no_memory])
def test_an_allocation_that_fails_ends_a_command_with_a_sentence(
    allocate: Callable[[], object], capsys: pytest.CaptureFixture[str]
) -> None:
    @command
    def main(_arguments: list[str]) -> int:
        allocate()
        return 0

    assert main([]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: The device ran out of memory (")
    assert told.endswith("take a smaller batch, smaller images or another device.\n")


def test_slices_of_a_size_that_no_memory_holds_are_refused() -> None:
    with pytest.raises(UserError, match=r"preprocess\.size is 10000000; it must be 1 to 4096 pixels, or null"):
        Preprocess(size=10_000_000)


def test_more_threads_than_cores_are_refused_and_those_of_another_machine_are_cut() -> None:
    config = composed("trainer=debug", "trainer.threads=100000")
    with pytest.raises(UserError, match=r"trainer\.threads is 100000; it must be 1 to \d+, this machine's cores"):
        Experiment.of(config).trainer.prepare()
    before = torch.get_num_threads()
    try:
        Experiment.of(config).trainer.prepare_again()
        assert torch.get_num_threads() <= (os.cpu_count() or 1)
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(False)


def test_a_killed_loader_ends_the_run_with_the_remedy(workplace: Workplace) -> None:
    folder = RunFolder(workplace[0] / "loader")
    words = [*SMALL, "trainer.max_epochs=500", "callbacks=none", "data.workers=1", "hydra.run.dir=loader"]
    run = Command(workplace, *words)
    while not folder.last.exists():
        assert run.is_running(), run.wait().stderr
        time.sleep(0.01)
    others = psutil.Process(run.pid).children(recursive=True)
    next(one for one in others if not one.children() and "resource_tracker" not in " ".join(one.cmdline())).kill()
    done = run.wait()
    assert done.returncode == 2, done.stderr
    assert "A process that loads training data was killed, as happens when memory runs out" in done.stderr
    assert "Traceback" not in done.stderr
    status = folder.read_json("status.json")
    assert status["state"] == "failed"
    assert "data.workers" in status["reason"]
