"""What pages say of the leakage is what the recorded runs hold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.leak.tables import tables
from lgg_seg.reporting.formatting import with_interval
from lgg_seg.statistics.bootstrap import Bootstrapped, summarise
from tests.experiments.records import RECORDS, content, interval

ROOT = RECORDS.parent


def test_the_page_of_the_leak_says_what_the_two_cross_validations_hold() -> None:
    page = " ".join((RECORDS / "leak" / "README.md").read_text(encoding="utf-8").split())
    new, known = (
        pd.concat(
            pd.read_csv(path) for path in sorted((RECORDS / "leak").glob(f"unet_slim_40_{split}_?/per_slice.csv"))
        )
        .groupby("patient")[["tp", "fp", "fn"]]
        .sum()
        for split in ("kfold", "slice_kfold")
    )
    pooled = [2 * t.tp.sum() / (2 * t.tp + t.fp + t.fn).sum() for t in (new, known)]
    each = [2 * t.tp / (2 * t.tp + t.fp + t.fn) for t in (new, known)]
    assert f"a pooled Dice of {pooled[1]:.3f}, and the very same slices with {pooled[0]:.3f}" in page
    assert f"adds {pooled[1] - pooled[0]:.3f} (0.055 to 0.135)**" in page
    better, failed = each[1] > each[0], each[0] < 0.5
    assert f"over patients it is {each[1].mean():.3f} and {each[0].mean():.3f}: {better.sum()} of the 88" in page
    assert f"with it and {(~better).sum()} worse, and none of the {failed.sum()} with a Dice below 0.5" in page
    assert (each[1][failed] >= 0.5).all()
    others = [2 * t.tp.sum() / (2 * t.tp + t.fp + t.fn).sum() for t in (new[~failed], known[~failed])]
    assert f"without them it is {others[0]:.3f} and {others[1]:.3f}" in page
    slices = [content(path) for path in sorted((RECORDS / "leak").glob("unet_slim_40_slice_kfold_?"))]
    minibatch = np.mean([one["metrics"]["minibatch/dice"] for one in slices])
    assert f"a mean over mini-batches, it is {minibatch:.3f} by slice" in page


def test_the_page_of_two_networks_says_what_the_cross_validation_by_patient_holds() -> None:
    folds = [folder / "per_patient.csv" for folder in sorted((RECORDS / "leak").glob("unet_slim_40_kfold_?"))]
    dice = [pd.read_csv(path)["dice"] for path in folds]
    everyone = summarise(pd.concat(dice).to_numpy())
    assert (len(folds), everyone.ci95 is not None) == (5, True)
    told = (
        f"{interval({'mean': everyone.mean, 'ci95': everyone.ci95}, 'mean')}, and of {dice[0].mean():.3f} on this fold"
    )
    assert told in " ".join((RECORDS / "quick_cpu" / "README.md").read_text(encoding="utf-8").split())


def test_the_page_of_the_leak_says_what_study_000s_own_recipe_holds() -> None:
    page = " ".join((RECORDS / "leak" / "README.md").read_text(encoding="utf-8").split())
    [(table, row)] = [(table, row) for table in tables() for row in table.rows if len(table.patients) == 59]
    arms = row.measures["pooled Dice"]
    low, high = arms.added.estimate.ci95 or (0, 0)
    assert f"adds {arms.added.value:+.3f} ({low:+.3f} to {high:+.3f}) on {len(table.slices)} slices" in page
    assert f"of {len(table.patients)} patients, {arms.leaky.value:.3f} after {arms.by_patient.value:.3f}" in page


def signed(difference: Bootstrapped) -> str:
    """As pages tell it, with its interval."""
    return with_interval(difference.value, difference.estimate.ci95, "{:+.3f}".format)


def test_the_page_of_the_leak_says_what_the_recommended_recipe_holds() -> None:
    page = " ".join((RECORDS / "leak" / "README.md").read_text(encoding="utf-8").split())
    results = " ".join((ROOT / "docs" / "results.md").read_text(encoding="utf-8").split())
    table = tables()[0]
    arms, slim = (row.measures["pooled Dice"] for row in sorted(table.rows, key=lambda row: row.label))
    told = f"has {arms.leaky.value:.3f} with the leak and {arms.by_patient.value:.3f} without it on the same"
    assert f"{told} {len(table.slices)} slices of {len(table.patients)} patients: {signed(arms.added)}, where" in page
    ahead, behind = signed(arms.by_patient - slim.by_patient), signed(arms.leaky - slim.leaky)
    assert f"ahead by {ahead}, with the leak behind by {behind}. Weights" in page
    assert f"gains {signed(arms.added)}. On new patients it is ahead of that slim U-Net by {ahead}; with" in results
    assert f"leak it is behind by {behind}, so" in results
