"""Every network of conf/model takes a training step with every loss of conf/loss; a new YAML of either needs no test.

Widths are cut where the YAML has one, and weights are random, so that all of them together take a few seconds.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import pytest
import torch
from torch.optim import SGD

from lgg_seg import schedulers
from lgg_seg.config.groups import groups
from lgg_seg.config.instantiate import instantiate, to_plain
from lgg_seg.errors import UserError
from lgg_seg.networks import without_pretrained
from lgg_seg.training import ClassificationModule, SegmentationModule
from lgg_seg.training.base import Parts
from tests.configs import composed

NARROW = {"filters": 4, "alpha": 0.0625}
# A classifier has one logit a slice.
MODELS = [name for name in groups()["model"] if not name.startswith("classifier_")]
LOSSES = groups()["loss"]


def batch(size: int = 64) -> dict[str, torch.Tensor]:
    """Two slices, one of them without tumour."""
    generator = torch.Generator().manual_seed(0)
    mask = torch.zeros(2, 1, size, size, dtype=torch.uint8)
    mask[0, 0, 10:30, 20:40] = 1
    return {
        "image": torch.randint(0, 256, (2, 3, size, size), dtype=torch.uint8, generator=generator),
        "mask": mask,
        "statistics": torch.tensor([0.0, 255.0, 127.0, 74.0]).expand(2, 3, 4),
        "patient": torch.tensor([0, 1]),
        "slice": torch.tensor([0, 1]),
    }


@pytest.fixture(scope="module", params=MODELS)
def module(request: pytest.FixtureRequest) -> tuple[SegmentationModule, dict[str, Any]]:
    """The network in its module, built once for all losses, and its state before any training."""
    node = without_pretrained(to_plain(composed(f"model={request.param}").model))
    node |= {key: value for key, value in NARROW.items() if key in node}
    torch.manual_seed(0)
    network = instantiate(node, "model", in_channels=3).train()
    unused = instantiate(composed().loss, "loss")
    built = SegmentationModule(Parts(network, unused, partial(SGD, lr=0.1), schedulers.none), patients=2)
    return built, copy.deepcopy(network.state_dict())


@pytest.mark.filterwarnings("ignore:You are trying to .self.log")  # a step without a trainer
@pytest.mark.parametrize("loss", LOSSES)
def test_every_network_learns_a_step_from_every_loss(
    module: tuple[SegmentationModule, dict[str, Any]], loss: str
) -> None:
    built, start = module
    built.network.load_state_dict(start)
    built.loss = instantiate(composed(f"loss={loss}").loss, "loss")
    optimizer = built.optimizer_factory(built.network.parameters())
    optimizer.zero_grad()
    value = built.training_step(batch(), 0)
    assert value.ndim == 0
    assert value.isfinite()
    assert value > 0
    value.backward()
    optimizer.step()
    for name, parameter in built.network.named_parameters():
        assert parameter.isfinite().all(), name
        if parameter.ndim > 1:  # a bias before a batch norm rightly stays
            assert not torch.equal(parameter, start[name]), f"{name} has not changed"


CLASSIFIERS = [name for name in groups()["model"] if name.startswith("classifier_")]
OF_ELEMENTS = ("bce", "focal", "weighted_bce")
"""The losses that are means over elements, which suit a classifier's logits; the others measure masks."""


@pytest.mark.filterwarnings("ignore:You are trying to .self.log")  # a step without a trainer
@pytest.mark.parametrize("model", CLASSIFIERS)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_classifier_learns_a_step_from_elementwise_losses_and_refuses_others(model: str, loss: str) -> None:
    node = without_pretrained(to_plain(composed(f"model={model}").model))
    torch.manual_seed(0)
    network = instantiate(node, "model", in_channels=3).train()
    start = copy.deepcopy(network.state_dict())
    parts = Parts(network, instantiate(composed(f"loss={loss}").loss, "loss"), partial(SGD, lr=0.1), schedulers.none)
    if loss not in OF_ELEMENTS:
        with pytest.raises(UserError, match="take loss=bce"):
            ClassificationModule(parts, [True, False], [0, 1])
        return
    built = ClassificationModule(parts, [True, False], [0, 1])
    optimizer = built.optimizer_factory(network.parameters())
    value = built.training_step(batch(), 0)
    assert value.isfinite()
    assert value > 0
    value.backward()
    optimizer.step()
    for name, parameter in network.named_parameters():
        assert parameter.isfinite().all(), name
        if parameter.ndim > 1:
            assert not torch.equal(parameter, start[name]), f"{name} has not changed"
