"""The benchmark's page and its sweep are what the recorded search for the learning rates found."""

from __future__ import annotations

import pandas as pd
import yaml

from experiments.benchmark.__main__ import COLUMNS, RESULT_COLUMNS, TRIED, networks, results
from lgg_seg.reporting.table import markdown_table
from lgg_seg.statistics.bootstrap import summarise
from tests.experiments.records import RECORDS, ROOT, interval


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


def test_the_readme_quotes_the_recipe_on_the_recorded_folds() -> None:
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    (result,) = [result for result in results() if result.label.startswith("unet_efficientnet,")]
    dice = result.metrics["patient/dice"]
    assert f"has on all {len(result.patients)} patients" in text
    assert f"a mean patient Dice of {interval(dice, 'mean')}, a median of {dice['median']:.3f}" in text
    assert f"a pooled Dice of {result.metrics['pooled/dice']:.3f}" in text


def test_the_readme_quotes_its_difference_to_the_slim_network_on_the_same_patients() -> None:
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    folders = (RECORDS / "benchmark" / "folds" / "unet_efficientnet_0", RECORDS / "quick_cpu" / "unet_slim")
    newer, slim = (pd.read_csv(folder / "per_patient.csv").set_index("patient")["dice"] for folder in folders)
    assert set(newer.index) == set(slim.index)
    gain = summarise((newer - slim).to_numpy()).as_dict()
    assert f"On the {len(slim)} patients above it is better than the slim network by {interval(gain, 'mean')}" in text
