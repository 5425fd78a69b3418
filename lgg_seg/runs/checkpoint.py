"""Checkpoints: written whole with their digest, read without running code from them."""

import hashlib
import io
import logging
import os
import pickle
import shlex
import zipfile
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import nn

from lgg_seg.errors import UserError
from lgg_seg.runs.contents import TrainingState, Weights, content_fault
from lgg_seg.runs.folder import RunFolder

log = logging.getLogger(__name__)

_WEIGHTS, _TRAINING = TypeAdapter(Weights), TypeAdapter(TrainingState)
NETWORK = "network."  # the prefix of the network's parameters in a LightningModule's state
DIGEST = b"sha256:"  # begins the archive's comment


class DamagedCheckpointError(UserError):
    """A checkpoint that is missing or damaged, or lacks a part; another one can take its place."""


class UnrestorableCheckpointError(DamagedCheckpointError):
    """The checkpoint at `path` is whole, and its state is refused while it is restored."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be restored ({reason}); put a sound copy in its place, or train again.")
        self.path = path


def write_checkpoint(content: dict[str, Any], path: Path) -> None:
    """Write a checkpoint as `torch.save` does, with its SHA-256 as the comment that ends a zip archive."""
    with path.open("w+b") as file:
        try:
            torch.save(content, file)  # given a path, it would write the file's name into the archive
        except RuntimeError as error:  # what torch says when its archive breaks off
            raise error.__context__ if isinstance(error.__context__, OSError) else error from None
        file.seek(0)
        comment = DIGEST + hashlib.file_digest(file, "sha256").hexdigest().encode()
        file.seek(-2, os.SEEK_END)  # the comment's length, which was 0
        file.write(len(comment).to_bytes(2, "little") + comment)


def read_checkpoint(path: Path, *, to_resume: bool = False) -> dict[str, Any]:
    """The content of a checkpoint, on the CPU; `to_resume`: it must hold the state of the training, too."""
    damaged = DamagedCheckpointError(
        f"{path} is damaged or no checkpoint; put a sound copy in its place, or train again."
    )
    try:
        if not _intact(path.read_bytes()):
            raise damaged
    except FileNotFoundError as error:
        resumable = path.with_name("last.ckpt").exists()
        remedy = f"go on with it by resume={shlex.quote(str(path.parent.parent))}" if resumable else "start it anew"
        missing = f"{path} is missing; the run has not finished an epoch, so {remedy}."
        raise DamagedCheckpointError(missing) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); see to its permissions and its disk.") from error
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(f"{path} holds more than weights and is not loaded, because loading could run code.") from error
    except Exception as error:  # what is wrong in an archive's structure can raise anything
        raise damaged from error
    fault = content_fault(_TRAINING if to_resume else _WEIGHTS, content) or _weights_fault(content["state_dict"])
    if fault:
        raise DamagedCheckpointError(
            f"{path} is no checkpoint of a run: {fault}; put a sound copy in its place, or train again."
        )
    return content  # type: ignore[no-any-return]  # torch.load has no type, and the fault would have been found


def read_newest(folder: RunFolder, fault: DamagedCheckpointError | None = None) -> tuple[Path, dict[str, Any]]:
    """The checkpoint to go on from: the last epoch's, or the best one's where that has a `fault`, known or found."""
    try:
        if fault is not None:
            raise fault
        return folder.last, read_checkpoint(folder.last, to_resume=True)
    except DamagedCheckpointError as error:
        if not folder.best.exists():
            raise
        content = read_checkpoint(folder.best, to_resume=True)
        log.warning("%s Epoch %s, of %s, is taken in its place.", error, content.get("epoch"), folder.best.name)
        return folder.best, content


def load_weights(network: nn.Module, path: Path) -> None:
    """Put the weights of a run's checkpoint into its network."""
    state = read_checkpoint(path)["state_dict"]
    weights = {name.removeprefix(NETWORK): value for name, value in state.items() if str(name).startswith(NETWORK)}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise UserError(f"{path} belongs to another network than the config.yaml beside it describes.") from error


def _weights_fault(state: dict[str, Any]) -> str | None:
    """What is wrong with a state's tensors: none may claim more numbers than are stored, which memory would pay for."""
    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            return f"{name} is no tensor"
        if value.layout != torch.strided or value.nbytes > value.untyped_storage().nbytes():
            return f"{name} holds fewer numbers than it says"
        if name.startswith(NETWORK) and not value.isfinite().all():
            return f"{name} holds what is no finite number, as after a training that diverged"
    return None


def _intact(content: bytes) -> bool:
    """Whether an archive agrees with its checksums, which torch.load does not check, and its digest if it has one.

    PyTorch compresses nothing: what is compressed, or says that it is larger than the file, could unpack to anything.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members, comment = archive.infolist(), archive.comment
            stored = all(one.compress_type == zipfile.ZIP_STORED for one in members)
            if not stored or sum(one.file_size for one in members) > len(content) or archive.testzip() is not None:
                return False
        if not comment.startswith(DIGEST):
            return True
        digest = hashlib.sha256(memoryview(content)[: -len(comment) - 2])
        digest.update(bytes(2))  # the comment's length, before there was one
        return comment == DIGEST + digest.hexdigest().encode()
    except Exception:  # a damaged archive can raise anything
        return False


def is_in_mid_epoch(content: dict[str, Any]) -> bool:
    """Whether a signal stopped the training between two steps of the checkpoint's epoch."""
    return not content["loops"]["fit_loop"]["epoch_loop.batch_progress"]["is_last_batch"]
