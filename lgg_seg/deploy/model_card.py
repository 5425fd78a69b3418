"""The model card of a zoo entry: what the network was trained on, measured by, good for, and allowed for."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig

from lgg_seg.data.splits.split import SUBSETS
from lgg_seg.deploy.parity import Parity
from lgg_seg.inference.trained import TrainedModel
from lgg_seg.inference.zoo import WEIGHTS

# The phantom's names are such that no patient has them.
_PHANTOM, _TCGA = re.compile(r"TCGA_\w\w_P\d{3}_\d{8}"), re.compile(r"TCGA_\w\w_\w{4}(_\d{8})?")
_TESTED = ("split", "patients", "slices", "protocol", "metric_version", "statement", "networks")
_TEXTS = Path(__file__).with_suffix(".yaml")


def model_card(
    name: str,
    trained: TrainedModel,
    config: DictConfig,
    metrics: Mapping[str, Any],
    provenance: Mapping[str, Any],
    weights: bytes,
    parity: Parity,
) -> dict[str, Any]:
    """The content of `card.json`, without local paths; `metrics` are a run's, or those of `cross_validated`."""
    return {
        "name": name,
        **trained.config,
        "threshold": metrics["threshold"],
        "postprocess": trained.postprocess,
        "tta": trained.tta,
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
            **{key: provenance[key] for key in ("starting_weights",) if key in provenance},
        },
        "tested": {key: metrics[key] for key in _TESTED if key in metrics},
        "metrics": metrics["metrics"],
        "strata": metrics.get("strata", {}),
        "half_precision": asdict(parity),
        **data_facts(provenance["split"], metrics),
    }


def _names_local_path(word: str) -> bool:
    """Whether a word of a command line holds a path of one machine."""
    return word.partition("=")[2].strip("'\"").startswith(("/", "~", "\\")) or ":\\" in word


def data_facts(split: Mapping[str, Any], metrics: Mapping[str, Any]) -> dict[str, Any]:
    """`data`, `limits` and `licence` of a card, by the patients that the network was trained on."""
    names = [name for subset in SUBSETS for name in split[subset]]
    patterns = {"phantom": _PHANTOM, "lgg": _TCGA}
    kind = next((kind for kind, p in patterns.items() if all(p.fullmatch(name) for name in names)), "other")
    texts = yaml.safe_load(_TEXTS.read_text(encoding="utf-8"))[kind]
    return {"data": texts["data"], "limits": [*texts["limits"], *_weakest(metrics)], "licence": texts["licence"]}


def _weakest(metrics: Mapping[str, Any]) -> list[str]:
    """The size of tumour with the lowest Dice."""
    sizes = metrics.get("strata", {}).get("tumour_size", {})
    if len(sizes) < 2:
        return []
    name, group = min(sizes.items(), key=lambda item: item[1]["dice"])
    return [f"Weakest on {name} tumours: mean Dice {group['dice']:.3f} over {group['patients']} patients."]
