"""A checkpoint is whole or not there; a damaged one and a changed config or data set are noticed before training."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from lgg_seg.data.datamodule import DataModule
from lgg_seg.errors import UserError
from lgg_seg.evaluate import measure
from lgg_seg.files import require_space
from lgg_seg.runs.checkpoint import read_checkpoint, read_newest, write_checkpoint
from lgg_seg.runs.folder import RunFolder
from lgg_seg.runs.identity import changed_keys
from lgg_seg.runs.provenance import data_differences, split_metadata
from lgg_seg.train import resume
from lgg_seg.training.checkpoints import AtomicCheckpoints, EpochCheckpoints, require_space_for_checkpoints
from lgg_seg.training.experiment import Experiment
from tests.configs import composed
from tests.workplace import Workplace, lgg, metrics

CONTENT = {"state_dict": {"network.weight": torch.arange(50_000.0)}, "epoch": 3}


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file can grow beyond `size` bytes, as on a disk that has no more."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def stopped(trained_run: Path, tmp_path: Path) -> RunFolder:
    """A run of six epochs that was interrupted in its test."""
    folder = RunFolder(Path(shutil.copytree(trained_run, tmp_path / "run")))
    folder.set_status("interrupted")
    return folder


@pytest.mark.parametrize("size", [0, 1_000, 100_000])
def test_a_full_disk_leaves_the_checkpoint_that_was_there(tmp_path: Path, size: int) -> None:
    target = tmp_path / "last.ckpt"
    AtomicCheckpoints().save_checkpoint(CONTENT, target)
    with full_disk(size), pytest.raises(UserError, match=r"last\.ckpt cannot be written \(File too large\); free"):
        AtomicCheckpoints().save_checkpoint(CONTENT | {"epoch": 4}, target)
    assert read_checkpoint(target)["epoch"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


def test_a_checkpoint_larger_than_the_disk_is_refused_before_training(tmp_path: Path) -> None:
    network = torch.nn.Linear(10**7, 10**7, device="meta")
    with pytest.raises(UserError, match=r"checkpoints needs about .* MB are free"):
        require_space_for_checkpoints(RunFolder(tmp_path), network)
    require_space(tmp_path, 1, "a byte", "")


def test_the_checkpoints_of_every_nth_epoch_need_space_too(tmp_path: Path) -> None:
    network = torch.nn.Linear(1000, 1000, device="meta")
    require_space_for_checkpoints(RunFolder(tmp_path), network, [], 10**9)
    with pytest.raises(UserError, match=r"checkpoints needs about .* MB are free"):
        require_space_for_checkpoints(RunFolder(tmp_path), network, [EpochCheckpoints(10)], 10**9)


def test_what_a_resumed_run_replaces_needs_no_space_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, network = RunFolder(tmp_path), torch.nn.Linear(1000, 1000)  # 12 MB with its moments
    folder.create()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=20_000_000))
    with pytest.raises(UserError, match="needs about 36 MB"):
        require_space_for_checkpoints(folder, network)
    folder.best.touch()
    folder.last.touch()
    require_space_for_checkpoints(folder, network)


def test_any_flipped_byte_of_a_checkpoint_with_a_digest_is_found(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    write_checkpoint(CONTENT, path)
    assert torch.equal(torch.load(path, weights_only=True)["state_dict"]["network.weight"], torch.arange(50_000.0))
    size = path.stat().st_size
    for place in (*range(0, size - 71, 9973), size - 93, size - 1):
        flip(path, place)
        with pytest.raises(UserError, match=r"last\.ckpt is damaged"):
            read_checkpoint(path)
        flip(path, place)
    assert read_checkpoint(path)["epoch"] == 3


def test_a_damaged_last_checkpoint_is_replaced_by_the_best_one_and_that_is_said(
    stopped: RunFolder, trained_run: Path, workplace: Workplace
) -> None:
    flip(stopped.last, 5000)
    done = lgg(workplace, f"resume={stopped.path}")
    assert done.returncode == 0, done.stderr
    assert "last.ckpt is damaged" in done.stderr
    assert "best.ckpt, is taken in its place" in done.stderr
    assert metrics(stopped.path)["metrics"] == metrics(trained_run)["metrics"]
    ours, theirs = (read_checkpoint(RunFolder(path).last)["state_dict"] for path in (stopped.path, trained_run))
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())
    flip(stopped.last, 5000)
    flip(stopped.best, 5000)
    with pytest.raises(UserError, match=r"best\.ckpt is damaged"):
        read_newest(stopped)


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's file takes root to make")
def test_a_checkpoint_that_may_not_be_read_is_not_called_damaged(tmp_path: Path) -> None:
    tmp_path.parent.parent.chmod(0o755)
    tmp_path.parent.chmod(0o755)
    tmp_path.chmod(0o755)
    path = tmp_path / "last.ckpt"
    write_checkpoint(CONTENT, path)
    path.chmod(0)
    os.seteuid(65534)
    try:
        with pytest.raises(UserError, match=r"last\.ckpt cannot be read \(Permission denied\)"):
            read_checkpoint(path)
    finally:
        os.seteuid(0)


def test_a_run_without_the_checkpoint_that_is_needed_says_what_to_do(stopped: RunFolder) -> None:
    stopped.best.unlink()
    with pytest.raises(UserError, match=rf"best\.ckpt is missing; .* so go on with it by resume={stopped.path}\.$"):
        measure(stopped.path)
    stopped.last.unlink()
    before = sorted(stopped.path.rglob("*"))
    with pytest.raises(
        UserError, match=r"last\.ckpt is missing; the run has not finished an epoch, so start it anew\.$"
    ):
        resume(stopped.path)
    assert sorted(stopped.path.rglob("*")) == before


CHANGED: list[tuple[str, Any]] = [
    ("optimizer.lr", 0.5), ("loss.smooth", 3.0), ("seed", 7), ("data.batch_size", 3), ("preprocess.size", 48),
    ("preprocess.normalize", "unit"), ("model.alpha", 0.25), ("scheduler._target_", "lgg_seg.schedulers.none"),
    ("callbacks.early_stopping.patience", 99),
]  # fmt: skip


def test_a_resumed_run_refuses_another_config_and_names_the_keys(stopped: RunFolder, workplace: Workplace) -> None:
    config = OmegaConf.load(stopped.path / "config.yaml")
    config.optimizer.lr, config.seed = 0.5, 7
    OmegaConf.save(config, stopped.path / "config.yaml")
    before = stopped.last.read_bytes()
    done = lgg(workplace, f"resume={stopped.path}")
    assert done.returncode == 2
    assert "optimizer.lr was 0.01, is 0.5; seed was 0, is 7" in done.stderr
    assert "Traceback" not in done.stderr
    assert stopped.last.read_bytes() == before


@pytest.mark.parametrize(("key", "value"), CHANGED)
def test_each_key_of_the_training_counts(stopped: RunFolder, key: str, value: object) -> None:
    before = read_checkpoint(stopped.last)["config"]
    now = OmegaConf.create(before)
    OmegaConf.update(now, key, value, force_add=True)
    assert list(changed_keys(before, OmegaConf.to_container(now))) == [key]  # type: ignore[arg-type]  # a mapping


def test_what_leaves_the_training_as_it_is_may_change(stopped: RunFolder) -> None:
    before = read_checkpoint(stopped.last)["config"]
    words = ["trainer.max_epochs=99", "trainer.accelerator=gpu", "data.workers=3", "logger=none", "evaluation.tta=true"]
    now, default = (OmegaConf.to_container(composed(*one), resolve=True) for one in (words, []))
    assert changed_keys(default, now) == {}  # type: ignore[arg-type]  # a mapping
    assert changed_keys(before, before) == {}


def ready(root: Path, *words: str) -> DataModule:
    data = Experiment.of(composed("split.val=3", "split.test=3", *words)).existing_data(root)
    data.setup()
    return data


def test_changed_data_are_told_by_what_has_changed(phantom_root: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(phantom_root, tmp_path / "tree"))
    data, other = ready(root), ready(root, "split.seed=9")
    recorded = {"data_fingerprint": data.index.fingerprint, "split": split_metadata(data.index, data.split)}
    assert data_differences(recorded, data.index, data.split) == ""
    assert "in another subset" in data_differences(recorded, other.index, other.split)
    patient = sorted(path for path in root.iterdir() if path.is_dir())[0]
    (patient / f"{patient.name}_6.tif").unlink()
    (patient / f"{patient.name}_6_mask.tif").unlink()
    shutil.rmtree(sorted(path for path in root.iterdir() if path.is_dir())[1])
    fewer = ready(root)
    told = data_differences(recorded, fewer.index, fewer.split)
    assert "1 gone" in told
    assert f"1 with other slices ({patient.name})" in told
