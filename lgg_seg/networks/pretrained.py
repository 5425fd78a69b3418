"""Pre-trained weights of an encoder: exactly those that the config names, or a clear refusal.

timm, segmentation-models-pytorch and the hub's client are imported where they are used: no other network needs them.
"""

import logging
import os
import sys
import textwrap
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from lgg_seg.errors import UserError
from lgg_seg.networks.packaged import packaged_weights, timm_names

REMEDIES = "give a file with model.weights=PATH, or start from random weights with model.weights=null"
"""The two ways out without a download, in every error of this module."""

# timm warns of a classifier's keys that a feature extractor leaves out; `timm_state_dict` has checked all of them.
logging.getLogger("timm.models._builder").setLevel(logging.ERROR)

_TIMEOUT_SECONDS = 5.0  # the hub's own client would retry for 46 s without a network


@contextmanager
def without_wandb() -> Iterator[None]:
    """For the first import of timm, which would import Weights & Biases for a logger of its own: half a second."""
    if "wandb" in sys.modules:
        yield
        return
    sys.modules["wandb"] = None  # type: ignore[assignment]  # so that importing it fails, as where it is not installed
    try:
        yield
    finally:
        sys.modules.pop("wandb", None)


class FreezableEncoder(nn.Module):
    """A network whose `encoder` can be frozen: it then has no gradient, and in training stays in eval mode."""

    freeze_encoder = False
    weights_file: Path | None = None  # where the encoder's weights came from; None where they are random

    def train(self, mode: bool = True) -> Self:
        """As in `nn.Module`, but for a frozen encoder."""
        super().train(mode)
        if self.freeze_encoder:
            cast(nn.Module, self.encoder).requires_grad_(False).eval()
        return self


def weights_file(encoder: str, weights: str) -> Path:
    """The file that `weights` means for `encoder`: a published set's by name, from a package or the hub, or a path."""
    if weights == "imagenet" and (packaged := packaged_weights(encoder)):
        return packaged
    published = _published(encoder)
    if weights in published:
        return _from_hub(encoder, weights, *published[weights])
    path = Path(weights).expanduser()
    if not path.is_file():
        names = ", ".join(published) or "none"
        raise UserError(
            f"model.weights={weights} is neither a file nor one of the published weights of {encoder} ({names}), nor "
            "the folder of a run or a model of the zoo: check the path, or start from random weights with "
            "model.weights=null."
        )
    return path


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors by name from a `.safetensors` file or a torch file; `weights_only=True` lets the latter run no code."""
    try:
        if path.suffix == ".safetensors":
            content: object = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise anything
        raise UserError(
            f"{path} is damaged or holds more than tensors, and is not loaded as it could run code: {REMEDIES}."
        ) from error
    if isinstance(content, dict):
        content.pop("mask_values", None)  # milesial/Pytorch-UNet saves them among the weights
    if isinstance(content, dict) and "state_dict" in content:
        raise UserError(f"{path} is a checkpoint: name the folder of its run, or save its state dict alone.")
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise UserError(f"{path} holds no plain state dict (tensors by name): save `network.state_dict()` instead.")
    if broken := [name for name, value in content.items() if not value.isfinite().all()]:
        raise UserError(
            f"{path} holds numbers that are not finite ({_first(broken)}): its training failed; {REMEDIES}."
        )
    return content


def load_network(network: nn.Module, state: Mapping[str, Tensor], file: Path) -> None:
    """Fill a whole network with the weights of `file`, which are named as its own."""
    own = network.state_dict()
    shapes = [
        f"{name} ({_shape(state[name])}, not {_shape(own[name])})"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    differences = {
        "lacks": [name for name in own if name not in state],
        "has besides": [name for name in state if name not in own],
        "has in another shape": shapes,
    }
    if not any(differences.values()):
        network.load_state_dict(dict(state))
        return
    listed = "; ".join(f"{what} {_first(names)}" for what, names in differences.items() if names)
    raise UserError(f"{file} holds the weights of another network than this model's: it {listed}: {REMEDIES}.")


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a number"


def _first(names: Sequence[str]) -> str:
    """The first three, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def build_encoder(name: str, in_channels: int, path: Path | None) -> tuple[nn.Module, int]:
    """An encoder of segmentation-models-pytorch, random or with the weights of a file, and its last channels."""
    with without_wandb():
        from segmentation_models_pytorch.encoders import get_encoder

    overlay = timm_overlay(name, path)
    encoder = get_encoder(name, in_channels=in_channels, weights=bool(overlay) or None, **overlay)
    if path is not None and not overlay:
        load_encoder(encoder, name, in_channels, path)
    return encoder, encoder.out_channels[-1]


