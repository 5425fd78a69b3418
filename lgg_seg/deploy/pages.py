"""The Markdown pages beside a network: the model card of a zoo entry, and the `README.md` of an export."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import jinja2

from lgg_seg.data.preprocessing import Preprocess

_NORMALISATION = {
    "unit": "Divide by 255.",
    "volume": "Over the whole volume and its channels take the 10th and 99th percentile and clip to them; then "
    "subtract each channel's mean and divide by its standard deviation (by 1 where that is 0), both over the clipped "
    "volume.",
}


def card_page(card: Mapping[str, Any], preprocess: Preprocess) -> str:
    """The model card as a page, from its `card.json`."""
    return _rendered(
        "model_card.md.j2",
        card=card,
        training=card["training"],
        split=card["training"]["split"],
        weights=card["weights"],
        tested=card["tested"],
        parity=card["half_precision"],
        preprocessing=preprocessing_steps(preprocess),
    )


def export_page(description: Mapping[str, Any], preprocess: Preprocess) -> str:
    """How to use an exported network without this package, from its `model.json`."""
    steps = preprocessing_steps(preprocess)
    return _rendered("export.md.j2", model=description, parity=description["parity"], preprocessing=steps)


def preprocessing_steps(preprocess: Preprocess) -> list[str]:
    """What `Preprocess.prepare_volume` and `normalise` do to a volume, a sentence or two a step."""
    steps = [
        "Take all slices of a patient in order, 8 bits a channel, channels pre-contrast, FLAIR, post-contrast; FLAIR "
        "itself stands in for a sequence that is missing."
    ]
    if preprocess.skull == "remove":
        steps.append("Blacken what is not brain, as `lgg_seg.data.skull_strip.brain_mask` finds it.")
    if preprocess.crop == "brain":
        steps.append("Cut every slice to the bounding box of the voxels above 10 % of the volume's maximum.")
    if preprocess.channels == "flair":
        steps.append("Keep FLAIR alone.")
    if preprocess.channels == "grey":
        steps.append("Take the luminance (ITU-R 601) of the channels as red, green and blue, three times.")
    side = f", and resample it to {preprocess.size} x {preprocess.size} pixels: by area when shrinking, else bilinearly"
    steps.append(f"Pad each slice with zeros on both sides to a square{side if preprocess.size else ''}.")
    if preprocess.sharpen:
        steps.append(f"Sharpen by an unsharp mask of radius 1 pixel, amount {preprocess.sharpen}.")
    steps.append(_NORMALISATION[preprocess.normalisation])
    if preprocess.context:
        steps.append(
            f"Give the network each slice with {preprocess.context} on either side as channels, from the first to the "
            "last; at a volume's end the last slice stands in for those that are missing."
        )
    return steps


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lgg_seg", "deploy"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["number"] = _number
    return environment


def _rendered(template: str, **values: Any) -> str:
    return _templates().get_template(template).render(values)


def _number(value: float | int | jinja2.Undefined | None) -> str:
    if value is None or isinstance(value, jinja2.Undefined):
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
