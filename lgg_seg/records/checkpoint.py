"""Weights out of a checkpoint, without letting it run code."""

from __future__ import annotations

import pickle
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
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(f"{path} holds more than weights and is not loaded, because loading could run code.") from error
    except (RuntimeError, OSError, EOFError, ValueError) as error:
        raise UserError(f"{path} is damaged and cannot be read ({str(error).splitlines()[0]}).") from error
    if not isinstance(content, dict) or "state_dict" not in content:
        raise UserError(f"{path} is no checkpoint of a run: it has no state_dict.")
    return content


def load_weights(network: nn.Module, path: Path) -> None:
    """Put the weights of a run's checkpoint into its network.

    Raises:
        UserError: as `read_checkpoint`, or the weights belong to another network.
    """
    state = read_checkpoint(path)["state_dict"]
    weights = {name.removeprefix(NETWORK): value for name, value in state.items() if name.startswith(NETWORK)}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise UserError(f"{path} belongs to another network than the config.yaml beside it describes.") from error
