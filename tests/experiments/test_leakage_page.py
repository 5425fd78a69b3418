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
    [slim] = [row for row in tables()[0].rows if "unet_slim" in row.label]
    low, high = slim.measures["pooled Dice"].added.estimate.ci95 or (0, 0)
    assert f"adds {pooled[1] - pooled[0]:.3f} ({low:.3f} to {high:.3f})**" in page
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
    assert (
        f"of {len(table.patients)} patients: {arms.leaky.value:.3f} with it, {arms.by_patient.value:.3f} without"
        in page
    )


def leaky_dice(name: str) -> pd.Series[float]:
    """Each patient's Dice over all slices, by the networks that were trained on other slices of theirs."""
    slices = pd.concat(pd.read_csv(path) for path in (RECORDS / "leak").glob(f"{name}_slice_kfold_?/per_slice.csv"))
    counts = slices.groupby("patient")[["tp", "fp", "fn"]].sum()
    return 2 * counts["tp"] / (2 * counts["tp"] + counts["fp"] + counts["fn"])


def signed(difference: Bootstrapped) -> str:
    """As pages tell it, with its interval."""
    return with_interval(difference.value, difference.estimate.ci95, "{:+.3f}".format)


def test_the_page_of_the_leak_says_what_the_recommended_recipe_holds() -> None:
    page = " ".join((RECORDS / "leak" / "README.md").read_text(encoding="utf-8").split())
    results = " ".join((ROOT / "docs" / "results.md").read_text(encoding="utf-8").split())
    table = tables()[0]
    efficientnet, slim_network = sorted(table.rows, key=lambda row: row.label)
    arms, slim = (row.measures["pooled Dice"] for row in (efficientnet, slim_network))
    told = f"has {arms.leaky.value:.3f} with the leak and {arms.by_patient.value:.3f} without it on the same"
    assert f"{told} {len(table.slices)} slices of {len(table.patients)} patients: {signed(arms.added)}, where" in page
    lead, gone = arms.by_patient - slim.by_patient, arms.leaky - slim.leaky
    slices = Bootstrapped.__sub__(*(row.measures["tumour-slice Dice"].leaky for row in (efficientnet, slim_network)))
    patients = summarise((leaky_dice("unet_efficientnet_12") - leaky_dice("unet_slim_40")).to_numpy())
    assert lead.estimate.ci95 is not None
    assert lead.estimate.ci95[0] > 0 > gone.value
    assert f"EfficientNet's lead is {signed(lead)}. With the leak this lead is gone: {signed(gone)} pooled" in page
    mean = with_interval(patients.mean, patients.ci95, "{:+.3f}".format)
    assert f"{mean} as a mean over patients, {signed(slices)} on tumour slices. Which" in page
    assert (
        f"gains less: {signed(arms.added)}. **On new patients it is ahead of the slim network by {lead.value:.3f};"
        in page
    )
    assert (
        f"post-processing, gains {signed(arms.added)}. On new patients its lead over that slim U-Net is {signed(lead)};"
        in results
    )
    assert f"with the leak this lead is gone: {signed(gone)}, less" in results
