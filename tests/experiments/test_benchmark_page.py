"""The benchmark's sweep is what the recorded search for the learning rates found."""

from __future__ import annotations

import yaml

from experiments.benchmark.tables import TRIED, networks
from tests.experiments.records import ROOT


def test_every_network_was_tried_at_every_rate() -> None:
    assert all(set(network.dice) == set(TRIED) for network in networks())


def test_the_sweep_takes_the_rates_that_were_found() -> None:
    sweep = yaml.safe_load((ROOT / "conf" / "sweep" / "benchmark.yaml").read_text(encoding="utf-8"))
    taken = dict(variant.rsplit(" optimizer.lr=", 1) for variant in sweep["hydra"]["sweeper"]["variants"])
    assert {words: float(rate) for words, rate in taken.items()} == {one.overrides: one.rate for one in networks()}
