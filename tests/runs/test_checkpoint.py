"""Weights come out of a checkpoint unchanged or not at all, and no code runs on the way."""

from __future__ import annotations

import os
import pickle
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from lgg_seg.errors import UserError
from lgg_seg.networks import UNet
from lgg_seg.runs.checkpoint import load_weights, read_checkpoint, write_checkpoint


def network(filters: int = 1) -> nn.Module:
    return UNet(filters=filters, batch_norm=True)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as Lightning writes it: the network's state under a prefix, beside that of other parts."""
    path = tmp_path_factory.mktemp("checkpoint") / "best.ckpt"
    torch.manual_seed(1)
    state = {f"network.{name}": value for name, value in network().state_dict().items()}
    torch.save({"state_dict": state | {"train_dice.counts": torch.zeros(3)}, "epoch": 2}, path)
    return path


def test_the_network_gets_the_weights_that_were_saved(saved: Path) -> None:
    ours = network()
    load_weights(ours, saved)
    state = torch.load(saved, weights_only=True)["state_dict"]
    assert all(torch.equal(value, state[f"network.{name}"]) for name, value in ours.state_dict().items())


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"best\.ckpt is missing"):
        read_checkpoint(tmp_path / "best.ckpt")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.9999])
def test_a_truncated_checkpoint_is_named(saved: Path, tmp_path: Path, share: float) -> None:
    content = saved.read_bytes()
    cut = tmp_path / "cut.ckpt"
    cut.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match=r"cut\.ckpt is damaged"):
        read_checkpoint(cut)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_bit_is_detected_or_has_no_effect(saved: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(saved.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    flipped = tmp_path / "flipped.ckpt"
    flipped.write_bytes(content)
    try:
        state = read_checkpoint(flipped)["state_dict"]
    except UserError as error:
        assert str(flipped) in str(error)  # noqa: PT017  # an error is one of two right outcomes
    else:
        sound = torch.load(saved, weights_only=True)["state_dict"]
        assert state.keys() == sound.keys()
        assert all(torch.equal(value, sound[name]) for name, value in state.items())


def test_a_flipped_bit_in_a_weight_is_detected(saved: Path, tmp_path: Path) -> None:
    """torch.load alone reads the altered number in silence."""
    weight = torch.load(saved, weights_only=True)["state_dict"]["network.head.weight"]
    content = bytearray(saved.read_bytes())
    content[content.find(weight.numpy().tobytes())] ^= 1
    flipped = tmp_path / "flipped.ckpt"
    flipped.write_bytes(content)
    with pytest.raises(UserError, match=r"flipped\.ckpt is damaged"):
        read_checkpoint(flipped)


def test_a_compressed_archive_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.ckpt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(300_000_000))
    tracemalloc.start()
    with pytest.raises(UserError, match=r"bomb\.ckpt is damaged"):
        read_checkpoint(path)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_a_checkpoint_is_the_same_file_under_any_name(tmp_path: Path) -> None:
    for name in ("last.ckpt", ".partial-123456-last.ckpt"):
        write_checkpoint({"state_dict": {"network.weight": torch.ones(3)}}, tmp_path / name)
    one, other = tmp_path.iterdir()
    assert one.read_bytes() == other.read_bytes()


class Malice:
    """What an attacker would put where weights are expected."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("plain", [True, False], ids=["a plain pickle", "inside torch's own format"])
def test_a_checkpoint_that_would_run_code_is_refused_by_name(tmp_path: Path, plain: bool) -> None:
    trace, path = tmp_path / "executed", tmp_path / "evil.ckpt"
    content = {"state_dict": {"network.weight": Malice(trace)}}
    if plain:
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path)
    with pytest.raises(UserError, match=r"evil\.ckpt .*(code|damaged)"):
        read_checkpoint(path)
    assert not trace.exists()
    pickle.loads(path.read_bytes()) if plain else torch.load(path, weights_only=False)
    assert trace.exists(), "the file was harmless, so the test showed nothing"


@pytest.mark.parametrize("content", [{"epoch": 1}, [1, 2], torch.zeros(3)])
def test_weights_that_are_no_runs_checkpoint_are_refused_by_name(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(UserError, match=r"other\.ckpt is no checkpoint of a run"):
        read_checkpoint(tmp_path / "other.ckpt")


def test_the_weights_of_another_network_are_refused(saved: Path) -> None:
    with pytest.raises(UserError, match=r"best\.ckpt belongs to another network"):
        load_weights(network(filters=2), saved)
