"""Folders and files that may not be written or read: one sentence before anything is computed, and nothing changes."""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lgg_seg.cli.console import command
from lgg_seg.compare import compare_folders
from lgg_seg.data.kaggle.index import build_index
from lgg_seg.errors import UserError
from lgg_seg.evaluate import measure
from lgg_seg.inference.trained import from_run
from lgg_seg.runs.checkpoint import read_checkpoint
from lgg_seg.runs.folder import RunFolder
from lgg_seg.train import resume
from lgg_seg.training.experiment import Experiment
from tests.comparison.run_folders import write_run
from tests.configs import composed

OVERRIDE = (1 << 1) | (1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH: what lets root past permissions


class _Capabilities(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


@contextmanager
def as_a_user() -> Iterator[None]:
    """Permissions hold for this thread, even if it is root's."""
    if os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        pytest.skip("root passes every permission here")
    libc = ctypes.CDLL(None, use_errno=True)
    header, held = (ctypes.c_uint32 * 2)(0x20080522, 0), (_Capabilities * 2)()  # the interface's third version
    assert libc.capget(header, held) == 0
    before = held[0].effective
    held[0].effective &= ~OVERRIDE
    assert libc.capset(header, held) == 0
    try:
        yield
    finally:
        held[0].effective = before
        assert libc.capset(header, held) == 0


@contextmanager
def mode(path: Path, bits: int) -> Iterator[None]:
    """The file's or folder's permissions, while they hold."""
    before = stat.S_IMODE(path.stat().st_mode)
    path.chmod(bits)
    try:
        with as_a_user():
            yield
    finally:
        path.chmod(before)


def refusal(function: Callable[[], object], capsys: pytest.CaptureFixture[str]) -> str:
    """What a command prints that does this: a refusal."""

    @command
    def main(_arguments: list[str]) -> int:
        function()
        return 0

    assert main([]) == 2
    return capsys.readouterr().err


@pytest.fixture
def run(trained_run: Path, tmp_path: Path) -> Path:
    folder = RunFolder(shutil.copytree(trained_run, tmp_path / "run"))
    folder.set_status("interrupted")
    return folder.path


def test_a_read_only_run_is_not_resumed_and_is_evaluated_elsewhere(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    with mode(run, 0o555):
        told = refusal(lambda: resume(run), capsys)
        assert f"{run}/status.json cannot be written (Permission denied); free some space, make it writable, or" in told
        told = refusal(lambda: measure(run, split="val"), capsys)
        assert "cannot be written (Permission denied); choose another folder with output=FOLDER." in told
        place, content = measure(run, split="val", output=tmp_path / "elsewhere")
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
    assert place == tmp_path / "elsewhere"
    assert {"metrics.json", "per_patient.csv", "per_slice.csv", "figures"} <= {one.name for one in place.iterdir()}
    assert content["split"] == "val"
    assert "elsewhere cannot be written (File exists)" in refusal(lambda: measure(run, output=place), capsys)


@pytest.mark.parametrize(
    ("file", "does"),
    [
        ("checkpoints/last.ckpt", lambda run: read_checkpoint(run / "checkpoints" / "last.ckpt")),
        ("checkpoints/last.ckpt", resume),
        ("checkpoints", resume),
        ("checkpoints/best.ckpt", from_run),
        ("config.yaml", measure),
        ("status.json", resume),
        (".", resume),
        (".", measure),
        (".", from_run),
    ],
)
def test_what_may_not_be_read_is_not_called_damaged(
    file: str, does: Callable[[Path], object], run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with mode(run / file, 0):
        told = refusal(lambda: does(run), capsys)
    assert "(Permission denied); see to its permissions" in told
    assert "damaged" not in told


def test_an_unreadable_run_costs_a_leaderboard_its_row_alone(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    for name in ("unet_slim", "unet_bn"):
        write_run(sweep / name, [f"model={name}"])
    with mode(sweep / "unet_bn" / "metrics.json", 0):
        board = compare_folders([sweep], tmp_path / "out")
    assert [len(table.entries) for table in board.tables] == [1]
    assert [row.run.reason for row in board.unmeasured] == [
        f"{sweep / 'unet_bn' / 'metrics.json'} cannot be used (Permission denied); see to its permissions."
    ]


@pytest.mark.parametrize("name", ["", "data.csv", "TCGA"])
def test_data_that_may_not_be_read_are_named(
    name: str, phantom_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(shutil.copytree(phantom_root, tmp_path / "data"))
    path = next(root.glob(f"{name}*")) if name else root
    with mode(path, 0):
        told = refusal(lambda: build_index(root, cache_dir=tmp_path / "cache"), capsys)
    assert f"{path} cannot be used (Permission denied); see to its permissions." in told


def test_a_link_out_of_the_run_is_not_written_through(trained_run: Path, tmp_path: Path) -> None:
    run, outside = shutil.copytree(trained_run, tmp_path / "run"), tmp_path / "outside"
    outside.mkdir()
    (run / "checkpoints").rename(outside / "checkpoints")
    (run / "checkpoints").symlink_to(outside / "checkpoints")
    (run / "history.link").symlink_to(run / "history.csv")
    (run / "wandb" / "offline-run-1" / "logs").mkdir(parents=True)
    (run / "wandb" / "offline-run-1" / "logs" / "debug-core.log").symlink_to(tmp_path / "core.log")
    RunFolder(run).require_no_links_outside()  # a larger disk's, one that stays, and W&B's own
    (run / "wandb" / "debug.log").symlink_to(tmp_path / "core.log")
    with pytest.raises(UserError, match=r"debug\.log is a link out"):
        RunFolder(run).require_no_links_outside()
    (run / "wandb" / "debug.log").unlink()
    (run / "figures").rename(outside / "figures")
    (run / "figures").symlink_to(outside / "figures")
    with pytest.raises(UserError, match="figures is a link out of the run's folder"):
        resume(run)


@pytest.mark.parametrize("key", ["name", "version"])
def test_a_logger_writes_into_the_run_alone(key: str, tmp_path: Path) -> None:
    config = composed("logger=tensorboard", f"logger.tensorboard.{key}={tmp_path}/elsewhere")
    with pytest.raises(UserError, match="outside the run's folder"):
        Experiment.of(config).loggers(tmp_path / "run")
    config = composed("logger=tensorboard", f"logger.tensorboard.{key}=mine")
    assert len(Experiment.of(config).loggers(tmp_path / "run")) == 1
