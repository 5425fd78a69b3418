"""Commands on run folders with mutated files: success or one sentence, and no other run loses its row."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lgg_seg.compare import compare_folders
from lgg_seg.comparison.runs import find_runs
from lgg_seg.comparison.tables import build_leaderboard
from lgg_seg.evaluate import measure
from lgg_seg.inference.trained import from_run
from lgg_seg.runs.folder import RunFolder
from lgg_seg.train import resume
from tests.comparison.run_folders import write_run
from tests.faults.fuzzing import assert_none_escapes
from tests.faults.mutators import file_mutated

pytestmark = pytest.mark.fuzz
CONFIG = "config.yaml", "overrides.yaml", "provenance.json", "status.json"
TABLES = "metrics.json", "per_patient.csv", "per_slice.csv", "history.csv"
BEST, LAST = "checkpoints/best.ckpt", "checkpoints/last.ckpt"


def mutate(draw: random.Random, run: Path, files: Sequence[str]) -> None:
    present = [name for name in files if (run / name).exists()]
    for name in draw.sample(present, draw.choice((1, 1, 2, 3))):
        file_mutated(draw, run / name)


COMMANDS: dict[str, tuple[Callable[[Path], object], Sequence[str]]] = {
    "predict": (from_run, (*CONFIG, "metrics.json", BEST)),
    "evaluate": (lambda run: measure(run, device="cpu"), (*CONFIG, "metrics.json", BEST)),
    "resume": (resume, (*CONFIG, "history.csv", BEST, LAST)),
}
"""Each with the files that it reads: of others it sees no change."""


@pytest.mark.parametrize("name", COMMANDS)
def test_a_run(name: str, trained_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command, files = COMMANDS[name]

    def attempt(draw: random.Random) -> None:
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(trained_run, run)
        RunFolder(run).set_status("interrupted")
        mutate(draw, run, files)
        command(run)

    assert_none_escapes(name, attempt)


def test_compare(tmp_path: Path) -> None:
    sound = write_run(tmp_path / "sound", ["model=unet_slim"])
    other = write_run(tmp_path / "other", ["model=unet_bn"])

    def attempt(draw: random.Random) -> None:
        folder = tmp_path / "runs"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(sound, folder / "sound")
        shutil.copytree(other, folder / "damaged")
        mutate(draw, folder / "damaged", (*CONFIG, *TABLES))
        # Nearly all of the time goes into the pictures of the page.
        whole = draw.random() < 0.05
        board = compare_folders([folder], tmp_path / "out") if whole else build_leaderboard(find_runs([folder]))
        seeds = [runs for table in board.tables for entry in table.entries for runs in entry.seeds.values()]
        assert "sound" in {run.folder.name for runs in seeds for run in runs}

    assert_none_escapes("compare", attempt)
