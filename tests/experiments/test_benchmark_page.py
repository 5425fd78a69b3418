"""The benchmark's sweep is what the recorded search for the learning rates found."""

from __future__ import annotations

import yaml

from experiments.benchmark.tables import TRIED, network, networks, small
from tests.experiments.records import ROOT


def test_every_network_was_tried_at_every_rate() -> None:
    assert all(set(network.dice) == set(TRIED) for network in networks())


def test_the_sweep_takes_the_rates_that_were_found() -> None:
    sweep = yaml.safe_load((ROOT / "conf" / "sweep" / "benchmark.yaml").read_text(encoding="utf-8"))
    taken = dict(variant.rsplit(" optimizer.lr=", 1) for variant in sweep["hydra"]["sweeper"]["variants"])
    assert {words: float(rate) for words, rate in taken.items()} == {one.overrides: one.rate for one in networks()}


def test_the_page_says_what_a_network_below_two_million_parameters_lacks() -> None:
    page = " ".join((ROOT / "experiments" / "benchmark" / "README.md").read_text(encoding="utf-8").split())
    pairs = {network(pair.second): pair for pair in small()}
    assert set(pairs) == {"`unet_slim`", "`unet_efficientnet_small`"}
    pretrained, random = pairs["`unet_efficientnet_small`"], pairs["`unet_slim`"]
    assert "On the three folds so far" in page
    assert (pretrained.second.folds, random.second.folds) == (3, 5)
    assert "excludes that it lacks two hundredths" in page
    gap, other = pretrained.difference.ci95, random.difference.ci95
    assert gap is not None
    assert other is not None
    assert -0.02 < gap[0] < 0 < gap[1]
    assert other[1] < 0
    parameters, operations = (
        [one.cost[name] or 0 for one in (pretrained.first, pretrained.second)]
        for name in ("parameters", "flops_per_slice")
    )
    assert parameters[0] > 3 * parameters[1]
    assert operations[0] < operations[1]
