"""A network from its config node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from torch import nn

from lgg_seg.config.instantiate import instantiate, resolve_target, to_plain
from lgg_seg.errors import UserError
from lgg_seg.networks.classifier import SliceClassifier, Target
from lgg_seg.networks.pretrained import without_pretrained


def target_of(model: Mapping[str, Any]) -> Target | None:
    """What a `model` node predicts of a slice; None for a network that segments.

    Raises:
        UserError: a classifier that is not told what to answer.
    """
    kind = resolve_target(model["_target_"], "model")
    if not (isinstance(kind, type) and issubclass(kind, SliceClassifier)):
        return None
    chosen = model.get("target")
    if chosen is None:
        raise UserError("The classifier is not told what to answer; say model.target=tumour or model.target=grade.")
    return cast(Target, chosen)


def build_network(model: Mapping[str, Any], channels: int, *, pretrained: bool) -> nn.Module:
    """The network of a `model` node. `pretrained=False` fetches no weights, for a network whose weights come from a
    checkpoint."""
    node = to_plain(model)
    return cast(nn.Module, instantiate(node if pretrained else without_pretrained(node), "model", in_channels=channels))
