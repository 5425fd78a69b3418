"""Checkpoints read without running code from them."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lgg_seg.errors import UserError

NETWORK = "network."  # the prefix of the network's parameters in a LightningModule's state


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint, on the CPU.

    Raises:
        UserError: it is missing, damaged, or holds more than plain containers and tensors.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; the run has not finished an epoch, so start it anew.")
    damaged = UserError(f"{path} is damaged or no checkpoint; put a sound copy in its place, or train again.")
    if not _intact(path):
        raise damaged
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(f"{path} holds more than weights and is not loaded, because loading could run code.") from error
    except Exception as error:  # what is wrong in an archive's structure can raise anything
        raise damaged from error
    if not isinstance(content, dict) or "state_dict" not in content:
        raise UserError(f"{path} is no checkpoint of a run: it has no state_dict.")
    return content


def load_weights(network: nn.Module, path: Path) -> None:
    """Put the weights of a run's checkpoint into its network."""
    state = read_checkpoint(path)["state_dict"]
    weights = {name.removeprefix(NETWORK): value for name, value in state.items() if name.startswith(NETWORK)}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise UserError(f"{path} belongs to another network than the config.yaml beside it describes.") from error


def _intact(path: Path) -> bool:
    """Whether the archive agrees with its checksums, which torch.load does not check."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except Exception:  # a damaged archive can raise anything
        return False
