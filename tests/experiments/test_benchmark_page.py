"""The benchmark's page and its sweep are what the recorded search for the learning rates found."""

from __future__ import annotations

import yaml

from experiments.benchmark.__main__ import COLUMNS, RESULT_COLUMNS, TRIED, networks, results
from lgg_seg.reporting.table import markdown_table
from tests.experiments.records import RECORDS, ROOT


def test_the_page_has_the_tables_of_its_runs() -> None:
    page = (RECORDS / "benchmark" / "README.md").read_text(encoding="utf-8")
    assert markdown_table(COLUMNS, networks()) in page
    assert markdown_table(RESULT_COLUMNS, results()) in page


def test_every_network_was_tried_at_every_rate() -> None:
    assert all(set(network.dice) == set(TRIED) for network in networks())


def test_the_sweep_takes_the_rates_that_were_found() -> None:
    sweep = yaml.safe_load((ROOT / "conf" / "sweep" / "benchmark.yaml").read_text(encoding="utf-8"))
    taken = dict(variant.rsplit(" optimizer.lr=", 1) for variant in sweep["hydra"]["sweeper"]["variants"])
    assert {words: float(rate) for words, rate in taken.items()} == {one.overrides: one.rate for one in networks()}
