"""Published checkpoints of other implementations under the names of our networks, by an explicit map of modules.

- mateuszbuda/brain-segmentation-pytorch: `model=unet_bn`. Its decoder joins upsampled features before the skip.
- 4uiiurz1/pytorch-nested-unet (UNet++, with or without deep supervision): `model=unetpp model.align_corners=true`.
- milesial/Pytorch-UNet with transposed convolutions (`bilinear=False`): `model=unet_bn64`. With two classes, its
  logit of foreground is the difference of theirs; a bias that a batch norm follows is taken off its running mean.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

TRAINED_ON_THIS_DATA_SET = "e012d006"
"""First digits of the SHA-256 of mateuszbuda's `unet-e012d006.pt`: 100 patients trained it, the other ten chose it."""

_BUDA = {
    "conv": "head",
    **{f"upconv{4 - i}": f"upsample.{i}" for i in range(4)},
    **{
        f"{block}.{short}{kind}{k + 1}": f"{ours}.{k}.{place}"
        for block, short, ours in [
            *((f"encoder{i + 1}", f"enc{i + 1}", f"encoder.{i}") for i in range(4)),
            ("bottleneck", "bottleneck", "bottleneck"),
            *((f"decoder{4 - i}", f"dec{4 - i}", f"decoder.{i}") for i in range(4)),
        ]
        for k in range(2)
        for place, kind in enumerate(("conv", "norm"))
    },
}
_MILESIAL = {
    "outc.conv": "head",
    **{f"up{i + 1}.up": f"upsample.{i}" for i in range(4)},
    **{
        f"{block}.double_conv.{3 * k + place}": f"{ours}.{k}.{place}"
        for block, ours in [
            ("inc", "encoder.0"),
            *((f"down{i}.maxpool_conv.1", f"encoder.{i}") for i in range(1, 4)),
            ("down4.maxpool_conv.1", "bottleneck"),
            *((f"up{i + 1}.conv", f"decoder.{i}") for i in range(4)),
        ]
        for k in range(2)
        for place in range(2)
    },
}
_NESTED = {
    "final": "heads.4",
    **{f"final{j}": f"heads.{j}" for j in range(1, 5)},
    **{
        f"conv{i}_{j}.{kind}{k + 1}": f"nodes.x{i}_{j}.{k}.{place}"
        for i in range(5)
        for j in range(5 - i)
        for k in range(2)
        for place, kind in enumerate(("conv", "bn"))
    },
}
"""Their modules → ours: convolutions, batch norms, transposed convolutions and the head."""


def as_ours(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict under our names if it has those of a known implementation; what has no known name stays as it is."""
    if "encoder1.enc1conv1.weight" in state:
        ours = _renamed(state, _BUDA)
        for name in [f"decoder.{i}.0.0.weight" for i in range(4)]:
            if name in ours:
                ours[name] = torch.cat(ours[name].chunk(2, dim=1)[::-1], dim=1)
        return ours
    if "inc.double_conv.0.weight" in state:
        return _without_biases(_one_logit(_renamed(state, _MILESIAL)))
    return _renamed(state, _NESTED) if "conv0_0.conv1.weight" in state else dict(state)


def _renamed(state: Mapping[str, Tensor], modules: Mapping[str, str]) -> dict[str, Tensor]:
    parts = {name: name.rpartition(".") for name in state}
    return {f"{modules.get(module, module)}.{rest}": state[name] for name, (module, _, rest) in parts.items()}


def _one_logit(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The head of two classes as one of their difference: a softmax of two is the sigmoid of it."""
    head = {name: state[name] for name in ("head.weight", "head.bias") if name in state}
    return state | {name: value[1:] - value[:1] for name, value in head.items() if len(value) == 2}


def _without_biases(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The biases of convolutions that a batch norm follows, taken off its running mean."""
    norms = {name: f"{name.removesuffix('0.bias')}1.running_mean" for name in state if name.endswith(".0.bias")}
    folded = {mean: state[mean] - state[bias] for bias, mean in norms.items() if mean in state}
    return {name: value for name, value in (state | folded).items() if norms.get(name) not in folded}
