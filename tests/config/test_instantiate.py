"""Objects from a config come from the allow-list alone."""

from __future__ import annotations

import pytest
from torch import nn

from lgg_seg.config.instantiate import instantiate, resolve_target
from lgg_seg.errors import UserError


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.eval",
        "subprocess.run",
        "torch.load",
        "torch.hub.load",
        "lgg_seg.config.instantiate.importlib",  # a module reached through one of ours
        "lgg_seg.training.experiment.Path",  # a class of another package reached through one of ours
        "lgg_seg.training.trainer.torch.load",
        "pytorch_lightning.Trainer",
        "hydra.utils.instantiate",
        "UNet",
        7,
    ],
)
def test_a_target_outside_the_allow_list_is_refused(target: object) -> None:
    with pytest.raises(UserError, match="model"):
        resolve_target(target, "model")


def test_a_nested_target_is_refused_before_anything_is_built() -> None:
    node = {
        "_target_": "lgg_seg.data.augmentation.Augmentation",
        "transforms": [{"_target_": "albumentations.OneOf", "transforms": [{"_target_": "os.getcwd"}]}],
    }
    with pytest.raises(UserError, match=r"augment\.transforms\[0\]\.transforms\[0\]"):
        instantiate(node, "augment")


@pytest.mark.parametrize("key", ["_args_", "_recursive_", "_convert_"])
def test_hydra_keys_other_than_target_and_partial_are_refused(key: str) -> None:
    with pytest.raises(UserError, match=key):
        instantiate({"_target_": "lgg_seg.losses.BCE", key: []}, "loss")


def test_arguments_from_code_are_passed_unchanged() -> None:
    built = instantiate({"_target_": "torch.optim.SGD", "lr": 0.5}, "optimizer", params=nn.Linear(2, 2).parameters())
    assert built.param_groups[0]["lr"] == 0.5
    assert len(built.param_groups[0]["params"]) == 2


def test_a_key_that_the_program_sets_is_refused() -> None:
    with pytest.raises(UserError, match=r"data\.in_features is set by the program"):
        instantiate({"_target_": "lgg_seg.networks.SlimUNet", "in_features": 3}, "data", in_features=4)
