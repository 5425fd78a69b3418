"""Pre-trained weights are exactly those that the config names, or an error; a frozen encoder does not change."""

import time
from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
import torchvision
from huggingface_hub import constants
from safetensors.torch import save_file
from torch import Tensor, nn

from lgg_seg.errors import UserError
from lgg_seg.networks import SMP, EfficientNetUNet, ResNet50UNet, without_pretrained
from lgg_seg.networks.smp import _network

State = dict[str, Tensor]


def resnet18_state() -> State:
    """A ResNet-18's state dict as torchvision publishes it, classifier included."""
    return dict(torchvision.models.resnet18(weights=None).state_dict())


def assert_holds(encoder: nn.Module, state: State) -> None:
    loaded = encoder.state_dict()
    assert len(loaded) > 100
    for name, tensor in loaded.items():
        torch.testing.assert_close(tensor, state[name], rtol=0, atol=0)


@pytest.fixture
def empty_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub cache with nothing in it, and a hub at an address where nobody listens."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    return tmp_path / "hub"


class TestWeightsFromAFile:
    @pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
    def test_fill_the_encoder(self, tmp_path: Path, suffix: str) -> None:
        state, path = resnet18_state(), tmp_path / f"resnet18{suffix}"
        if suffix == ".pth":
            torch.save(state, path)
        else:
            save_file(state, path)
        assert_holds(SMP("Unet", "resnet18", weights=str(path)).encoder, state)

    def test_of_torchvision_fit_resnet50(self, tmp_path: Path) -> None:
        state, path = torchvision.models.resnet50(weights=None).state_dict(), tmp_path / "resnet50.pth"
        torch.save(state, path)
        assert_holds(ResNet50UNet(weights=str(path)).encoder, state)

    def test_of_timm_fit_its_encoders(self, tmp_path: Path) -> None:
        state, path = timm.create_model("resnet18", pretrained=False).state_dict(), tmp_path / "resnet18.safetensors"
        save_file(state, path)
        encoder = SMP("FPN", "tu-resnet18", weights=str(path)).encoder
        assert isinstance(encoder.model, nn.Module)
        assert_holds(encoder.model, state)

    def test_for_rgb_are_summed_for_one_channel_and_repeated_for_four(self, tmp_path: Path) -> None:
        state, path = resnet18_state(), tmp_path / "resnet18.pth"
        torch.save(state, path)
        colour = state["conv1.weight"]
        grey = SMP("Unet", "resnet18", weights=str(path), in_channels=1).encoder.state_dict()
        torch.testing.assert_close(grey["conv1.weight"], colour.sum(dim=1, keepdim=True))
        torch.testing.assert_close(grey["layer4.1.conv2.weight"], state["layer4.1.conv2.weight"])
        four = SMP("Unet", "resnet18", weights=str(path), in_channels=4).encoder.state_dict()
        torch.testing.assert_close(four["conv1.weight"], colour[:, [0, 1, 2, 0]] * 3 / 4)

    @pytest.mark.parametrize("encoder", ["resnet50", "tu-resnet50"])
    def test_of_another_network_are_refused_with_the_file_and_the_keys(self, tmp_path: Path, encoder: str) -> None:
        path = tmp_path / "resnet18.pth"
        torch.save(resnet18_state(), path)
        with pytest.raises(UserError) as refusal:
            SMP("Unet", encoder, weights=str(path))
        message = str(refusal.value)
        assert str(path) in message
        assert "layer1.0.conv3.weight" in message
        assert "model.weights=null" in message
        assert "\n" not in message
        assert len(message) < 1500

    def test_with_a_parameter_missing_are_refused(self, tmp_path: Path) -> None:
        state, path = resnet18_state(), tmp_path / "resnet18.pth"
        del state["layer2.0.conv1.weight"]
        torch.save(state, path)
        with pytest.raises(UserError, match=r"layer2\.0\.conv1\.weight"):
            SMP("Unet", "resnet18", weights=str(path))

    @pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
    def test_are_refused_when_the_file_is_damaged(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / name
        for content in (b"", b"<!DOCTYPE html><html>404</html>", bytes(range(256)) * 40):
            path.write_bytes(content)
            with pytest.raises(UserError, match=name):
                SMP("Unet", "resnet18", weights=str(path))

    def test_are_refused_when_the_file_holds_code_or_no_tensors(self, tmp_path: Path) -> None:
        path = tmp_path / "model.pth"
        for content in (nn.Linear(1, 1), {"state_dict": resnet18_state(), "epoch": 3}, [1.0]):
            torch.save(content, path)
            with pytest.raises(UserError, match=r"model\.pth"):
                SMP("Unet", "resnet18", weights=str(path))

    def test_are_refused_when_a_training_that_failed_made_them(self, tmp_path: Path) -> None:
        path = tmp_path / "diverged.pth"
        state = resnet18_state()
        state["conv1.weight"][0] = torch.nan
        torch.save(state, path)
        with pytest.raises(UserError, match=r"diverged\.pth holds numbers that are not finite \(conv1\.weight"):
            SMP("Unet", "resnet18", weights=str(path))

    def test_are_refused_when_there_is_no_such_file_or_name(self) -> None:
        with pytest.raises(UserError, match=r"imagnet is neither a file nor one of .*imagenet"):
            ResNet50UNet(weights="imagnet")


class TestPublishedWeights:
    @pytest.mark.parametrize("encoder", ["resnet50", "tu-resnet18"])
    def test_without_a_network_are_refused_at_once_with_the_ways_out(
        self, empty_hub_cache: Path, monkeypatch: pytest.MonkeyPatch, encoder: str
    ) -> None:
        for offline, reason in (("1", "HF_HUB_OFFLINE"), ("0", "does not answer")):
            monkeypatch.setenv("HF_HUB_OFFLINE", offline)
            start = time.perf_counter()
            with pytest.raises(UserError, match=reason) as refusal:
                SMP("Unet", encoder, weights="imagenet")
            assert time.perf_counter() - start < 6
            assert "model.weights=PATH" in str(refusal.value)
            assert "model.weights=null" in str(refusal.value)
        assert not empty_hub_cache.exists()

    def test_once_fetched_need_no_network(self, empty_hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        published = smp.encoders.encoders["resnet18"]["pretrained_settings"]["imagenet"]
        repository = empty_hub_cache / f"models--{published['repo_id'].replace('/', '--')}"
        snapshot = repository / "snapshots" / published["revision"]
        snapshot.mkdir(parents=True)
        state = resnet18_state()
        save_file(state, snapshot / "model.safetensors")
        assert_holds(SMP("Unet", "resnet18", weights="imagenet").encoder, state)

    def test_are_not_fetched_where_weights_come_from_a_checkpoint(self, empty_hub_cache: Path) -> None:
        config = {"_target_": "…", "weights": "imagenet", "freeze_encoder": True}
        assert without_pretrained(config) == {"_target_": "…", "freeze_encoder": True}
        assert config["weights"] == "imagenet"
        assert without_pretrained({"filters": 64}) == {"filters": 64}
        assert not empty_hub_cache.exists()


class TestFrozenEncoder:
    @pytest.mark.parametrize("freeze", [True, False])
    def test_gets_no_gradient_and_keeps_its_statistics(self, freeze: bool) -> None:
        network = SMP("Unet", "resnet18", freeze_encoder=freeze).eval().train()
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        network(torch.randn(2, 3, 64, 64)).sum().backward()
        moved = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
        assert any(name.startswith("network.decoder") for name in moved)
        assert any(name.startswith("network.encoder") for name in moved) is not freeze
        assert any(parameter.grad is not None for parameter in network.encoder.parameters()) is not freeze
        assert all(parameter.requires_grad is not freeze for parameter in network.encoder.parameters())


class TestNames:
    def test_a_misspelt_architecture_or_encoder_is_refused_with_the_nearest(self) -> None:
        with pytest.raises(UserError, match=r"model\.architecture=Unett .*Unet"):
            SMP("Unett", "resnet18")
        with pytest.raises(UserError, match=r"model\.encoder=resnet-34 .*resnet34"):
            SMP("Unet", "resnet-34")
        with pytest.raises(UserError, match=r"model\.encoder=tu-convnext_tinny .*tu-convnext_tiny"):
            SMP("Unet", "tu-convnext_tinny")
        with pytest.raises(UserError, match=r"model\.encoder=zzz .*for instance"):
            SMP("Unet", "zzz")

    def test_an_option_of_the_architecture_is_passed_on_and_another_refused(self) -> None:
        assert "SCSE" in str(SMP("Unet", "resnet18", decoder_attention_type="scse"))
        assert "SCSE" not in str(SMP("Unet", "resnet18"))
        with pytest.raises(UserError, match=r"decoder_atention_type is no option of Unet; .*decoder_attention_type"):
            SMP("Unet", "resnet18", decoder_atention_type="scse")
        with pytest.raises(
            UserError, match=r"no option of FPN; it is one of Unet, .*: take model\.architecture=Unet\."
        ):
            SMP("FPN", "resnet18", decoder_attention_type="scse")
        with pytest.raises(UserError, match=r"model\.decoder_attention_type is 'SE'; it must be scse or null\."):
            SMP("Unet", "resnet18", decoder_attention_type="SE")

    @pytest.mark.parametrize("option", ["activation", "aux_params", "classes", "encoder_weights", "encoder_name"])
    def test_what_a_network_of_logits_sets_itself_is_no_option(self, option: str) -> None:
        with pytest.raises(UserError, match=rf"model\.{option} is no option of Unet"):
            _network("Unet", "resnet18", None, 3, 1, {option: "sigmoid"})

    def test_a_decoder_of_another_number_of_levels_is_refused(self) -> None:
        with pytest.raises(UserError, match=r"model\.decoder_channels.*four or five numbers"):
            EfficientNetUNet(weights=None, decoder_channels=[256, 128])

    def test_an_architecture_may_be_written_in_any_case(self) -> None:
        assert type(SMP("unetPLUSPLUS", "resnet18").network).__name__ == "UnetPlusPlus"

    @pytest.mark.parametrize(
        ("architecture", "encoder", "remedy"),
        [
            ("Linknet", "mit_b0", "choose another"),
            ("Unet", "tu-vit_tiny_patch16_224", "choose another"),
            ("Unet", "tu-nest_tiny", "choose another"),
            ("DeepLabV3Plus", "tu-hiera_tiny_224", r"choose model\.architecture=Unet, or another"),
        ],
    )
    def test_an_architecture_that_cannot_use_an_encoder_says_so(
        self, architecture: str, encoder: str, remedy: str
    ) -> None:
        with pytest.raises(UserError, match=rf"do not go together .*: {remedy} encoder"):
            SMP(architecture, encoder)

    @pytest.mark.parametrize(
        ("architecture", "encoder"),
        [
            ("DPT", "tu-vit_tiny_patch16_224"),
            ("FPN", "mit_b0"),
            ("Unet", "tu-convnext_atto"),
            ("Unet", "tu-swin_tiny_patch4_window7_224"),
        ],
    )
    def test_transformers_take_any_size_and_number_of_channels_too(self, architecture: str, encoder: str) -> None:
        network = SMP(architecture, encoder, in_channels=2).eval()
        with torch.inference_mode():
            assert network(torch.randn(1, 2, 50, 70)).shape == (1, 1, 50, 70)

    def test_an_encoder_for_one_size_of_image_says_what_to_set(self) -> None:
        with pytest.raises(UserError, match=r"images of 256 x 256 pixels, not of 64 x 96: set preprocess\.size=256"):
            SMP("Unet", "tu-maxvit_rmlp_pico_rw_256")(torch.randn(1, 3, 64, 96))
