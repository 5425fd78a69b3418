"""A network from its config node."""

from collections.abc import Mapping
from typing import Any, cast

from torch import nn

from lgg_seg.config.instantiate import instantiate, resolve_target, to_plain
from lgg_seg.config.validation import parameters
from lgg_seg.errors import UserError
from lgg_seg.networks.classifier import SliceClassifier, Target


def target_of(model: Mapping[str, Any]) -> Target | None:
    """What the classifier of a `model` node predicts; None for a network that segments."""
    kind = resolve_target(model["_target_"], "model")
    if not (isinstance(kind, type) and issubclass(kind, SliceClassifier)):
        return None
    chosen = model.get("target")
    if chosen is None:
        raise UserError("The classifier has no target; say model.target=tumour or model.target=grade.")
    return cast(Target, chosen)


def without_pretrained(model: Mapping[str, Any]) -> dict[str, Any]:
    """A `model` node without `weights`, for a network whose weights come from elsewhere: nothing is fetched or read.

    All else stays, `freeze_encoder` too: a run that is resumed must train the same parameters.
    """
    return {key: value for key, value in model.items() if key != "weights"}


def build_network(model: Mapping[str, Any], channels: int, encoder_weights: str | None = None) -> nn.Module:
    """The network of a `model` node without its `weights`, but for those of the encoder that are named here."""
    node = without_pretrained(to_plain(model)) | ({"weights": encoder_weights} if encoder_weights else {})
    return cast(nn.Module, instantiate(node, "model", in_channels=channels))


def has_encoder_weights(model: Mapping[str, Any]) -> bool:
    """Whether the network of a `model` node has an encoder for which weights are published."""
    return "weights" in parameters(resolve_target(model["_target_"], "model"))
