"""The model card of a zoo entry: what the network was trained on, measured by, good for, and allowed for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from omegaconf import DictConfig

from lgg_seg.deploy.parity import Parity
from lgg_seg.inference.trained import TrainedModel
from lgg_seg.inference.zoo import WEIGHTS

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


def model_card(
    name: str,
    trained: TrainedModel,
    config: DictConfig,
    metrics: Mapping[str, Any],
    provenance: Mapping[str, Any],
    weights: bytes,
    parity: Parity,
) -> dict[str, Any]:
    """The content of `card.json`, from a run and the file of its halved weights; no path of the machine is in it."""
    return {
        "name": name,
        **trained.config,
        "threshold": metrics["threshold"],
        "postprocess": trained.postprocess,
        "weights": {
            "file": WEIGHTS,
            "bytes": len(weights),
            "sha256": hashlib.sha256(weights).hexdigest(),
            "precision": "float16; biases and batch norm float32",
            "parameters": sum(one.numel() for one in trained.network.parameters()),
            "checkpoint_sha256": trained.digest,
        },
        "training": {
            "run": config.name,
            "seed": provenance["seed"],
            "command": [word for word in provenance["command"] if not _names_local_path(word)],
            "commit": provenance["code"]["commit"],
            **{key: provenance[key] for key in ("data_fingerprint", "split", "versions", "precision")},
            "wall_seconds": provenance.get("wall_seconds"),
        },
        "tested": {key: metrics[key] for key in ("split", "patients", "slices", "protocol", "metric_version")},
        "metrics": metrics["metrics"],
        "strata": metrics.get("strata", {}),
        "half_precision": asdict(parity),
        **data_facts(provenance["split"], metrics),
    }


def _names_local_path(word: str) -> bool:
    """Whether a word of a command line holds a path of one machine."""
    return word.partition("=")[2].strip("'\"").startswith(("/", "~", "\\")) or ":\\" in word


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
