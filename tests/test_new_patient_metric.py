"""A patient metric is one entry of the registry: every table has it then, and runs from before it still load."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lgg_seg.compare import compare_folders
from lgg_seg.data.splits.split import LEAKY
from lgg_seg.metrics.overlap import Counts
from lgg_seg.metrics.registry import PATIENT_METRICS, PatientMetric
from lgg_seg.reporting.run_table import result_table
from lgg_seg.reporting.wandb.media import metrics_table
from tests.comparison.run_folders import Volume, volumes, write_run
from tests.reporting.html.parsed_page import parse


def volume_error(counts: Counts) -> np.ndarray:
    """Difference of the predicted volume to the true one, in voxels."""
    return np.abs(np.asarray(counts.predicted, dtype=np.float64) - counts.truth)


def entry(*, of_counts: bool) -> PatientMetric:
    return PatientMetric(
        key="volume_error",
        title="volume error",
        function=lambda volumes: float(abs(volumes.prediction.sum() - volumes.truth.sum())),
        direction="min",
        unit="voxels",
        format=".2f",
        of_counts=volume_error if of_counts else None,
    )


@pytest.fixture
def registered() -> Iterator[None]:
    """The registry with the entry `volume_error`, which is taken out of it again."""
    PATIENT_METRICS["volume_error"] = entry(of_counts=False)
    yield
    PATIENT_METRICS.pop("volume_error", None)


@pytest.mark.usefixtures("registered")
def test_a_registered_metric_is_in_every_table(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, [f"model={name}"], dice=dice) for name, dice in (("unet", 0.7), ("unet_bn", 0.8))
    ]
    means = {}
    for run in runs:
        patients = pd.read_csv(run / "per_patient.csv")
        assert patients["volume_error"].tolist() == (patients["truth_voxels"] - patients["predicted_voxels"]).tolist()
        content = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        means[run.name] = content["metrics"]["patient/volume_error"]["mean"]
        assert means[run.name] == pytest.approx(patients["volume_error"].mean())
        logged = metrics_table(content["metrics"]).set_index("metric")
        assert logged.loc["patient/volume_error", "value"] == means[run.name]
        assert "patient/volume_error" in map(str, result_table(content, "a run").columns[0].cells)

    output = tmp_path / "compared"
    compare_folders(runs, output)
    board = pd.read_csv(output / "leaderboard.csv").set_index("configuration")
    assert board["patient_volume_error"].to_dict() == pytest.approx(means)

    head, _, *lines = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in (output / "leaderboard.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("|")
    ][:4]
    place = head.index("mean volume error, voxels")
    assert {line[1]: line[place] for line in lines} == {name: f"{mean:.2f}" for name, mean in means.items()}

    rows = [row for row in parse((output / "leaderboard.html").read_text(encoding="utf-8")).rows if "name" in row]
    cells = {row["name"]: row["patient_volume_error"] for row in rows}
    assert cells == {"unet": f"{means['unet']:.2f}", "unet_bn": f"{means['unet_bn']:.2f} (best)"}

    assert "volume error, voxels" in (output / "wandb_report.json").read_text(encoding="utf-8")


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("older", [["0"], ["0", "1"]])
@pytest.mark.parametrize("part", ["fold", "seed"])
def test_it_is_absent_where_a_run_was_recorded_before_it(part: str, older: list[str], tmp_path: Path) -> None:
    everyone = volumes(6)
    for number in ("0", "1"):
        words = ["split=kfold", "split.n_splits=2", f"split.fold={number}"] if part == "fold" else [f"seed={number}"]
        truths = dict(list(everyone.items())[int(number) :: 2]) if part == "fold" else everyone
        metric = PATIENT_METRICS.pop("volume_error")
        if number not in older:
            PATIENT_METRICS["volume_error"] = metric
        write_run(tmp_path / number, words, truths=truths)
        PATIENT_METRICS["volume_error"] = metric
    write_run(tmp_path / "newer", ["model=unet_slim"], truths=everyone)
    (table,) = compare_folders([tmp_path], tmp_path / "compared").tables
    errors = {one.label: one.metrics["patient/volume_error"] for one in table.entries}
    assert errors.pop("unet_slim")["mean"] > 0
    assert list(errors.values()) == [None]
    board = pd.read_csv(tmp_path / "compared" / "leaderboard.csv").set_index("configuration")
    assert board["patient_volume_error"].isna().sum() == 1
    assert board["patient_hd95_px"].notna().all()


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("of_counts", [True, False])
def test_folds_of_slices_have_it_where_counts_suffice(of_counts: bool, tmp_path: Path) -> None:
    PATIENT_METRICS["volume_error"] = entry(of_counts=of_counts)
    everyone = volumes(4)
    for fold in range(2):
        part = {name: Volume(one.numbers[fold::2], one.truth[fold::2]) for name, one in everyone.items()}
        words = ["split=slice_kfold", "split.n_splits=2", f"split.fold={fold}"]
        write_run(tmp_path / str(fold), words, truths=part, protocol=LEAKY)
    (table,) = compare_folders([tmp_path], tmp_path / "compared").tables
    (found,) = table.entries
    patients = found.patients
    if of_counts:
        expected = (patients["truth_voxels"] - patients["predicted_voxels"]).abs()
        assert patients["volume_error"].tolist() == expected.tolist()
        assert found.metrics["patient/volume_error"]["mean"] == pytest.approx(expected.mean())
    else:
        assert "volume_error" not in patients
        assert found.metrics["patient/volume_error"] is None
