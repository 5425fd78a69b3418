"""What a zoo entry says of itself to people: data, limits, licence, and the page that holds it all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lgg_seg.data.preprocessing import Preprocess
from lgg_seg.deploy.usage import numbered, preprocessing_steps

# The phantom's names are such that no patient has them.
_PHANTOM, _TCGA = re.compile(r"TCGA_\w\w_P\d{3}_\d{8}"), re.compile(r"TCGA_\w\w_\w{4}(_\d{8})?")
_LGG = (
    "LGG MRI segmentation dataset (mateuszbuda/lgg-mri-segmentation on Kaggle): patients of TCGA-LGG with FLAIR "
    "abnormalities outlined; M. Buda, A. Saha, M. A. Mazurowski, Computers in Biology and Medicine 109 (2019)"
)
_NO_DEVICE = "No medical device: made for research, checked by no authority, not to be used for any patient's care."
_LIMITS = {
    "lgg": (
        "Every patient it has seen, in training and in the test, had a lower-grade glioma (WHO II or III) and was "
        "scanned at one of five American institutions. What it says of healthy people, of other diseases that are "
        "bright on FLAIR, of children, and after surgery has not been measured.",
        "Tested on other patients of the same institutions and nowhere else: expect less on another scanner.",
        "The truth is the FLAIR abnormality as one reader outlined it; human readers agree at a Dice of 0.84.",
        "Intensities are normalised by the whole volume: of single slices it knows less.",
        "Nearly all of these patients are in BraTS, too, so that its results there would be leaked ones.",
        _NO_DEVICE,
    ),
    "phantom": ("Trained on drawn heads: it knows nothing of patients, and is there to try the programs out.",),
    "other": ("Trained on data that this package does not know; its limits are that data's.", _NO_DEVICE),
}
_LICENCE = {
    "lgg": (
        "The code is under MIT. The data are under CC BY-NC-SA 4.0; the weights were made of them and are given under "
        "the same: for non-commercial research, with attribution, shared alike."
    ),
    "phantom": "The code, the drawings and these weights are under MIT.",
    "other": "The code is under MIT. The weights are under the terms of the data that they were made of.",
}
_DATA = {
    "lgg": _LGG,
    "phantom": "the phantom heads that this package draws",
    "other": "a data tree of its own; see the fingerprint",
}


def data_facts(split: Mapping[str, Any], metrics: Mapping[str, Any]) -> dict[str, Any]:
    """`data`, `limits` and `licence` of a card, by whom the network was trained on."""
    names = [name for subset in ("train", "val", "test") for name in split[subset]]
    if all(_PHANTOM.fullmatch(name) for name in names):
        kind = "phantom"
    else:
        kind = "lgg" if all(_TCGA.fullmatch(name) for name in names) else "other"
    return {"data": _DATA[kind], "limits": [*_LIMITS[kind], *_weakest(metrics)], "licence": _LICENCE[kind]}


def _weakest(metrics: Mapping[str, Any]) -> list[str]:
    """The stratum it does worst in, by size of the tumour."""
    sizes = metrics.get("strata", {}).get("tumour_size", {})
    if len(sizes) < 2:
        return []
    name, group = min(sizes.items(), key=lambda item: item[1]["dice"])
    return [f"Weakest on {name} tumours: mean Dice {group['dice']:.3f} over {group['patients']} patients."]


def card_page(card: Mapping[str, Any], preprocess: Preprocess) -> str:
    """The card as a page in Markdown."""
    training, weights, tested, half = card["training"], card["weights"], card["tested"], card["half_precision"]
    split = training["split"]
    lines = [
        f"# {card['name']}",
        "",
        f'`lgg_seg.load("{card["name"]}")`, or `python -m lgg_seg.predict zoo={card["name"]} input=… output=…`.',
        "",
        "| | |",
        "|---|---|",
        f"| network | `{card['model']['_target_']}`, {weights['parameters']:,} parameters |",
        f"| weights | `{weights['file']}`, {weights['bytes'] / 1e6:.1f} MB, {weights['precision']} |",
        f"| SHA-256 | `{weights['sha256']}` |",
        f"| data | {card['data']} |",
        f"| patients | {' / '.join(str(len(split[s])) for s in ('train', 'val', 'test'))} (train / val / test), "
        f"protocol {split['protocol']}, split `{split['hash'][:16]}` |",
        f"| data fingerprint | `{training['data_fingerprint'][:16]}` |",
        f"| command | `{' '.join(training['command'])}`, commit `{str(training['commit'])[:12]}` |",
        f"| threshold | {card['threshold']['value']} ({card['threshold']['from']}), post-processing "
        f"{card['postprocess']} |",
        f"| licence | {card['licence']} |",
        "",
        f"## Measured on {tested['patients']} {tested['split']} patients it was not trained on "
        f"({tested['slices']} slices)",
        "",
        "| metric | mean | 95 % interval | median |",
        "|---|---|---|---|",
        *_metric_lines(card["metrics"]),
        "",
        f"These are the numbers of the weights as trained, run in {training['precision']}. Halved, on "
        f"{half['slices']} slices of {half['of']}, probabilities differ by at most {half['largest_difference']:.1e}, "
        f"and {half['disagreeing']} of {half['positive']} positive decisions change.",
        "",
        "## Limits",
        "",
        *(f"- {limit}" for limit in card["limits"]),
        "",
        "## Preprocessing",
        "",
        *numbered(preprocessing_steps(preprocess)),
        "",
        "## Patients trained on",
        "",
        ", ".join(sorted(split["train"])),
        "",
        f"The checkpoint was chosen on {', '.join(sorted(split['val']))}.",
    ]
    return "\n".join(lines) + "\n"


def _metric_lines(metrics: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            interval = value.get("ci95")
            between = f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else ""
            mean, median = (value.get(key) for key in ("mean", "median"))
            lines.append(f"| {name} | {_number(mean)} | {between} | {_number(median)} |")
        else:
            lines.append(f"| {name} | {_number(value)} | | |")
    return lines


def _number(value: float | int | None) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
