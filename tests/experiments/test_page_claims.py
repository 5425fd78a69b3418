"""What the pages claim beyond their tables: no more than the recorded patients and intervals hold."""

from __future__ import annotations

import pandas as pd
import yaml

from experiments.benchmark.tables import network, results
from tests.experiments.records import RECORDS, ROOT, three


def test_the_page_of_study_002_tells_the_dice_without_the_patient_who_has_no_tumour() -> None:
    told = []
    for run in ("slim", "slim_decay", "unet"):
        patients = pd.read_csv(RECORDS / "study_002" / run / "per_patient.csv")
        free = patients["truth_voxels"] == 0
        assert (len(patients), patients["dice"][free].tolist()) == (9, [1.0])
        told.append(three(patients["dice"][~free].mean()))
    page = " ".join((RECORDS / "study_002" / "README.md").read_text(encoding="utf-8").split())
    without = "Without that patient the patient Dice of `slim` is {}, of `slim_decay` {}, of `unet` {}."
    assert without.format(*told) in page


def test_the_pages_quote_what_a_leak_adds_with_its_interval() -> None:
    leak = (RECORDS / "leak" / "README.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")] for line in leak.splitlines()]

    def measured(label: str) -> list[str]:
        (row,) = (row for row in rows if len(row) > 5 and row[1] == label)
        return [row[4].split()[0], row[3].split()[0], row[5]]

    page = " ".join((ROOT / "docs" / "results.md").read_text(encoding="utf-8").split())
    with_leak, without, adds = measured("unet_slim, augment=none, max_epochs=40")
    words = (
        f"at 64² a slim U-Net has a pooled Dice of {with_leak} with leakage, and of {without} on the same slices when"
    )
    assert f"{words} their patients are new: {adds}." in page
    with_leak, without, adds = measured("unet_bn, study_000, flips_rotate")
    assert f"Study 000's recipe, at 64² too, has {with_leak} and {without}: {adds}." in page
    page = " ".join((RECORDS / "study_004" / "README.md").read_text(encoding="utf-8").split())
    unetpp, resnet = (
        measured(label)[2]
        for label in ("unetpp, max_epochs=6, filters=16", "unet_resnet50, max_epochs=10, weights=null")
    )
    assert f"UNet++ {unetpp}, which includes 0, and ResNet-50 {resnet}, one of seven intervals" in page
    configs = (RECORDS / "leak").glob("*/config.yaml")
    sizes = {yaml.safe_load(path.read_text(encoding="utf-8"))["preprocess"]["size"] for path in configs}
    assert sizes == {64}


def test_the_readme_says_where_the_gain_of_imagenets_weights_lies() -> None:
    pretrained, random = (
        next(one.patients for one in results() if network(one) == f"`{name}`")
        for name in ("unet_efficientnet", "unet_efficientnet, weights=null")
    )
    gain = pretrained["dice"] - random["dice"].loc[pretrained.index]
    smallest = pretrained["truth_voxels"] <= pretrained["truth_voxels"].quantile(1 / 3)
    assert 0.5 < gain[smallest].sum() / gain.sum() < 0.6
    page = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert "Over half of what ImageNet's weights add to it lies in the third of the patients" in page
    assert f"the median patient gains {three(gain.median())}." in page
