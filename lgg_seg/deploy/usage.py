"""How to use a network without this package, in words: the `README.md` beside an export, and part of a zoo card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lgg_seg.data.preprocessing import Preprocess

_NORMALISATION = {
    "unit": "Divide by 255.",
    "volume": "Over the whole volume and its channels take the 10th and 99th percentile and clip to them; then "
    "subtract each channel's mean and divide by its standard deviation (by 1 where that is 0), both over the clipped "
    "volume.",
}


def export_page(described: Mapping[str, Any], preprocess: Preprocess) -> str:
    """The page of an export, from its `model.json`."""
    parity = described["parity"]
    lines = [
        f"# {described['name']}, exported",
        "",
        f"`{described['file']}` takes `{described['input']['name']}`, float32 (batch, "
        f"{described['input']['shape'][1]}, height, width), and gives `{described['output']['name']}`: "
        f"{described['output']['meaning']}.",
        "",
        "## Before it",
        *numbered(preprocessing_steps(preprocess)),
        "",
        "## After it",
        *numbered(
            [
                "Probability = 1 / (1 + exp(-logit)).",
                *_after(described),
            ]
        ),
        "",
        f"Checked against the network it was made of on {parity['slices']} slices of {parity['of']}: probabilities "
        f"differ by at most {parity['largest_difference']:.1e}, {parity['disagreeing']} of {parity['positive']} "
        "decisions changed.",
    ]
    return "\n".join(lines) + "\n"


def _after(described: Mapping[str, Any]) -> list[str]:
    """What becomes of a probability: of a slice, or of each of its pixels."""
    decided = f"Yes from {described['threshold']} on"
    if described["target"]:
        return [f"{decided}; a patient's probability is the mean over his slices."]
    return [
        "Resample the probability bilinearly (half-pixel centres, antialiased when shrinking) to the square's side, "
        "cut the padding off, and put the result where the slice was cropped, 0 elsewhere.",
        f"{decided}; post-processing: {described['postprocess']}.",
    ]


def preprocessing_steps(preprocess: Preprocess) -> list[str]:
    """What `Preprocess.prepare_volume` and `normalise` do to a volume, step by step."""
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
    square = "Pad each slice with zeros on both sides to a square"
    steps.append(f"{square}{side if preprocess.size else ''}.")
    if preprocess.sharpen:
        steps.append(f"Sharpen by an unsharp mask of radius 1 pixel, amount {preprocess.sharpen}.")
    steps.append(_NORMALISATION[preprocess.normalisation])
    return steps


def numbered(steps: list[str]) -> list[str]:
    """As a numbered list in Markdown."""
    return [f"{k}. {step}" for k, step in enumerate(steps, start=1)]
