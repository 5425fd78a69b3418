"""Making a zoo entry of a run: its weights in half precision, and a card that says what they are good for."""

from __future__ import annotations

import copy
import hashlib
import json
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from omegaconf import DictConfig
from safetensors.torch import save
from torch import Tensor, nn

from lgg_seg.data.kaggle.listing import find_dataset_root
from lgg_seg.data.preprocessing import normalise
from lgg_seg.data.splits.split import LEAKY
from lgg_seg.deploy.model_card import card_page, data_facts
from lgg_seg.deploy.parity import SLICES, Parity, compare, comparison_slices
from lgg_seg.errors import UserError
from lgg_seg.hardware import Hardware
from lgg_seg.inference.runner import TorchRunner
from lgg_seg.inference.trained import TrainedModel, from_run
from lgg_seg.inference.zoo import CARD, PAGE, WEIGHTS
from lgg_seg.runs.folder import RunFolder

MAX_BYTES = 16 * 10**6
MOST_CHANGED = 0.002  # of the decisions yes on the slices compared
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Added:
    """An entry's folder, the size of its weights, and what halving their precision changed."""

    folder: Path
    weights_bytes: int
    parity: Parity


def add(run: Path, name: str, models: Path, data_root: Path | None) -> Added:
    """Make an entry `name` in the folder `models` of a finished, tested run.

    Convolutions and linear layers are stored in half precision; what has one number a channel (biases, batch norm and
    its running statistics) stays in float32, where it may not fit the range of a half and weighs nothing.

    Raises:
        UserError: the name is taken or no name; the run is not finished or was not tested on whole patients; the
            weights are too large or change what the network says.
    """
    if not _NAME.fullmatch(name):
        raise UserError(f"name={name} is no name; take small letters, digits and underscores.")
    target = models / name
    if target.exists():
        raise UserError(f"{target} is there already, and nothing is overwritten; remove it or take another name.")
    config, metrics = _tested(RunFolder(run))
    trained = from_run(run)
    content = save(halved(trained.network))
    if len(content) > MAX_BYTES:
        raise UserError(
            f"The weights of {trained.name} take {len(content) / 1e6:.1f} MB in half precision; the zoo has room for "
            f"{MAX_BYTES // 10**6} MB a model. Take a smaller network."
        )
    root = data_root or (find_dataset_root(Path(config.data.root)) if config.data.root else None)
    parity = _parity(trained, root)
    if parity.disagreeing > MOST_CHANGED * max(parity.positive, 1):
        raise UserError(
            f"In half precision {trained.name} decides {parity.disagreeing} of {parity.positive} otherwise on "
            f"{parity.slices} slices of {parity.of}; it is not made for that."
        )
    card = _card(name, trained, config, metrics, RunFolder(run).read_json("provenance.json"), content, parity)
    with TemporaryDirectory() as place:
        made = Path(place) / name
        made.mkdir()
        (made / WEIGHTS).write_bytes(content)
        (made / CARD).write_text(json.dumps(card, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        (made / PAGE).write_text(card_page(card, trained.preprocess), encoding="utf-8")
        try:
            models.mkdir(parents=True, exist_ok=True)
            shutil.move(made, target)
        except OSError as error:
            raise UserError(f"{target} cannot be written ({error.strerror or error}); name another models=.") from error
    return Added(target, len(content), parity)


def halved(network: nn.Module) -> dict[str, Tensor]:
    """The network's tensors, contiguous, those with more than one number a channel in float16."""
    state = network.state_dict()
    return {
        name: (value.half() if value.is_floating_point() and value.ndim > 1 else value).contiguous()
        for name, value in state.items()
    }


def _tested(folder: RunFolder) -> tuple[DictConfig, dict[str, Any]]:
    config, _ = folder.read_config()
    state = folder.read_json("status.json")["state"]
    if state != "finished":
        raise UserError(f"{folder.path} is {state}, not finished; go on with it by resume={folder.path}.")
    metrics = folder.read_json("metrics.json")
    if metrics["truncated"]:
        raise UserError(f"{folder.path} was tested on a few patients alone (evaluation.max_patients); test it on all.")
    if metrics["protocol"] == LEAKY:
        raise UserError(f"{folder.path} was tested on slices of patients it was trained on; its numbers mean nothing.")
    return config, metrics


def _parity(trained: TrainedModel, root: Path | None) -> Parity:
    """Of the weights as they will be read again, in float32, on the CPU."""
    network = copy.deepcopy(trained.network)
    network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in halved(network).items()})
    cpu = Hardware(torch.device("cpu"), "32-true", channels_last=False)
    of, batches = comparison_slices(trained, root)
    return compare(trained, TorchRunner(network, normalise, cpu, SLICES), of, batches)


def _card(
    name: str,
    trained: TrainedModel,
    config: DictConfig,
    metrics: dict[str, Any],
    facts: dict[str, Any],
    content: bytes,
    parity: Parity,
) -> dict[str, Any]:
    """The content of `card.json`; no path of the machine that made it."""
    trained = replace(trained, name=name)
    return {
        "name": trained.name,
        **trained.config,
        "threshold": metrics["threshold"],
        "postprocess": trained.postprocess,
        "weights": {
            "file": WEIGHTS,
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "precision": "float16; biases and batch norm float32",
            "parameters": sum(one.numel() for one in trained.network.parameters()),
            "checkpoint_sha256": trained.digest,
        },
        "training": {
            "run": config.name,
            "seed": facts["seed"],
            "command": [word for word in facts["command"] if not _of_a_machine(word)],
            "commit": facts["code"]["commit"],
            "data_fingerprint": facts["data_fingerprint"],
            "split": facts["split"],
            "versions": facts["versions"],
            "precision": facts["precision"],
            "wall_seconds": facts.get("wall_seconds"),
        },
        "tested": {key: metrics[key] for key in ("split", "patients", "slices", "protocol", "metric_version")},
        "metrics": metrics["metrics"],
        "strata": metrics.get("strata", {}),
        "half_precision": parity.as_dict(),
        **data_facts(facts["split"], metrics),
    }


def _of_a_machine(word: str) -> bool:
    """Whether a word of a command line names a place that is nowhere else."""
    return word.partition("=")[2].strip("'\"").startswith(("/", "~", "\\")) or ":\\" in word
