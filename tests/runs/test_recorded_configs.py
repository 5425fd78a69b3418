"""Every recorded run below experiments/, read as it lies there, is a config of today's code."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
import torch

from lgg_seg.config.instantiate import instantiate, to_plain
from lgg_seg.config.validation import check_config
from lgg_seg.networks import without_pretrained
from lgg_seg.networks.build import build_network
from lgg_seg.runs.folder import RunFolder

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
RUNS = sorted(path.parent for path in EXPERIMENTS.rglob("config.yaml"))


@cache
def parameter_count(model: str, channels: int) -> int:
    """Parameters of the network that a model node (as JSON) describes, built without memory for them.

    Mix Transformers read numbers of their own while they are built, which meta tensors do not have.
    """
    with torch.device("cpu" if '"encoder": "mit_' in model else "meta"):
        network = build_network(json.loads(model), channels)
    return sum(parameter.numel() for parameter in network.parameters())


def test_there_are_recorded_runs() -> None:
    assert RUNS


@pytest.mark.parametrize("path", RUNS, ids=lambda path: str(path.relative_to(EXPERIMENTS)))
def test_a_recorded_config_is_valid_and_builds_its_network(path: Path) -> None:
    folder = RunFolder(path)
    config, _ = folder.read_config()
    check_config(config)
    model = json.dumps(without_pretrained(to_plain(config.model)), sort_keys=True)
    expected = folder.read_json("metrics.json")["cost"]["parameters"]
    assert parameter_count(model, instantiate(config.preprocess, "preprocess").channel_count) == expected