def timm_overlay(name: str, path: Path | None) -> dict[str, Any]:
    """The option that gives timm an encoder's weights, which it adapts as it builds; empty without any."""
    if path is None or not name.startswith("tu-"):
        return {}
    return {"pretrained_cfg_overlay": {"state_dict": timm_state_dict(name.removeprefix("tu-"), path)}}


def load_encoder(encoder: nn.Module, name: str, in_channels: int, path: Path) -> None:
    """Fill a segmentation-models-pytorch encoder with a file's weights, adapted as the library does."""
    from segmentation_models_pytorch.encoders import get_encoder

    donor = get_encoder(name, in_channels=3, weights=None)
    try:
        donor.load_state_dict(_named_as(donor, read_state_dict(path)))
    except (RuntimeError, LookupError) as error:
        raise mismatch(name, path, error) from error
    donor.set_in_channels(in_channels, pretrained=True)
    encoder.load_state_dict(donor.state_dict())


def timm_state_dict(name: str, path: Path) -> dict[str, Tensor]:
    """The weights in a file, once the whole timm model `name` has accepted them: its encoder alone would take any."""
    import timm

    try:
        state = _named_as(timm.create_model(name), read_state_dict(path))
        timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"state_dict": dict(state)})
    except (RuntimeError, LookupError) as error:
        raise mismatch(f"tu-{name}", path, error) from error
    return state


def _named_as(model: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state dict under the names of an EfficientNet `model` of timm; any other model's as it is."""
    blocks = getattr(model, "blocks", None)
    return timm_names(state, list(blocks)) if isinstance(blocks, nn.Sequential) else state


def mismatch(encoder: str, path: Path, error: Exception) -> UserError:
    """One sentence out of torch's list of all that does not fit, cut after its first keys."""
    reason = textwrap.shorten(str(error), width=400, placeholder=" …")
    return UserError(f"The weights in {path} do not fit {encoder} ({reason}): {REMEDIES}.")


def _published(encoder: str) -> dict[str, tuple[str, str | None]]:
    """Hub repository and revision of each published set of weights of an encoder."""
    import timm
    from segmentation_models_pytorch.encoders import encoders

    if encoder.startswith("tu-"):
        config = timm.get_pretrained_cfg(encoder.removeprefix("tu-"))
        return {"imagenet": (config.hf_hub_id, None)} if config and config.hf_hub_id else {}
    settings = encoders[encoder]["pretrained_settings"]
    return {name: (hub["repo_id"], hub["revision"]) for name, hub in settings.items()}


def _from_hub(encoder: str, weights: str, repository: str, revision: str | None) -> Path:
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    filename = "model.safetensors"
    try:
        return Path(hf_hub_download(repository, filename, revision=revision, local_files_only=True))
    except LocalEntryNotFoundError:
        pass
    wanted = f"The {weights} weights of {encoder} ({repository}) are not on this machine"
    if constants.HF_HUB_OFFLINE or os.environ.get("HF_HUB_OFFLINE", "0") not in {"", "0"}:
        raise UserError(f"{wanted} and HF_HUB_OFFLINE forbids fetching them: {REMEDIES}.")
    if not _is_reachable(constants.ENDPOINT):
        raise UserError(f"{wanted} and {constants.ENDPOINT} does not answer: {REMEDIES}.")
    try:
        return Path(hf_hub_download(repository, filename, revision=revision))
    except (HfHubHTTPError, OSError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(f"{wanted} and fetching them failed ({reason}): {REMEDIES}.") from error


def _is_reachable(url: str) -> bool:
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=_TIMEOUT_SECONDS).close()
    except urllib.error.HTTPError:
        return True  # a refusal of HEAD is an answer
    except OSError:
        return False
    return True
